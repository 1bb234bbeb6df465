//! One operation as the draft of a tool.

use midflight_core::JsonPointer;
use serde_json::{Map, Value, json};

use super::arguments::OperationArguments;
use super::{OpenApiDocument, OperationFault};
use crate::limits::{DESCRIPTION_BYTES_MAX, NAME_BYTES_MAX, URL_BYTES_MAX, VERSION_BYTES_MAX};
use crate::mcp_name::derive_mcp_name;

/// The methods of a path, as the document writes them and as they are sent.
const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("put", "PUT"),
    ("post", "POST"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("head", "HEAD"),
    ("patch", "PATCH"),
    ("trace", "TRACE"),
];
/// The capability of an operation without a tag.
const UNTAGGED: &str = "default";
/// The pattern of every capability, and what it states until it is measured.
const PATTERN: &str = "call";
const TIME_ESTIMATE_MS: u32 = 1_000;
const COST_ESTIMATE: u32 = 1;

/// The method that a member of a path is of; none for its other members.
pub(super) fn method_of(key: &str) -> Option<&'static str> {
    METHODS.iter().find(|(written, _)| *written == key).map(|(_, method)| *method)
}

/// An operation of a document.
pub(super) struct OpenApiOperation<'d> {
    pub(super) path: &'d str,
    pub(super) method: &'static str,
    /// The path's members, of which some are for all its operations.
    pub(super) item: &'d Value,
    pub(super) place_of_item: JsonPointer,
    pub(super) value: &'d Value,
    pub(super) place: JsonPointer,
}

/// What an operation gives.
pub(super) enum OperationRead {
    Draft(ToolDraft),
    /// It cannot be a tool, and that is no fault of the document.
    Skipped(String),
}

/// A tool that is to be read by a person before it is offered.
pub(super) struct ToolDraft {
    pub(super) tool_name: String,
    pub(super) body: Value,
    /// What of the operation is not in it.
    pub(super) notices: Vec<String>,
}

