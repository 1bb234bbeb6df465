//! Reads tools from the files of other catalogues: a pure function from parsed JSON or YAML to documents.
//!
//! Read are: one tool, `{tool_name, capabilities, ...}`; a list of tools; `{tools: ...}` with tools by name or in a
//! list; and several of those in one stream. Capabilities and patterns are by name, or in lists with `capability_name`
//! and `pattern_name`. Each tool is read and checked by itself: one that cannot be read is refused with the reason and
//! the cure, and the others are imported. An OpenAPI document becomes a draft for each of its operations.

mod openapi;
mod shape;

use std::collections::HashMap;
use std::sync::Arc;

use midflight_core::{DocumentName, JsonPointer, JsonType, Problem, Problems, check_body, clip};
use midflight_engine::{Interrupted, Work};
use serde_json::Value;

use crate::document::FOLDERS;
use crate::limits::IMPORT_TOOLS_MAX;
use crate::read_tool::read_tool;
use shape::{canonical, placeholder, unknown_shape};

/// The result of an import.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ToolsImport {
    /// The tools that were read, in their order.
    pub tools: Vec<ImportedTool>,
    /// What was refused, in its order.
    pub refused: Vec<ImportRefusal>,
    /// What was left out of the tools that were read, and what was skipped, in its order; the first 1,000.
    pub notices: Vec<ImportNotice>,
}

/// A tool that was read. By itself it is valid; whether its names are free, only the catalogue knows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImportedTool {
    /// Where it was, as `/tools/3`; a stream of several documents counts them first, from 0.
    pub place: String,
    /// The name for its document: its tool name, with `-` for what no document's name may have.
    pub name: DocumentName,
    /// Its tool name.
    pub tool_name: String,
    /// Its document.
    pub body: Value,
}

/// An item that was refused.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImportRefusal {
    /// Where it was, as [`ImportedTool::place`]; empty for the whole input.
    pub place: String,
    /// What it calls itself, if it does.
    pub tool: Option<String>,
    /// The class of the reason.
    pub reason: RefusalReason,
    /// The reason and the cure.
    pub message: String,
}

/// Something that was left out, which is no fault of the input.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImportNotice {
    /// Where it was, as [`ImportedTool::place`].
    pub place: String,
    /// The tool, or what it would have been called.
    pub tool: Option<String>,
    /// What was left out, and what to do about it.
    pub message: String,
}

impl ImportNotice {
    /// The notice in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        match &self.tool {
            Some(tool) => format!("{tool}: {}", self.message),
            None => self.message.clone(),
        }
    }
}

/// Why an item was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// It has placeholders.
    Template,
    /// It is not of a shape that is read.
    Shape,
    /// It is a tool with problems.
    Invalid,
    /// An item before it has the same name.
    Duplicate,
    /// The import has too many tools.
    TooMany,
    /// It is an operation of an OpenAPI document that cannot be read as a tool.
    Unsupported,
}

impl RefusalReason {
    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::Shape => "unknown_shape",
            Self::Invalid => "invalid_tool",
            Self::Duplicate => "duplicate_tool",
            Self::TooMany => "too_many",
            Self::Unsupported => "unsupported_operation",
        }
    }
}

/// Reads the documents of one input, as a YAML stream has them. Cost: linear.
///
/// ```
/// use midflight_tools::import::import;
/// use serde_json::json;
///
/// let file = json!({"tool_name": "grep", "description": "Finds lines.", "capabilities": [
///     {"capability_name": "search", "patterns": [{"pattern_name": "p", "time_estimate_ms": "40", "cost_estimate": 1}]},
/// ]});
/// let imported = import(&[file, json!({"name": "find", "tags": []})]);
/// assert_eq!(imported.tools[0].body["capabilities"]["search"]["patterns"]["p"]["time_estimate_ms"], "40");
/// assert!(imported.refused[0].message.contains("tool_name and capabilities"));
/// ```
#[must_use]
pub fn import(values: &[Value]) -> ToolsImport {
    // Without a bound nothing interrupts it.
    import_within(values, &Work::unbounded()).unwrap_or_default()
}

