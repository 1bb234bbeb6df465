//! The committed OpenAPI document is the one that the code makes. `UPDATE_OPENAPI=1` writes it.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use midflight_config::Origin;
use midflight_server::{Backend, RunningServer, ServeOptions};
use midflight_store::MemoryStore;
use utoipa::openapi::OpenApi;

/// A server with all kinds.
async fn running() -> RunningServer {
    let dir = tempfile::tempdir().unwrap();
    let mut options = ServeOptions::new(dir.path());
    options.config.listen(SocketAddr::from(([127, 0, 0, 1], 0)), Origin::Flag("--listen".to_owned()));
    let backend = Backend::of_store(Arc::new(MemoryStore::new()));
    midflight_server::start_on(options, backend).await.unwrap()
}

async fn openapi() -> OpenApi {
    let running = running().await;
    let document = running.service().openapi().clone();
    running.stop().await;
    document
}

#[tokio::test]
async fn the_committed_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let made = format!("{}\n", openapi().await.to_pretty_json().unwrap());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == made, "run: UPDATE_OPENAPI=1 cargo test -p midflight-server --test openapi");
}

#[tokio::test]
async fn no_two_operations_have_the_same_id() {
    let document = serde_json::to_value(openapi().await).unwrap();
    let mut known = std::collections::BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let other = known.insert(id.to_owned(), format!("{method} {path}"));
            assert_eq!(other, None, "{method} {path} has the id {id} too");
        }
    }
}

/// Layers around the handlers refuse requests, whatever the route.
#[tokio::test]
async fn every_operation_may_be_answered_with_a_problem() {
    let document = serde_json::to_value(openapi().await).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            // What the Model Context Protocol answers is not described here.
            let statuses =
                responses.iter().filter(|(_, response)| path != "/mcp" || response.get("content").is_some());
            for (status, response) in statuses.filter(|(status, _)| !status.starts_with(['1', '2', '3'])) {
                let problem = &response["content"]["application/problem+json"];
                assert!(problem.is_object(), "{method} {path} {status}: {response}");
            }
            assert!(responses.contains_key("default"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_code_has_a_page_and_every_page_a_code() {
    let running = running().await;
    let all: Vec<_> = running.service().codes().collect();
    running.stop().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    let mut pages: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    pages.sort();
    let mut codes: Vec<_> = all.iter().map(|code| code.as_str().to_owned()).collect();
    codes.sort();
    assert_eq!(pages, codes);
    for code in all {
        assert!(code.page().starts_with(&format!("# `{}`\n\n{} ·", code.as_str(), code.status().as_u16())));
    }
}

/// Answers with a revision that are not computed from what is served: they are about the log, or about an edit.
const OF_THE_LOG: [&str; 18] = [
    "AuditItem",
    "ChangeAnswer",
    "ComparedVersion",
    "ConfigDiff",
    "CorrectionAnswer",
    "DirectoryAnswer",
    "DocumentAnswer",
    "NackAnswer",
    "QuarantinedAnswer",
    "RefusedAnswer",
    "ReloadedPattern",
    "RevisionDetail",
    "RevisionDiff",
    "TableAnswer",
    "ValidationAnswer",
    "VersionAnswer",
    "VersionItem",
    "ValidatedAnswer",
];

#[tokio::test]
async fn every_answer_reports_the_revisions_that_are_left_out() {
    let document = serde_json::to_value(openapi().await).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut answered = std::collections::BTreeSet::new();
    let operations = document["paths"].as_object().unwrap().values();
    for operation in operations.flat_map(|path| path.as_object().unwrap().values()) {
        references(&operation["responses"], schemas, &mut answered);
    }
    let has = |schema: &str, name: &str| schemas[schema]["properties"].get(name).is_some();
    let with_revision: Vec<_> = answered.iter().filter(|schema| has(schema, "revision")).collect();
    assert!(with_revision.len() > 15, "{with_revision:?}");
    let silent: Vec<_> = with_revision.into_iter().filter(|schema| !has(schema, "quarantined")).collect();
    let unexplained: Vec<_> = silent
        .into_iter()
        .filter(|schema| !OF_THE_LOG.contains(&schema.as_str()) && !schema.starts_with("Write"))
        .collect();
    assert_eq!(unexplained, Vec::<&String>::new(), "add `quarantined` beside `revision`");
    for schema in
        ["ExecutionAnswer", "ClassificationAnswer", "NormalizedAnswer", "EffectiveAnswer", "BatchAnswer"]
    {
        let required = schemas[schema]["required"].as_array().unwrap();
        assert!(required.iter().any(|name| name == "quarantined"), "{schema} always says it");
    }
}

/// Every schema that a part of the document refers to, by whatever way.
fn references(
    part: &serde_json::Value,
    schemas: &serde_json::Map<String, serde_json::Value>,
    found: &mut std::collections::BTreeSet<String>,
) {
    match part {
        serde_json::Value::Object(members) => {
            for (key, value) in members {
                let name = value.as_str().and_then(|text| text.strip_prefix("#/components/schemas/"));
                match name.filter(|_| key == "$ref") {
                    Some(name) if found.insert(name.to_owned()) => references(&schemas[name], schemas, found),
                    Some(_) => {}
                    None => references(value, schemas, found),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| references(item, schemas, found)),
        _ => {}
    }
}
