//! Reads a tool's document.

use std::sync::Arc;

use midflight_core::{Digest, JsonPath, ObjectReader, Problem, Problems, canonical_json, hint};
use midflight_engine::{Interrupted, Work};
use midflight_schemas::{MeasuredSchema, SchemaStop, UNREADABLE};
use serde_json::Value;

use crate::fields::{check_object, read_description, read_open_word, refuse_misspelled, wrong_name};
use crate::input_schema;
use crate::limits::{
    DEPENDENCIES_MAX, HEADERS_MAX, MCP_NAME_BYTES_MAX, SCHEMA_BYTES_MAX, URL_BYTES_MAX, VERSION_BYTES_MAX,
};
use crate::lint::check_texts;
use crate::mcp_name::{RESERVED_MCP_NAMES, derive_mcp_name, is_mcp_name};
use crate::read_pattern::read_capabilities;
use crate::status::{STATUSES, ToolStatus};
use crate::tool::{Tool, definition};

/// The members of a tool that are read, or that every catalogue writes.
pub(crate) const TOOL_FIELDS: [&str; 22] = [
    "tool_name",
    "mcp_name",
    "title",
    "version",
    "description",
    "platform",
    "category",
    "status",
    "enabled",
    "defaults",
    "dependencies",
    "metadata",
    "capabilities",
    "input_schema",
    "output_schema",
    "annotations",
    "forward",
    "examples",
    "execution_location",
    "created_by",
    "updated_by",
    "tags",
];
/// The platforms that catalogues use. Any other is one too.
pub const PLATFORMS: [&str; 10] = [
    "linux",
    "windows",
    "network",
    "cloud",
    "container",
    "kubernetes",
    "database",
    "monitoring",
    "scheduler",
    "custom",
];
/// The categories that catalogues use. Any other is one too.
pub const CATEGORIES: [&str; 15] = [
    "system",
    "network",
    "automation",
    "monitoring",
    "security",
    "cloud",
    "container",
    "asset",
    "communication",
    "database",
    "storage",
    "filesystem",
    "text-processing",
    "logging",
    "process-management",
];
const ANNOTATIONS: [&str; 5] =
    ["title", "readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"];
const METHODS: [(&str, ()); 5] = [("GET", ()), ("POST", ()), ("PUT", ()), ("PATCH", ()), ("DELETE", ())];
const VERSION_DEFAULT: &str = "1.0";

/// Reads the document `id`.
///
/// # Errors
/// Every problem that it has by itself; that the budget has ended.
pub(crate) fn read_tool(id: &str, body: &Arc<Value>, work: &Work) -> Result<Tool, Problems> {
    let mut problems = Problems::default();
    let place = JsonPath::Root;
    check_texts(body, &place, &mut problems);
    if let Some(members) = body.as_object() {
        refuse_misspelled("a tool", members, &TOOL_FIELDS, &place, &mut problems);
    }
    let Some(mut reader) = ObjectReader::open("a tool", body, &place, &mut problems) else {
        return Err(problems);
    };
    let tool_name = reader.text("tool_name").unwrap_or(id);
    if let Some(why) = wrong_name(tool_name) {
        reader.refuse("tool_name", "bad_name", format!("invalid tool_name: {why}"));
    }
    if reader.get("description").is_none() {
        reader.missing("description", "what it does, in a sentence");
    }
    if read_description(&mut reader, "description").is_some_and(|text| text.trim().is_empty()) {
        reader.refuse("description", "empty", "description is empty; write what the tool does");
    }
    read_description(&mut reader, "title");
    let mcp_name = read_mcp_name(&mut reader, tool_name);
    let version = read_version(&mut reader);
    let platform = read_open_word(&mut reader, "platform").map(Arc::from);
    let category = read_open_word(&mut reader, "category").map(Arc::from);
    let status = reader.word("status", &STATUSES).unwrap_or(ToolStatus::Active);
    let enabled = reader.boolean("enabled").unwrap_or(true);
    check_object(&mut reader, "defaults");
    check_object(&mut reader, "metadata");
    read_dependencies(&mut reader, &place);
    read_schema(&mut reader, "input_schema", &place, work)?;
    read_schema(&mut reader, "output_schema", &place, work)?;
    read_annotations(&mut reader, &place);
    read_forward(&mut reader, &place);
    let capabilities = read_capabilities(&mut reader, &place);
    problems.or(())?;
    let input_schema = body.get("input_schema").cloned().unwrap_or_else(|| input_schema::derive(body));
    let digest = Digest::of_body(&definition(&mcp_name, body, &input_schema));
    Ok(Tool {
        id: id.into(),
        tool_name: tool_name.into(),
        mcp_name: mcp_name.into(),
        version: version.into(),
        platform,
        category,
        status,
        enabled,
        capabilities,
        input_schema,
        digest,
        body: Arc::clone(body),
    })
}