impl<'d> OpenApiOperation<'d> {
    /// Its operationId, if it states one.
    pub(super) fn stated_id(&self) -> Option<&'d str> {
        self.value.get("operationId").and_then(Value::as_str).filter(|id| !id.is_empty())
    }

    /// What it is called in messages.
    pub(super) fn id(&self) -> &'d str {
        self.stated_id().unwrap_or(self.path)
    }

    fn text(&self, key: &str) -> Option<&'d str> {
        self.value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The draft of it.
    pub(super) fn read(&self, api: &mut OpenApiDocument<'d>) -> Result<OperationRead, OperationFault> {
        if !self.value.is_object() {
            return Err(OperationFault::new(&self.place, "an operation is an object"));
        }
        if !self.path.starts_with('/') {
            return Err(OperationFault::new(&self.place, "a path begins with a slash; write one"));
        }
        if matches!(self.method, "HEAD" | "OPTIONS" | "TRACE") {
            return Ok(OperationRead::Skipped(
                "tools are called with GET, POST, PUT, PATCH or DELETE".to_owned(),
            ));
        }
        let named = match self.stated_id() {
            Some(id) => derive_mcp_name(id),
            None => derive_mcp_name(&format!("{} {}", self.method.to_ascii_lowercase(), self.path)),
        };
        let Some(tool_name) = named else {
            let message = "no name for agents can be made of the operationId; use letters, digits, _ and -";
            return Err(OperationFault::new(&self.place.key("operationId"), message));
        };
        let mut arguments = OperationArguments::default();
        let mut notices = Vec::new();
        arguments.read_parameters(self, api, &mut notices)?;
        if let Some(skipped) = arguments.read_body(self, api, &mut notices)? {
            return Ok(OperationRead::Skipped(skipped));
        }
        let forward = self.forward(api, &arguments, &mut notices);
        let body = self.body(api, &tool_name, arguments, forward, &mut notices);
        Ok(OperationRead::Draft(ToolDraft { tool_name, body, notices }))
    }

    /// The endpoint of its calls, where a call can be forwarded as the operation wants it.
    fn forward(
        &self,
        api: &OpenApiDocument<'d>,
        arguments: &OperationArguments,
        notices: &mut Vec<String>,
    ) -> Option<Value> {
        let url = format!("{}{}", api.server.as_deref()?, self.path);
        let has_query = matches!(self.method, "GET" | "DELETE");
        let why_not = if arguments.has_query && !has_query {
            Some("it has arguments in the query beside a body")
        } else if arguments.has_body && has_query {
            Some("it has a body")
        } else if arguments.has_whole_body {
            Some("its body is not a plain object")
        } else if url.len() > URL_BYTES_MAX || url.contains(char::is_whitespace) {
            Some("its address is too long or has spaces")
        } else {
            None
        };
        match why_not {
            Some(why) => {
                notices.push(format!(
                    "the tool has no forward, since {why}; put an endpoint before it that takes one object"
                ));
                None
            }
            None => Some(json!({"url": url, "method": self.method})),
        }
    }

    fn body(
        &self,
        api: &OpenApiDocument<'d>,
        tool_name: &str,
        arguments: OperationArguments,
        forward: Option<Value>,
        notices: &mut Vec<String>,
    ) -> Value {
        let (summary, description) = (self.text("summary"), self.text("description"));
        let fits = |text: &&str| text.len() <= DESCRIPTION_BYTES_MAX;
        let messages = description.filter(fits).or(summary.filter(fits));
        if messages.is_none() && description.or(summary).is_some() {
            notices.push(format!(
                "its description is cut to {DESCRIPTION_BYTES_MAX} bytes, which each session reads; write a shorter one"
            ));
        }
        let messages = match messages.or(description).or(summary) {
            Some(text) => text[..text.floor_char_boundary(DESCRIPTION_BYTES_MAX)].trim_end().to_owned(),
            None => {
                notices.push("it has no description; write what it does".to_owned());
                format!("{} {}", self.method, self.path)
            }
        };
        let mut tool = Map::new();
        let mut set = |key: &str, value: Value| drop(tool.insert(key.to_owned(), value));
        set("tool_name", json!(tool_name));
        set("status", json!("draft"));
        if let Some(title) = summary.filter(fits).filter(|title| *title != messages) {
            set("title", json!(title));
        }
        set("description", json!(messages));
        let version = api.document.pointer("/info/version").and_then(Value::as_str);
        if let Some(version) = version.filter(|version| (1..=VERSION_BYTES_MAX).contains(&version.len())) {
            set("version", json!(version));
        }
        set("capabilities", self.capabilities(api));
        set("input_schema", arguments.into_schema());
        set("annotations", self.annotations());
        if let Some(forward) = forward {
            set("forward", forward);
        }
        set("metadata", json!({"openapi": self.origin(api)}));
        Value::Object(tool)
    }

    /// Where the tool comes from.
    fn origin(&self, api: &OpenApiDocument<'d>) -> Value {
        let mut origin = Map::new();
        let texts = [
            ("method", Some(self.method)),
            ("path", Some(self.path)),
            ("operation_id", self.stated_id()),
            ("title", api.document.pointer("/info/title").and_then(Value::as_str)),
        ];
        origin.extend(texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text?)))));
        if self.value.get("deprecated") == Some(&Value::Bool(true)) {
            origin.insert("deprecated".to_owned(), json!(true));
        }
        Value::Object(origin)
    }

    /// The properties of its method in HTTP (RFC 9110, section 9.2).
    fn annotations(&self) -> Value {
        match self.method {
            "GET" => json!({"readOnlyHint": true}),
            "PUT" => json!({"idempotentHint": true}),
            "DELETE" => json!({"idempotentHint": true, "destructiveHint": true}),
            _ => json!({"readOnlyHint": false}),
        }
    }

    /// One capability for each tag.
    fn capabilities(&self, api: &OpenApiDocument<'d>) -> Value {
        let pattern = json!({
            "time_estimate_ms": TIME_ESTIMATE_MS,
            "cost_estimate": COST_ESTIMATE,
            "limitations": ["Time and cost were not measured; write what they are before the tool is enabled."],
        });
        let tags = self.value.get("tags").and_then(Value::as_array).into_iter().flatten();
        let mut capabilities = Map::new();
        for tag in tags.filter_map(Value::as_str) {
            let Some(name) = capability_name(tag) else { continue };
            let mut capability = json!({"patterns": {PATTERN: pattern}});
            if let Some(description) = description_of(api.document, tag) {
                capability["description"] = json!(description);
            }
            capabilities.insert(name, capability);
        }
        if capabilities.is_empty() {
            capabilities.insert(UNTAGGED.to_owned(), json!({"patterns": {PATTERN: pattern}}));
        }
        Value::Object(capabilities)
    }
}

/// A tag as the name of a capability, which has no slash, no control characters and no spaces at its ends.
fn capability_name(tag: &str) -> Option<String> {
    let name: String =
        tag.chars().filter(|c| !c.is_control()).map(|c| if c == '/' { '-' } else { c }).collect();
    let name = name.trim();
    let name = name[..name.floor_char_boundary(NAME_BYTES_MAX)].trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

fn description_of<'d>(document: &'d Value, tag: &str) -> Option<&'d str> {
    let tags = document.get("tags").and_then(Value::as_array)?;
    let tag = tags.iter().find(|known| known.get("name").and_then(Value::as_str) == Some(tag))?;
    let description = tag.get("description").and_then(Value::as_str).map(str::trim)?;
    (1..=DESCRIPTION_BYTES_MAX).contains(&description.len()).then_some(description)
}