/// As [`import`], within a budget of time.
///
/// # Errors
/// When `work` is interrupted: it is asked for each tool.
pub fn import_within(values: &[Value], work: &Work) -> Result<ToolsImport, Interrupted> {
    let mut importer =
        Importer { work, import: ToolsImport::default(), tool_names: HashMap::new(), names: HashMap::new() };
    for (at, value) in values.iter().enumerate() {
        let place = if values.len() == 1 { String::new() } else { format!("/{at}") };
        importer.read(value, &place, None);
        work.check()?;
    }
    Ok(importer.import)
}

struct Importer<'w> {
    work: &'w Work,
    import: ToolsImport,
    /// The places of tools by tool name and by document name.
    tool_names: HashMap<String, String>,
    names: HashMap<DocumentName, String>,
}

impl Importer<'_> {
    fn refuse(&mut self, place: &str, tool: Option<&str>, reason: RefusalReason, message: impl Into<String>) {
        let tool = tool.map(clip);
        self.import.refused.push(ImportRefusal {
            place: place.to_owned(),
            tool,
            reason,
            message: message.into(),
        });
    }

    /// Reads the value of a place; `named` is its name there.
    fn read(&mut self, value: &Value, place: &str, named: Option<&str>) {
        match value {
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.read_item(item, &format!("{place}/{at}"), None);
                }
            }
            Value::Object(members) if openapi::is_openapi(members) => self.read_openapi(value, place),
            Value::Object(members) if !members.contains_key("tool_name") => match members.get("tools") {
                Some(Value::Object(tools)) => {
                    for (name, tool) in tools {
                        let place = JsonPointer::parse(place).key("tools").key(name);
                        self.read_item(tool, place.as_str(), Some(name));
                    }
                }
                Some(list @ Value::Array(_)) => self.read(list, &format!("{place}/tools"), None),
                _ => self.read_item(value, place, named),
            },
            _ => self.read_item(value, place, named),
        }
    }

    /// Whether one more tool may be read: none past the budget, which is reported at the end. The place of the first one too many is reported.
    fn has_room(&mut self, place: &str, named: Option<&str>) -> bool {
        if self.work.check().is_err() {
            return false;
        }
        let read = self.import.tools.len() + self.import.refused.len();
        if read == IMPORT_TOOLS_MAX {
            let message = format!("an import has at most {IMPORT_TOOLS_MAX} tools; split it");
            self.refuse(place, named, RefusalReason::TooMany, message);
        }
        read < IMPORT_TOOLS_MAX
    }

    fn read_item(&mut self, value: &Value, place: &str, named: Option<&str>) {
        if value.as_object().is_some_and(openapi::is_openapi) {
            return self.read_openapi(value, place);
        }
        if !self.has_room(place, named) {
            return;
        }
        let stated = value.get("tool_name").and_then(Value::as_str).or(named);
        if let Some((path, text)) = placeholder(value) {
            let message = format!(
                "it is a template: {:?} at {path} is a placeholder; replace every <...>, then import it",
                clip(text)
            );
            return self.refuse(place, stated, RefusalReason::Template, message);
        }
        if let Some((tool, message)) = unknown_shape(value, named) {
            return self.refuse(place, tool.or(stated), RefusalReason::Shape, message);
        }
        let tool_name = stated.unwrap_or_default().to_owned();
        let mut problems = Problems::default();
        let body = canonical(value, &tool_name, &mut problems);
        self.put(place, tool_name, body, problems);
    }

    /// Takes over a tool, if it is valid and the first of its name. `problems` are those that are known before it is
    /// read.
    fn put(&mut self, place: &str, tool_name: String, body: Value, mut problems: Problems) {
        let Some(name) = document_name(&tool_name) else {
            let message = format!(
                "no document name can be made of the tool_name {:?}; use letters or digits",
                clip(&tool_name)
            );
            return self.refuse(place, Some(&tool_name), RefusalReason::Invalid, message);
        };
        if let Some(first) = self.tool_names.get(&tool_name).or_else(|| self.names.get(&name)) {
            let first = if first.is_empty() { "the whole input" } else { first };
            let message =
                format!("the tool {:?} is already at {first}; rename or remove one", clip(&tool_name));
            return self.refuse(place, Some(&tool_name), RefusalReason::Duplicate, message);
        }
        let body = Arc::new(body);
        if problems.is_empty() {
            problems = check_body(&body);
        }
        if problems.is_empty() {
            problems = read_tool(name.as_str(), &body, self.work).err().unwrap_or_default();
        }
        if !problems.is_empty() {
            return self.refuse(place, Some(&tool_name), RefusalReason::Invalid, problems.to_string());
        }
        self.tool_names.insert(tool_name.clone(), place.to_owned());
        self.names.insert(name.clone(), place.to_owned());
        let body = Arc::unwrap_or_clone(body);
        self.import.tools.push(ImportedTool { place: place.to_owned(), name, tool_name, body });
    }
}

