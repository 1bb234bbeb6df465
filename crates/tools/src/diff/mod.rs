//! What a change of a tool means for those who use it: breaking, compatible, or wording.
//!
//! Editing a tool breaks a working agent on its next call, silently; a changed description instructs a model
//! differently. So a difference is classified by what a caller sees: a removed parameter or one that became required is
//! breaking, a new optional one is compatible, and words are wording, never cosmetic. The identity of a tool is its
//! document's, so a new name is a rename. What cannot be compared counts as breaking.

mod schema;

use std::fmt;

use midflight_core::JsonPointer;
use serde_json::{Map, Value};

use crate::lint::escape_hidden;
use crate::snapshot::ToolsSnapshot;
use crate::tool::Tool;

/// What a difference means for a caller, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Impact {
    /// A call or a selection that works today may fail.
    Breaking,
    /// What works today works on.
    Compatible,
    /// A model reads another text.
    Wording,
}

impl Impact {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Compatible => "compatible",
            Self::Wording => "wording",
        }
    }
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One difference of a tool. It prints as `breaking: the parameter "x" became required`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ToolDifference {
    /// What it means.
    pub impact: Impact,
    /// Where: for what agents see, a pointer into [`Tool::definition`], as `/inputSchema/properties/x`; else into the
    /// document.
    pub path: JsonPointer,
    /// The difference in a sentence. Hidden characters are escaped.
    pub message: String,
}

impl ToolDifference {
    fn new(impact: Impact, path: JsonPointer, message: impl AsRef<str>) -> Self {
        Self { impact, path, message: escape_hidden(message.as_ref()).into_owned() }
    }
}

impl fmt::Display for ToolDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.impact, self.message)
    }
}

/// The change of a tool between two catalogues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ToolFate {
    /// It is new.
    Added,
    /// It was removed.
    Removed,
    /// Agents know it by another name.
    Renamed,
    /// It is another under the same name.
    Changed,
}

/// A tool that differs between two catalogues.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogueDifference {
    /// The name of its document.
    pub id: String,
    /// Its result.
    pub fate: ToolFate,
    /// The name by which agents knew it; none when it is new.
    pub before: Option<String>,
    /// The name by which agents know it; none when it was removed.
    pub after: Option<String>,
    /// Its differences, the worst first.
    pub differences: Vec<ToolDifference>,
}

impl CatalogueDifference {
    /// The worst of its differences.
    #[must_use]
    pub fn impact(&self) -> Impact {
        self.differences.iter().map(|difference| difference.impact).min().unwrap_or(Impact::Compatible)
    }
}

/// The differences of two versions of a tool, the worst first; none when nothing a caller can notice differs. Cost:
/// linear in both documents.
#[must_use]
pub fn diff_tools(before: &Tool, after: &Tool) -> Vec<ToolDifference> {
    let mut found = Vec::new();
    let root = JsonPointer::root();
    let mut note = |impact, path: &JsonPointer, message: String| {
        found.push(ToolDifference::new(impact, path.clone(), message))
    };
    if before.mcp_name() != after.mcp_name() {
        let message = format!("the tool was renamed from {:?} to {:?}", before.mcp_name(), after.mcp_name());
        note(Impact::Breaking, &root.key("name"), message);
    }
    if before.tool_name() != after.tool_name() {
        let message =
            format!("the tool_name changed from {:?} to {:?}", before.tool_name(), after.tool_name());
        note(Impact::Breaking, &root.key("tool_name"), message);
    }
    match (before.is_offered(), after.is_offered()) {
        (true, false) => {
            let state = if after.is_enabled() { after.status().as_str() } else { "switched off" };
            note(Impact::Breaking, &root, format!("the tool is no longer offered; it is {state}"));
        }
        (false, true) => note(Impact::Compatible, &root, "the tool is offered now".to_owned()),
        _ => {}
    }
    for key in ["title", "description"] {
        let texts = [before, after].map(|tool| tool.body().get(key).and_then(Value::as_str));
        if texts[0] != texts[1] {
            let shown =
                texts.map(|text| text.map_or("nothing".to_owned(), |text| format!("{:?}", short(text))));
            note(
                Impact::Wording,
                &root.key(key),
                format!("the {key} changed from {} to {}", shown[0], shown[1]),
            );
        }
    }
    annotations(before, after, &mut note);
    schema::diff_input(before.input_schema(), after.input_schema(), &root.key("inputSchema"), &mut note);
    schema::diff_output(before.output_schema(), after.output_schema(), &root.key("outputSchema"), &mut note);
    capabilities(before.body(), after.body(), &mut note);
    others(before.body(), after.body(), &mut note);
    found.sort_by_key(|difference| difference.impact);
    found
}

/// The tools that differ between two catalogues, by id. A tool that both share costs a step.
#[must_use]
pub fn diff_catalogues(before: &ToolsSnapshot, after: &ToolsSnapshot) -> Vec<CatalogueDifference> {
    let mut differences = Vec::new();
    let alone = |tool: &Tool, fate: ToolFate, impact: Impact, message: &str| CatalogueDifference {
        id: tool.id().to_owned(),
        fate,
        before: (fate == ToolFate::Removed).then(|| tool.mcp_name().to_owned()),
        after: (fate == ToolFate::Added).then(|| tool.mcp_name().to_owned()),
        differences: vec![ToolDifference::new(impact, JsonPointer::root(), message)],
    };
    for old in before.tools(None) {
        let Some(new) = after.tool(old.id()) else {
            let message = format!("the tool {:?} was removed", old.mcp_name());
            differences.push(alone(old, ToolFate::Removed, Impact::Breaking, &message));
            continue;
        };
        if std::sync::Arc::ptr_eq(old, new) {
            continue;
        }
        let found = diff_tools(old, new);
        if !found.is_empty() {
            let is_renamed = old.mcp_name() != new.mcp_name();
            differences.push(CatalogueDifference {
                id: old.id().to_owned(),
                fate: if is_renamed { ToolFate::Renamed } else { ToolFate::Changed },
                before: Some(old.mcp_name().to_owned()),
                after: Some(new.mcp_name().to_owned()),
                differences: found,
            });
        }
    }
    for new in after.tools(None).filter(|tool| before.tool(tool.id()).is_none()) {
        let message = format!("the tool {:?} was added", new.mcp_name());
        differences.push(alone(new, ToolFate::Added, Impact::Compatible, &message));
    }
    differences.sort_by(|a, b| a.id.cmp(&b.id));
    differences
}

