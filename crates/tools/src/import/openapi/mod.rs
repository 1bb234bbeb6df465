//! OpenAPI documents: each operation becomes the draft of a tool.
//!
//! Read are OpenAPI 3.0 and 3.1 (<https://spec.openapis.org/oas/v3.1.1.html>). References within the document are
//! resolved; one to another file, one that leads back to itself and one that names nothing are refused with the
//! operation that has them. A draft has the status `draft`: it is listed, and neither selected nor offered to agents
//! until it is enabled.

mod arguments;
mod operation;
mod reference;
mod schema;

use std::collections::HashMap;

use midflight_core::{JsonPointer, Problems, clip};
use serde_json::{Map, Value};

use super::{ImportNotice, Importer, RefusalReason};
use crate::limits::{IMPORT_NOTICES_MAX, OPENAPI_SCHEMA_BYTES_MAX};
use operation::{OpenApiOperation, OperationRead, method_of};
use reference::follow;

/// Whether an object is an OpenAPI document, of whatever version.
pub(super) fn is_openapi(members: &Map<String, Value>) -> bool {
    let is_tool = members.contains_key("tool_name") || members.contains_key("capabilities");
    !is_tool && ["openapi", "swagger"].iter().any(|key| members.contains_key(*key))
}

/// Why an operation gives no tool: what is wrong, where in the document, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OperationFault {
    place: JsonPointer,
    message: String,
    reason: RefusalReason,
}

impl OperationFault {
    fn new(place: &JsonPointer, message: impl Into<String>) -> Self {
        Self { place: place.clone(), message: message.into(), reason: RefusalReason::Unsupported }
    }

    fn sentence(&self) -> String {
        format!("at {}: {}", self.place, self.message)
    }
}

/// A document of a version that is read.
struct OpenApiDocument<'d> {
    document: &'d Value,
    /// Whether its schemas are of OpenAPI 3.0, which has words of its own in them.
    is_3_0: bool,
    /// Where its operations are called, without a slash at the end; none where the document does not have it.
    server: Option<String>,
    /// What all its schemas may still have, in bytes.
    bytes_left: usize,
}

impl<'d> OpenApiDocument<'d> {
    fn open(document: &'d Value) -> Result<Self, String> {
        let version = match (document.get("openapi"), document.get("swagger")) {
            (Some(Value::String(version)), _) => version.clone(),
            (Some(other), _) | (None, Some(other)) => {
                other.as_str().map_or_else(|| other.to_string(), str::to_owned)
            }
            (None, None) => String::new(),
        };
        let is_version = |wanted: &str| {
            version.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if !is_version("3.0") && !is_version("3.1") {
            let version = clip(&version);
            return Err(format!(
                "it is an OpenAPI document of version {version:?}; convert it to 3.0 or 3.1, which are read"
            ));
        }
        let server = server_of(document);
        Ok(Self { document, is_3_0: is_version("3.0"), server, bytes_left: OPENAPI_SCHEMA_BYTES_MAX })
    }
}

/// The first server with a whole address, its variables at their defaults.
fn server_of(document: &Value) -> Option<String> {
    let servers = document.get("servers").and_then(Value::as_array)?;
    let address = |server: &Value| {
        let mut url = server.get("url").and_then(Value::as_str)?.to_owned();
        for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
            if let Some(default) = variable.get("default").and_then(Value::as_str) {
                url = url.replace(&format!("{{{name}}}"), default);
            }
        }
        let is_whole = url.starts_with("https://") || url.starts_with("http://");
        let is_plain = !url.contains(['{', '}', '?', '#']) && !url.contains(char::is_whitespace);
        (is_whole && is_plain).then(|| url.trim_end_matches('/').to_owned())
    };
    servers.iter().find_map(address)
}