/// The document of one tool in any shape that is read, and the name for it. What the tool states is not checked.
///
/// ```
/// use midflight_tools::import::canonical_tool;
/// use serde_json::json;
///
/// let listed = json!({"tool_name": "git log", "version": 2, "metadata": null, "capabilities": [
///     {"capability_name": "history", "patterns": [{"pattern_name": "short", "cost_estimate": 1}]}]});
/// let (name, body) = canonical_tool(&listed)?;
/// assert_eq!((name.as_str(), &body["version"]), ("git-log", &json!("2")));
/// assert_eq!(body["capabilities"]["history"]["patterns"]["short"], json!({"cost_estimate": 1}));
/// assert!(canonical_tool(&json!({})).unwrap_err().to_string().contains("tool_name"));
/// # Ok::<_, midflight_core::Problems>(())
/// ```
///
/// # Errors
/// No tool name, one of which no document name can be made, and items of lists without a name of their own or with one
/// twice.
pub fn canonical_tool(value: &Value) -> Result<(DocumentName, Value), Problems> {
    let (root, mut problems) = (JsonPointer::root(), Problems::default());
    if !value.is_object() {
        let message = format!("a tool is an object, not {}", JsonType::of(value).word());
        return Err(Problem::new("wrong_type", root, message).into());
    }
    let place = root.key("tool_name");
    let tool_name = match value.get("tool_name") {
        Some(Value::String(tool_name)) => tool_name,
        None | Some(Value::Null) => {
            let message = "a tool needs a tool_name: what people and services call it";
            return Err(Problem::new("missing_field", place, message).into());
        }
        Some(other) => {
            let message = format!("tool_name is a string, not {}", JsonType::of(other).word());
            return Err(Problem::new("wrong_type", place, message).into());
        }
    };
    let body = shape::canonical(value, tool_name, &mut problems);
    let Some(name) = document_name(tool_name) else {
        let message = format!(
            "no document name can be made of the tool_name {:?}; use letters or digits",
            clip(tool_name)
        );
        problems.add(Problem::new("bad_name", place, message));
        return Err(problems);
    };
    problems.or((name, body))
}

/// The name of the document of a tool: its tool name, with `-` for what no name may have.
#[must_use]
pub fn document_name(tool_name: &str) -> Option<DocumentName> {
    let is_free = |name: &DocumentName| !FOLDERS.contains(&name.as_str());
    if !tool_name.contains('/')
        && let Ok(name) = DocumentName::new(tool_name)
        && is_free(&name)
    {
        return Some(name);
    }
    let mut slug = String::new();
    for c in tool_name.chars() {
        if c.is_alphanumeric() || "._:@+".contains(c) {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
    let name = DocumentName::new(slug).ok()?;
    if is_free(&name) { Some(name) } else { DocumentName::new(&format!("{slug}-tool")).ok() }
}

#[cfg(test)]
mod tests;
