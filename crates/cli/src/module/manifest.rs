//! The manifest of a component: what the component says of itself, and what its author or the live manifest has beside
//! that.

use std::path::Path;

use midflight_module_host::ComponentDescription;
use midflight_source::parse_config;
use serde_json::{Map, Value, json};

use crate::fail::Failure;
use crate::files;

/// Reads the body of a manifest from a file in YAML, JSON or TOML.
pub(super) fn read_body(file: &Path) -> Result<Value, Failure> {
    let parsed = parse_config(&files::text(file)?, &file.display().to_string()).map_err(Failure::Files)?;
    Ok((**parsed.body()).clone())
}

/// The manifest of a component on a body that has the other members.
pub(super) fn complete(base: Option<Value>, description: &ComponentDescription) -> Map<String, Value> {
    let mut body = match base {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    };
    body.remove("native");
    body.insert("component".to_owned(), json!(format!("sha256:{}", description.digest)));
    body.insert("version".to_owned(), json!(description.info.version));
    body.insert("schema".to_owned(), json!(description.info.schema));
    body
}

/// Adds capabilities to those of a manifest.
pub(super) fn grant(body: &mut Map<String, Value>, words: impl IntoIterator<Item = String>) {
    let mut granted = granted(body);
    for word in words {
        if !granted.contains(&word) {
            granted.push(word);
        }
    }
    if !granted.is_empty() {
        body.insert("capabilities".to_owned(), json!(granted));
    }
}

/// The capabilities that a component imports and its manifest does not grant.
pub(super) fn missing(body: &Map<String, Value>, description: &ComponentDescription) -> Vec<&'static str> {
    let granted = granted(body);
    let words = description.capabilities.iter().map(|capability| capability.word());
    words.filter(|word| !granted.iter().any(|granted| granted == word)).collect()
}

fn granted(body: &Map<String, Value>) -> Vec<String> {
    let listed = body.get("capabilities").and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(Value::as_str).map(str::to_owned).collect()
}
