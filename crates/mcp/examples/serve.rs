//! Serves a catalogue that changes as two replicas, for the programs under `tests/sdk`: `cargo run -p midflight-mcp
//! --example serve`. It prints the two URLs on a line; each line of its input becomes the description of the tool
//! `changing`. Its other tools are those that the conformance suite calls by name.
#![expect(clippy::print_stdout, reason = "the program that runs it reads the URLs there")]

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use midflight_core::{DocumentName, RevisionNumber};
use midflight_engine::{Kind as _, KindChange, Work};
use midflight_live::Live;
use midflight_mcp::{
    AllowedHosts, McpCaller, McpHttpOptions, McpOptions, McpServer, PastCatalogue, PastCatalogues, PastError,
    ToolCall, ToolCaller, ToolOutcome, UserQuestion,
};
use midflight_tools::{Tools, ToolsSnapshot};
use serde_json::{Value, json};
use tokio::io::AsyncBufReadExt as _;
use tokio_util::sync::CancellationToken;

/// Calls the tools of the conformance suite.
struct Suite;

#[async_trait]
impl ToolCaller for Suite {
    async fn call(&self, call: ToolCall) -> ToolOutcome {
        match (call.target.name(), call.answers.values().next()) {
            ("test_simple_text", _) => ToolOutcome::text("This is a simple text response for testing."),
            ("test_error_handling", _) => {
                ToolOutcome::failed("test", "This tool intentionally returns an error for testing")
            }
            (_, Some(answer)) => ToolOutcome::text(format!(
                "Elicitation completed: action=accept, content={}",
                json!(answer.content)
            )),
            (name, None) => match form(name) {
                Some(form) => {
                    let mut ask =
                        UserQuestion::approval("Please provide your information", "no form can be shown");
                    ask.schema = form;
                    ToolOutcome::Asks(ask)
                }
                None => ToolOutcome::structured(json!({"arguments": call.arguments})),
            },
        }
    }
}

fn form(tool: &str) -> Option<Value> {
    let properties = match tool {
        "test_elicitation" => {
            json!({"username": {"type": "string"}, "email": {"type": "string", "format": "email"}})
        }
        "test_elicitation_sep1034_defaults" => json!({
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": true},
        }),
        "test_elicitation_sep1330_enums" => {
            let titled: Vec<Value> = (1..=3)
                .map(|n| json!({"const": format!("value{n}"), "title": format!("Option {n}")}))
                .collect();
            json!({
                "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
                "titledSingle": {"type": "string", "oneOf": titled},
                "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
                "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
                "titledMulti": {"type": "array", "items": {"anyOf": titled}},
            })
        }
        _ => return None,
    };
    Some(json!({"type": "object", "properties": properties}))
}

fn documents() -> Vec<(&'static str, Value)> {
    let any = |description: &str| json!({"description": description, "input_schema": {"type": "object", "properties": {}}});
    let mut documents: Vec<(&str, Value)> = [
        "test_simple_text",
        "test_error_handling",
        "test_elicitation",
        "test_elicitation_sep1034_defaults",
        "test_elicitation_sep1330_enums",
        "changing",
    ]
    .map(|name| (name, any("A tool of the conformance suite.")))
    .to_vec();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
        "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
        "additionalProperties": false,
    });
    let described = json!({"description": "Tool with JSON Schema 2020-12 features", "input_schema": schema});
    documents.push(("json_schema_2020_12_tool", described));
    documents
}

struct NoPast;

#[async_trait]
impl PastCatalogues for NoPast {
    async fn at(&self, revision: RevisionNumber, _: &McpCaller) -> Result<PastCatalogue, PastError> {
        Err(PastError::Unknown(revision))
    }
}

fn edit(previous: &ToolsSnapshot, documents: Vec<(&str, Value)>) -> Result<ToolsSnapshot, Box<dyn Error>> {
    let work = Work::unbounded();
    let mut changes = Vec::new();
    for (name, body) in documents {
        let name = DocumentName::new(name)?;
        let document = Some(Tools.validate(&name, &Arc::new(body), &work)?);
        changes.push(KindChange { name, document });
    }
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Tools.compile(previous, changes, &work)?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut snapshot = edit(&ToolsSnapshot::default(), documents())?;
    let stop = CancellationToken::new();
    let mut router = Router::new();
    let mut publishers = Vec::new();
    for replica in ["a", "b"] {
        let (publisher, live) = Live::new(ToolsSnapshot::default());
        publisher.publish(RevisionNumber::new(1), snapshot.clone());
        publishers.push(publisher);
        let server = McpServer::new(live, Arc::new(Suite), Arc::new(NoPast), McpOptions::new([1; 32]));
        tokio::spawn(server.follow(stop.clone()));
        let service = server.http(McpHttpOptions::new(AllowedHosts::loopback(), []), &stop);
        router = router.route_service(&format!("/{replica}/mcp"), service);
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("http://{address}/a/mcp http://{address}/b/mcp");
    let serving = tokio::spawn(
        axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future(),
    );
    let mut lines = tokio::io::BufReader::new(tokio::io::stdin()).lines();
    let mut revision = 1;
    while let Some(line) = lines.next_line().await? {
        revision += 1;
        let body = json!({"description": line, "input_schema": {"type": "object", "properties": {}}});
        snapshot = edit(&snapshot, vec![("changing", body)])?;
        for publisher in &publishers {
            publisher.publish(RevisionNumber::new(revision), snapshot.clone());
        }
    }
    stop.cancel();
    serving.await??;
    Ok(())
}
