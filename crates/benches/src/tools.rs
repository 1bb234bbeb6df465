//! A catalogue of tools of a size, as the benchmarks need it.

use std::path::Path;
use std::sync::Arc;

use midflight_core::DocumentName;
use midflight_engine::{Kind as _, KindChange, Work};
use midflight_tools::import::import;
use midflight_tools::{Tools, ToolsDocument, ToolsSnapshot};
use serde_json::{Value, json};

/// The time estimate of every pattern, as an expression.
pub const TIME: &str = "300 * ceil(N / 100) + 5 * N + 0.1 * p95_latency";

const VERBS: [&str; 8] = ["list", "search", "copy", "restart", "inspect", "measure", "rotate", "delete"];
const NOUNS: [&str; 9] =
    ["files", "processes", "containers", "volumes", "queues", "tables", "routes", "certificates", "metrics"];

const PLATFORMS: [&str; 5] = ["linux", "windows", "cloud", "container", "database"];
const CATEGORIES: [&str; 5] = ["system", "network", "automation", "monitoring", "security"];

/// The name of tool `n`.
#[must_use]
pub fn tool_name(n: usize) -> String {
    format!("{}-{}-{n:05}", VERBS[n % VERBS.len()], NOUNS[n % NOUNS.len()])
}

/// The document of tool `n`: one capability of `capabilities` in all, with one or two patterns.
#[must_use]
pub fn tool(n: usize, capabilities: usize, description: &str) -> Value {
    let pattern = |number: usize| {
        json!({
            "description": format!("Pattern {number}: the usual way, with its limits stated."),
            "typical_use_cases": ["routine work", "looking into an incident"],
            "time_estimate_ms": TIME,
            "cost_estimate": "ceil(N / 1000)",
            "complexity_score": 0.1 + f64::from(u8::try_from((n + number) % 8).unwrap_or(0)) / 10.0,
            "limitations": ["needs the right to read"],
            "policy": {"max_cost": 10, "production_safe": true, "max_N_immediate": 5000},
            "preference_match": {"speed": 0.8, "accuracy": 0.7, "cost": 0.6, "complexity": 0.5, "completeness": 0.4},
            "required_inputs": [{"name": "target", "type": "string", "description": "What to work on."}],
            "expected_outputs": [{"name": "result", "type": "string"}],
        })
    };
    let patterns: serde_json::Map<_, _> =
        (0..=n % 2).map(|number| (format!("way{number}"), pattern(number))).collect();
    let (verb, noun) = (VERBS[n % VERBS.len()], NOUNS[n % NOUNS.len()]);
    json!({
        "tool_name": tool_name(n),
        "version": "1.0",
        "description": format!("{description}: can {verb} {noun} of the group {}.", n % 100),
        "platform": PLATFORMS[n % PLATFORMS.len()],
        "category": CATEGORIES[n % CATEGORIES.len()],
        "capabilities": {format!("capability{}", n % capabilities): {"description": "What it can do.", "patterns": patterns}},
    })
}

/// The documents of a catalogue, by name.
pub type ToolDocuments = Vec<(DocumentName, Arc<Value>)>;

/// A catalogue of 184 tools that others wrote for their own work; none where its files are not available.
#[must_use]
pub fn foreign_documents() -> Option<ToolDocuments> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tools/catalog");
    let mut values = Vec::new();
    read_folder(&folder, &mut values).ok()?;
    let tools = import(&values).tools.into_iter();
    Some(tools.map(|tool| (tool.name, Arc::new(tool.body))).collect())
}

fn read_folder(folder: &Path, values: &mut Vec<Value>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_folder(&path, values)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path)?;
            values.extend(serde_saphyr::from_multiple::<Value>(&text).unwrap_or_default());
        }
    }
    Ok(())
}

/// So many tools, by the name of their documents.
#[must_use]
pub fn documents(count: usize, capabilities: usize) -> ToolDocuments {
    (0..count).map(|n| (name(&tool_name(n)), Arc::new(tool(n, capabilities, "A tool")))).collect()
}

fn name(text: &str) -> DocumentName {
    DocumentName::new(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A document as the engine compiles it.
#[must_use]
pub fn change(name: &DocumentName, body: &Arc<Value>) -> KindChange<ToolsDocument> {
    let document = Tools.validate(name, body, &Work::unbounded());
    let document = document.unwrap_or_else(|problems| panic!("{problems}"));
    KindChange { name: name.clone(), document: Some(document) }
}

/// Validates and compiles documents on top of a snapshot.
#[must_use]
pub fn compiled(previous: &ToolsSnapshot, documents: &[(DocumentName, Arc<Value>)]) -> ToolsSnapshot {
    let changes = documents.iter().map(|(name, body)| change(name, body)).collect();
    let compiled = Tools.compile(previous, changes, &Work::unbounded());
    compiled.unwrap_or_else(|problems| panic!("{problems}"))
}