fn read_mcp_name(reader: &mut ObjectReader<'_, '_>, tool_name: &str) -> String {
    if let Some(name) = reader.text("mcp_name") {
        if !is_mcp_name(name) {
            let message = format!("invalid mcp_name: use 1-{MCP_NAME_BYTES_MAX} of A-Z a-z 0-9 _ -");
            reader.refuse("mcp_name", "bad_name", message);
        }
        refuse_reserved(reader, "mcp_name", name);
        return name.to_owned();
    }
    let Some(derived) = derive_mcp_name(tool_name) else {
        let message = format!(
            "no name for agents can be derived from {tool_name:?}; set mcp_name, 1-{MCP_NAME_BYTES_MAX} of A-Z a-z 0-9 _ -"
        );
        reader.refuse("mcp_name", "bad_name", message);
        return String::new();
    };
    refuse_reserved(reader, "tool_name", &derived);
    derived
}

/// Refuses a name by which agents know one of the server's own tools; `key` is the member that it comes from.
fn refuse_reserved(reader: &mut ObjectReader<'_, '_>, key: &str, name: &str) {
    if RESERVED_MCP_NAMES.contains(&name) {
        let message = format!(
            "agents know a tool of the server itself as {name:?}; set another mcp_name, 1-{MCP_NAME_BYTES_MAX} of A-Z a-z 0-9 _ -"
        );
        reader.refuse(key, "reserved_name", message);
    }
}

/// A text, or a number as YAML reads `1.0`.
fn read_version(reader: &mut ObjectReader<'_, '_>) -> String {
    let version = match reader.get("version") {
        None => VERSION_DEFAULT.to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => reader.text("version").unwrap_or_default().to_owned(),
    };
    if version.len() > VERSION_BYTES_MAX {
        let message = format!("version has at most {VERSION_BYTES_MAX} bytes; shorten it");
        reader.refuse("version", "too_long", message);
    }
    version
}

fn read_dependencies(reader: &mut ObjectReader<'_, '_>, place: &JsonPath<'_>) {
    let items = match reader.get("dependencies") {
        None => return,
        Some(Value::Array(items)) if items.len() <= DEPENDENCIES_MAX => items,
        Some(Value::Array(items)) => {
            let message =
                format!("dependencies has {} items and may have {DEPENDENCIES_MAX}; keep fewer", items.len());
            return reader.refuse("dependencies", "too_many", message);
        }
        Some(value) => return reader.wrong_type("dependencies", "an array of objects", value),
    };
    let place = place.key("dependencies");
    for (at, item) in items.iter().enumerate() {
        let place = place.index(at);
        let Some(mut reader) = ObjectReader::open("a dependency", item, &place, reader.problems()) else {
            continue;
        };
        if reader.get("name").is_none() {
            reader.missing("name", "what the tool needs");
        }
        reader.text("name");
        reader.text("type");
        reader.boolean("required");
        if reader.get("version").is_some_and(|version| !version.is_number()) {
            reader.text("version");
        }
    }
}