/// A text, cut to what a sentence can carry.
fn short(text: &str) -> String {
    midflight_core::clip(text)
}

/// The hints of the Model Context Protocol, each with what it is taken for where it is absent.
const HINTS: [(&str, bool); 4] =
    [("readOnlyHint", false), ("destructiveHint", true), ("idempotentHint", false), ("openWorldHint", true)];

fn annotations(before: &Tool, after: &Tool, note: &mut impl FnMut(Impact, &JsonPointer, String)) {
    let path = JsonPointer::root().key("annotations");
    for (hint, default) in HINTS {
        let of = |tool: &Tool| {
            tool.annotations().and_then(|hints| hints.get(hint)).and_then(Value::as_bool).unwrap_or(default)
        };
        let (was, is) = (of(before), of(after));
        if was != is {
            let is_worse = matches!((hint, is), ("readOnlyHint", false) | ("destructiveHint", true));
            let impact = if is_worse { Impact::Breaking } else { Impact::Compatible };
            note(impact, &path.key(hint), format!("{hint} changed from {was} to {is}"));
        }
    }
    let title = |tool: &Tool| tool.annotations().and_then(|hints| hints.get("title")).cloned();
    if title(before) != title(after) {
        note(Impact::Wording, &path.key("title"), "the title in the annotations changed".to_owned());
    }
}

/// What selection sees: capabilities and patterns that came, went or changed.
fn capabilities(before: &Value, after: &Value, note: &mut impl FnMut(Impact, &JsonPointer, String)) {
    let path = JsonPointer::root().key("capabilities");
    both(before, after, "capabilities", |name, old, new| {
        let path = path.key(name);
        match (old, new) {
            (Some(_), None) => note(Impact::Breaking, &path, format!("the capability {name:?} was removed")),
            (None, Some(_)) => note(Impact::Compatible, &path, format!("the capability {name:?} was added")),
            (Some(old), Some(new)) => {
                text_changed(old, new, "description", &path, &format!("the capability {name:?}"), note);
                let path = path.key("patterns");
                both(old, new, "patterns", |pattern, old, new| {
                    let path = path.key(pattern);
                    let label = format!("the pattern {name}/{pattern}");
                    match (old, new) {
                        (Some(_), None) => note(Impact::Breaking, &path, format!("{label} was removed")),
                        (None, Some(_)) => note(Impact::Compatible, &path, format!("{label} was added")),
                        (Some(old), Some(new)) => pattern_changed(old, new, &path, &label, note),
                        (None, None) => {}
                    }
                });
            }
            (None, None) => {}
        }
    });
}

fn pattern_changed(
    old: &Value,
    new: &Value,
    path: &JsonPointer,
    label: &str,
    note: &mut impl FnMut(Impact, &JsonPointer, String),
) {
    let empty = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys.into_iter().filter(|key| old.get(*key) != new.get(*key)) {
        let impact = match key.as_str() {
            "description" | "typical_use_cases" | "limitations" => Impact::Wording,
            _ => Impact::Compatible,
        };
        note(impact, &path.key(key), format!("{label}: {key} changed"));
    }
}

fn text_changed(
    old: &Value,
    new: &Value,
    key: &str,
    path: &JsonPointer,
    label: &str,
    note: &mut impl FnMut(Impact, &JsonPointer, String),
) {
    if old.get(key) != new.get(key) {
        note(Impact::Wording, &path.key(key), format!("{label}: the {key} changed"));
    }
}

/// Calls `found` with each member of the objects `key` of two values, by name.
fn both<'v>(
    before: &'v Value,
    after: &'v Value,
    key: &str,
    mut found: impl FnMut(&'v str, Option<&'v Value>, Option<&'v Value>),
) {
    let members = |value: &'v Value| value.get(key).and_then(Value::as_object);
    let (old, new) = (members(before), members(after));
    let mut names: Vec<&str> =
        old.into_iter().chain(new).flat_map(|it| it.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        found(name, old.and_then(|it| it.get(name)), new.and_then(|it| it.get(name)));
    }
}

/// Members that are compared above, or of which no caller sees anything but what is compared above.
const COMPARED: [&str; 11] = [
    "tool_name",
    "mcp_name",
    "title",
    "description",
    "status",
    "enabled",
    "annotations",
    "capabilities",
    "input_schema",
    "output_schema",
    "metadata",
];

fn others(before: &Value, after: &Value, note: &mut impl FnMut(Impact, &JsonPointer, String)) {
    let names = [before, after].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    let mut names: Vec<&str> = names.map(String::as_str).filter(|name| !COMPARED.contains(name)).collect();
    names.sort_unstable();
    names.dedup();
    for name in names.into_iter().filter(|name| before.get(*name) != after.get(*name)) {
        note(Impact::Compatible, &JsonPointer::root().key(name), format!("{name} changed"));
    }
}

#[cfg(test)]
mod tests;