impl Importer<'_> {
    /// Reads every operation of a document at a place.
    pub(super) fn read_openapi(&mut self, document: &Value, place: &str) {
        let title = document.pointer("/info/title").and_then(Value::as_str);
        let mut api = match OpenApiDocument::open(document) {
            Ok(api) => api,
            Err(message) => return self.refuse(place, title, RefusalReason::Shape, message),
        };
        let before = self.import.tools.len() + self.import.refused.len();
        let mut has_operations = false;
        let mut ids = HashMap::new();
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            if path.starts_with("x-") {
                continue;
            }
            let at = JsonPointer::root().key("paths").key(path);
            let (item, item_place) = match follow(document, item, at) {
                Ok(found) => found,
                Err(fault) => {
                    has_operations = true;
                    if !self.has_room(place, title) {
                        return;
                    }
                    let message = format!("{path}: {}", fault.sentence());
                    self.refuse(&format!("{place}{}", fault.place), title, fault.reason, message);
                    continue;
                }
            };
            for (key, value) in item.as_object().into_iter().flatten() {
                let Some(method) = method_of(key) else { continue };
                has_operations = true;
                let (place_of_item, at) = (item_place.clone(), item_place.key(key));
                let operation = OpenApiOperation { path, method, item, value, place_of_item, place: at };
                if !self.has_room(place, Some(operation.id())) {
                    return;
                }
                self.read_operation(&mut api, &operation, place, &mut ids);
            }
        }
        if !has_operations {
            let message = "it is an OpenAPI document without operations; write at least one method under a path in paths";
            return self.refuse(place, title, RefusalReason::Shape, message);
        }
        if self.import.tools.len() + self.import.refused.len() == before {
            let message = "no operation of the OpenAPI document can be a tool; the warnings say why";
            return self.refuse(place, title, RefusalReason::Shape, message);
        }
        self.notice_document(&api, place, title);
    }

    /// Reports once what applies to the whole document.
    fn notice_document(&mut self, api: &OpenApiDocument<'_>, place: &str, title: Option<&str>) {
        if api.server.is_none() {
            let message = "servers has no http:// or https:// address, so the tools have no forward; write forward.url into those \
                           that are to be called";
            self.notice(place, title, message);
        }
        if api
            .document
            .get("webhooks")
            .and_then(Value::as_object)
            .is_some_and(|webhooks| !webhooks.is_empty())
        {
            self.notice(place, title, "webhooks are calls that the service makes, and become no tools");
        }
    }

    fn notice(&mut self, place: &str, tool: Option<&str>, message: impl Into<String>) {
        if self.import.notices.len() == IMPORT_NOTICES_MAX {
            return;
        }
        let tool = tool.map(clip);
        self.import.notices.push(ImportNotice { place: place.to_owned(), tool, message: message.into() });
    }

    /// Reads one operation. `ids` are the operationIds before it, with their places.
    fn read_operation<'d>(
        &mut self,
        api: &mut OpenApiDocument<'d>,
        operation: &OpenApiOperation<'d>,
        place: &str,
        ids: &mut HashMap<&'d str, String>,
    ) {
        let at = format!("{place}{}", operation.place);
        if let Some(id) = operation.stated_id() {
            if let Some(first) = ids.get(id) {
                let message =
                    format!("the operationId {:?} is already at {first}; make each unique", clip(id));
                return self.refuse(&at, Some(id), RefusalReason::Duplicate, message);
            }
            ids.insert(id, at.clone());
        }
        match operation.read(api) {
            Ok(OperationRead::Draft(draft)) => {
                let (refused, name) = (self.import.refused.len(), draft.tool_name.clone());
                self.put(&at, draft.tool_name, draft.body, Problems::default());
                // Of a tool that was refused nothing else is of interest.
                if self.import.refused.len() == refused {
                    for message in draft.notices {
                        self.notice(
                            &at,
                            Some(&name),
                            format!("{} {}: {message}", operation.method, operation.path),
                        );
                    }
                }
            }
            Ok(OperationRead::Skipped(message)) => {
                let message = format!("{} {} is skipped: {message}", operation.method, operation.path);
                self.notice(&at, Some(operation.id()), message);
            }
            Err(fault) => {
                let message = format!("{} {}: {}", operation.method, operation.path, fault.sentence());
                self.refuse(&at, Some(operation.id()), fault.reason, message);
            }
        }
    }
}

#[cfg(test)]
mod tests;
