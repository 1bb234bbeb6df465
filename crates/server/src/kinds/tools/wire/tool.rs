//! A tool, and lists of tools.

use midflight_core::Digest;
use midflight_store::Authorship;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::lint::LintItem;
use midflight_http::wire::{QuarantinedRevisions, WriteAnswer, stamp};

/// A tool, without its capabilities; those are in its document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ToolAnswer {
    /// A number for the tool at this version: always the same, also on other replicas. Below 2^48.
    id: u64,
    /// What people and services call it; unique.
    tool_name: String,
    /// Its version, as it was written.
    version: String,
    /// What it does.
    description: String,
    /// Where it runs, as `linux`.
    platform: Option<String>,
    /// What it is about, as `network`.
    category: Option<String>,
    /// `active`, `deprecated`, `disabled`, `testing` or `draft`. Active ones and those in testing are offered to
    /// selections.
    status: String,
    /// Whether it is switched on.
    enabled: bool,
    /// Defaults of all its patterns.
    #[schema(value_type = Object)]
    defaults: Value,
    /// What it needs: `{name, type, required, version}` each.
    #[schema(value_type = Vec<Object>)]
    dependencies: Value,
    /// What its author noted.
    #[schema(value_type = Object)]
    metadata: Value,
    /// When it was created; null while the log is unavailable.
    created_at: Option<String>,
    /// When it was changed last; null while the log is unavailable.
    updated_at: Option<String>,
    /// Who created it, from the log; null while the log is unavailable.
    created_by: Option<String>,
    /// Who changed it last, from the log; null while the log is unavailable.
    updated_by: Option<String>,
    /// The name of its document, under `/api/v1/documents/tools/`.
    document: String,
}

/// The id of a tool at a version, from the name of its document: the first 48 bits of a digest, so that every number of
/// JSON has it.
pub(in super::super) fn tool_id(document: &str, version: &str) -> u64 {
    let digest = Digest::of_bytes(format!("{document}\0{version}").as_bytes());
    digest.as_bytes().iter().take(6).fold(0, |id, byte| (id << 8) | u64::from(*byte))
}

/// The version that a document states, as text.
pub(in super::super) fn version_text(body: &Value) -> String {
    match body.get("version") {
        Some(Value::String(version)) => version.clone(),
        Some(Value::Number(version)) => version.to_string(),
        _ => "1.0".to_owned(),
    }
}

impl ToolAnswer {
    /// The tool that a document states, with who made it what it is.
    pub(in super::super) fn new(document: &str, body: &Value, authors: Option<&Authorship>) -> Self {
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        let value = |key: &str, default: Value| {
            body.get(key).filter(|value| !value.is_null()).cloned().unwrap_or(default)
        };
        let version = version_text(body);
        Self {
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
}

/// What an answer was computed from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ToolBasis {
    /// The revision that it was computed from.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// A tool that is served.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ToolDetail {
    #[serde(flatten)]
    pub(in super::super) tool: ToolAnswer,
    #[serde(flatten)]
    pub(in super::super) basis: ToolBasis,
}

/// A page of tools, by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ToolList {
    /// The tools of the page.
    pub(in super::super) tools: Vec<ToolAnswer>,
    /// How many there are on all pages.
    pub(in super::super) total: usize,
    /// The page, from 1.
    pub(in super::super) page: usize,
    /// How many tools a page has.
    pub(in super::super) page_size: usize,
    /// The revision that they are of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// The tools of a platform.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct PlatformTools {
    /// The platform.
    pub(in super::super) platform: String,
    /// Its tools by name, at most 1,000.
    pub(in super::super) tools: Vec<ToolAnswer>,
    /// How many there are.
    pub(in super::super) total: usize,
    /// The revision that they are of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// The tools of a category.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct CategoryTools {
    /// The category.
    pub(in super::super) category: String,
    /// Its tools by name, at most 1,000.
    pub(in super::super) tools: Vec<ToolAnswer>,
    /// How many there are.
    pub(in super::super) total: usize,
    /// The revision that they are of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// A tool that a search found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct FoundTool {
    #[serde(flatten)]
    pub(in super::super) tool: ToolAnswer,
    /// How well it fits the query (BM25), comparable within one answer; null for a search in `fields`.
    pub(in super::super) score: Option<f32>,
}

/// What a search found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct FoundTools {
    /// The query.
    pub(in super::super) query: String,
    /// Where was looked.
    pub(in super::super) fields: Vec<String>,
    /// The tools, the best first; for a search in `fields` by name.
    pub(in super::super) results: Vec<FoundTool>,
    /// How many were found, at most 1,000.
    pub(in super::super) total: usize,
    /// The revision that they are of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// A tool that was written, and the result of the write.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct WriteToolAnswer {
    #[serde(flatten)]
    tool: ToolAnswer,
    #[serde(flatten)]
    write: WriteAnswer,
    /// Findings in its texts: instructions to a model, or hidden characters; it was written all the same. Absent when
    /// nothing was to be written.
    #[schema(required = false)]
    warnings: Vec<LintItem>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_document_does_not_state_has_its_default() {
        let answer = ToolAnswer::new("git-log", &json!({"tool_name": "git log", "description": "d"}), None);
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
