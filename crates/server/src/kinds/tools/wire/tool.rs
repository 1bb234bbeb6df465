//! A tool.

use midflight_core::Digest;
use midflight_http::wire::stamp;
use midflight_store::Authorship;
use midflight_wire::tools::ToolAnswer;
use serde_json::{Map, Value};

/// The id of a tool at a version, from the name of its document: the first 48 bits of a digest, so that every number of
/// JSON has it.
pub(in super::super) fn tool_id(document: &str, version: &str) -> u64 {
    let digest = Digest::of_bytes(format!("{document}\0{version}").as_bytes());
    digest.as_bytes().iter().take(6).fold(0, |id, byte| (id << 8) | u64::from(*byte))
}

/// The version that a document states, as text.
pub(in super::super) fn version_text(body: &Value) -> String {
    stated_version(body.get("version").unwrap_or(&Value::Null))
}

/// The member `version` of a document, as text.
pub(in super::super) fn stated_version(stated: &Value) -> String {
    match stated {
        Value::String(version) => version.clone(),
        Value::Number(version) => version.to_string(),
        _ => "1.0".to_owned(),
    }
}

/// The tool that a document states, with who made it what it is.
pub(in super::super) fn tool_answer(
    document: &str,
    body: &Value,
    authors: Option<&Authorship>,
) -> ToolAnswer {
    let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
    let value = |key: &str, default: Value| {
        body.get(key).filter(|value| !value.is_null()).cloned().unwrap_or(default)
    };
    let version = version_text(body);
    ToolAnswer {
        id: tool_id(document, &version),
        tool_name: text("tool_name").unwrap_or_else(|| document.to_owned()),
        version,
        description: text("description").unwrap_or_default(),
        platform: text("platform"),
        category: text("category"),
        status: text("status").unwrap_or_else(|| "active".to_owned()),
        enabled: body.get("enabled").and_then(Value::as_bool).unwrap_or(true),
        defaults: value("defaults", Value::Object(Map::new())),
        dependencies: value("dependencies", Value::Array(Vec::new())),
        metadata: value("metadata", Value::Object(Map::new())),
        created_at: authors.map(|it| stamp(it.created_at)),
        updated_at: authors.map(|it| stamp(it.updated_at)),
        created_by: authors.map(|it| it.created_by.clone()),
        updated_by: authors.map(|it| it.updated_by.clone()),
        document: document.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_document_does_not_state_has_its_default() {
        let answer = tool_answer("git-log", &json!({"tool_name": "git log", "description": "d"}), None);
        let found = serde_json::to_value(&answer).unwrap();
        for (field, value) in [
            ("tool_name", json!("git log")),
            ("version", json!("1.0")),
            ("status", json!("active")),
            ("enabled", json!(true)),
            ("defaults", json!({})),
            ("dependencies", json!([])),
            ("metadata", json!({})),
            ("platform", Value::Null),
            ("created_by", Value::Null),
            ("document", json!("git-log")),
        ] {
            assert_eq!(found[field], value, "{field}");
        }
        assert!(found.get("capabilities").is_none());
    }

    #[test]
    fn a_tool_has_another_id_at_another_version_and_every_number_of_json_has_it() {
        let ids = [("a", "1"), ("a", "2"), ("b", "1")].map(|(document, version)| tool_id(document, version));
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids.iter().all(|id| *id < 1 << 48));
        assert_eq!(tool_id("a", "1"), ids[0]);
    }
}