fn read_schema(
    reader: &mut ObjectReader<'_, '_>,
    key: &str,
    place: &JsonPath<'_>,
    work: &Work,
) -> Result<(), Interrupted> {
    check_object(reader, key);
    let Some(schema) = reader.get(key).filter(|schema| schema.is_object()) else { return Ok(()) };
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        let message = format!("{key} describes an object; write \"type\": \"object\" in it");
        reader.refuse(key, "bad_schema", message);
    }
    if schema.get("properties").is_some_and(|properties| !properties.is_object()) {
        reader.refuse_in(key, "properties", "bad_schema", "properties is an object by name");
    }
    let bytes = canonical_json(schema).len();
    if bytes > SCHEMA_BYTES_MAX {
        let message = format!("{key} has {bytes} bytes and may have {SCHEMA_BYTES_MAX}; shorten it");
        reader.refuse(key, "too_long", message);
        return Ok(());
    }
    match MeasuredSchema::read(schema, work) {
        Ok(_) => Ok(()),
        // Agents are shown it as it is, and values are not validated by it.
        Err(SchemaStop::Refused(problem)) if problem.code == UNREADABLE => Ok(()),
        Err(SchemaStop::Refused(problem)) => {
            let path = place.key(key).pointer().join(&problem.path);
            reader.problems().add(Problem { path, ..problem });
            Ok(())
        }
        Err(SchemaStop::Interrupted(interrupted)) => Err(interrupted),
    }
}

fn read_annotations(reader: &mut ObjectReader<'_, '_>, place: &JsonPath<'_>) {
    let place = place.key("annotations");
    let Some(value) = reader.get("annotations") else { return };
    let Some(mut reader) = ObjectReader::open("annotations", value, &place, reader.problems()) else {
        return;
    };
    reader.only(&ANNOTATIONS);
    reader.text("title");
    for key in &ANNOTATIONS[1..] {
        reader.boolean(key);
    }
}

fn read_forward(reader: &mut ObjectReader<'_, '_>, place: &JsonPath<'_>) {
    let place = place.key("forward");
    let Some(value) = reader.get("forward") else { return };
    let Some(mut reader) = ObjectReader::open("forward", value, &place, reader.problems()) else { return };
    if reader.get("url").is_none() {
        reader.missing("url", "where calls go, as https://host/path");
    }
    if let Some(url) = reader.text("url") {
        let is_http = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        if !is_http || url.len() > URL_BYTES_MAX || url.contains(char::is_whitespace) {
            let message =
                format!("invalid url: expected http:// or https:// and at most {URL_BYTES_MAX} bytes");
            reader.refuse("url", "bad_url", message);
        }
    }
    reader.word("method", &METHODS);
    read_headers(&mut reader, &place);
    if reader.integer("timeout_ms").is_some_and(|timeout| timeout < 1) {
        reader.refuse("timeout_ms", "out_of_bounds", "timeout_ms is 1 or more");
    }
}

/// Words in the name of a header whose value is a secret.
const SECRET_WORDS: [&str; 6] = ["authorization", "cookie", "token", "secret", "key", "password"];

fn read_headers(reader: &mut ObjectReader<'_, '_>, place: &JsonPath<'_>) {
    check_object(reader, "headers");
    let place = place.key("headers");
    let members = reader.get("headers").and_then(Value::as_object);
    if members.is_some_and(|members| members.len() > HEADERS_MAX) {
        reader.refuse(
            "headers",
            "too_many",
            format!("headers has at most {HEADERS_MAX} members; send fewer"),
        );
    }
    for (name, value) in members.into_iter().flatten() {
        let place = place.key(name);
        let Value::String(value) = value else {
            let message = "the value of a header is a string";
            reader.problems().add(Problem::new("wrong_type", place.pointer(), message));
            continue;
        };
        let lower = name.to_ascii_lowercase();
        let is_secret = SECRET_WORDS.iter().any(|word| lower.contains(word));
        let is_reference = ["${env:", "${file:"].iter().any(|reference| value.contains(reference));
        if is_secret && !is_reference {
            let message =
                "a secret is not written into a document; refer to it, as ${env:NAME} or ${file:PATH}";
            reader.problems().add(Problem::new(Problem::LITERAL_SECRET, place.pointer(), message));
        }
    }
}

/// A suggestion for a word of an open vocabulary that looks like a known one misspelled, for a list of warnings.
#[must_use]
pub fn suggest_word(word: &str, known: &[&str]) -> Option<String> {
    if known.contains(&word) {
        return None;
    }
    let near = hint(word, known.iter().copied());
    (!near.is_empty()).then(|| format!("{word:?} is used by no known catalogue{near}"))
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
