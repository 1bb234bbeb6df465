//! The original's catalogue, where it is available: what is imported, what is refused, and that an export imports as
//! the same.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use midflight_engine::Kind;
use midflight_tools::import::{RefusalReason, ToolsImport, import};
use midflight_tools::lint::lint;
use midflight_tools::selection::SelectionRequest;
use midflight_tools::{Tools, ToolsSnapshot};
use serde_json::{Value, json};

use crate::support::{documents, original, snapshot, yaml, yaml_files};

/// All files of the catalogue as one import, and the snapshot of what was imported; read once.
fn at_hand() -> Option<&'static (ToolsImport, ToolsSnapshot)> {
    static READ: LazyLock<Option<(ToolsImport, ToolsSnapshot)>> = LazyLock::new(read);
    READ.as_ref()
}

fn read() -> Option<(ToolsImport, ToolsSnapshot)> {
    let files = yaml_files(&original()?.join("catalog"));
    assert_eq!(files.len(), 223);
    let values: Vec<Value> = files.into_iter().flat_map(|(_, documents)| documents).collect();
    let imported = import(&values);
    let snapshot = snapshot(&documents(&imported));
    Some((imported, snapshot))
}

#[test]
fn the_184_tools_are_imported_and_the_template_and_38_others_are_named_with_the_cure() {
    let Some((imported, snapshot)) = at_hand() else { return };
    assert_eq!((imported.tools.len(), imported.refused.len()), (184, 39));
    assert_eq!((snapshot.tool_count(), snapshot.offered_count(), snapshot.pattern_count()), (184, 184, 265));
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for refused in &imported.refused {
        *reasons.entry(refused.reason.as_str()).or_default() += 1;
        let cure =
            if refused.reason == RefusalReason::Template { "replace every" } else { "write tool_name" };
        assert!(refused.message.contains(cure), "{refused:?}");
        assert!(refused.tool.is_some(), "{refused:?}");
    }
    assert_eq!(reasons, BTreeMap::from([("template", 1), ("unknown_shape", 38)]));
    assert!(
        snapshot
            .by_tool_name("prometheus")
            .is_some_and(|tool| tool.capability("system_monitoring").is_some())
    );
    // What real files have and nothing reads is kept.
    let tool = snapshot.by_tool_name("Axis-VAPIX-PTZ-Control").unwrap();
    assert_eq!(tool.body()["execution_location"], "network-service");
}

#[test]
fn an_export_imports_as_the_same_tools() {
    let Some((_, before)) = at_hand() else { return };
    let exported: Vec<Value> = before.export().collect();
    let again = import(&[Value::Array(exported)]);
    assert!(again.refused.is_empty(), "{:?}", again.refused);
    let after = snapshot(&documents(&again));
    for tool in before.tools(None) {
        let other = after.tool(tool.id()).unwrap();
        assert_eq!((other.digest(), other.body()), (tool.digest(), tool.body()), "{}", tool.id());
    }
    assert_eq!(before.digest(), after.digest());
}

#[test]
fn no_pattern_is_lost_for_an_unknown_variable() {
    let Some((_, snapshot)) = at_hand() else { return };
    let patterns = || {
        let capabilities = snapshot.tools(None).flat_map(|tool| tool.capabilities());
        capabilities.flat_map(|capability| &capability.patterns)
    };
    let known = ["N", "pages", "p95_latency", "cost", "time_ms"];
    let with_others = patterns().filter(|pattern| pattern.variables().iter().any(|it| !known.contains(it)));
    assert!(with_others.count() >= 49, "the original dropped 49 of them");
    // Every capability, with every variable given: each pattern is compared.
    let context: serde_json::Map<String, Value> = patterns()
        .flat_map(|pattern| pattern.variables())
        .map(|variable| (variable.to_owned(), json!(3)))
        .collect();
    let capabilities: Vec<&str> = snapshot.capabilities().map(|(name, _)| name).collect();
    let mut compared = 0;
    for capability in capabilities {
        let input = json!({"capabilities": [capability], "context": context, "limit": 1000});
        let answer = Tools.answer(snapshot, &input).unwrap();
        assert_eq!(answer["total"]["not_evaluated"], 0, "{answer}");
        compared +=
            answer["total"]["candidates"].as_u64().unwrap() + answer["total"]["excluded"].as_u64().unwrap();
    }
    assert_eq!(compared, 265);
}

#[test]
fn a_search_finds_what_people_ask_for() {
    let Some((_, snapshot)) = at_hand() else { return };
    for (query, expected) in [
        ("list processes linux", "ps"),
        ("copy files to an S3 bucket", "aws_s3"),
        ("move camera to preset position", "Axis-VAPIX-PTZ-Control"),
        ("capture packets", "tcpdump"),
        ("restart a kubernetes pod", "kubectl"),
        ("Get-Process", "Get-Process"),
    ] {
        let hits: Vec<_> =
            snapshot.search(query, 5).iter().map(|hit| hit.tool.tool_name().to_owned()).collect();
        let is_found = hits.iter().any(|name| {
            name.to_lowercase().replace('-', "_").contains(&expected.to_lowercase().replace('-', "_"))
        });
        assert!(is_found, "{query}: {hits:?}");
    }
}

#[test]
fn a_selection_by_words_prefers_matching_tools() {
    let Some((_, snapshot)) = at_hand() else { return };
    let request =
        SelectionRequest::read(&json!({"query": "quickly capture packets", "environment": "staging"}))
            .unwrap();
    let selection = snapshot.select(&request).unwrap();
    assert_eq!(selection.mode.mode.as_str(), "fast");
    assert!(!selection.candidates.is_empty() || !selection.not_evaluated.is_empty());
    let scores: Vec<f64> = selection.candidates.iter().map(|candidate| candidate.score).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
}

#[test]
fn the_optimisation_profiles_are_tools_too() {
    let Some(folder) = original() else { return };
    let imported = import(&yaml(&folder.join("profiles.yaml")));
    assert!(imported.refused.is_empty(), "{:?}", imported.refused);
    let snapshot = snapshot(&documents(&imported));
    let tool = snapshot.by_tool_name("asset-direct-poll").unwrap();
    let pattern = &tool.capability("live_asset_query").unwrap().patterns[0];
    assert_eq!((&*pattern.name, pattern.variables()), ("parallel_poll", vec!["N", "p95_latency"]));
    let input = json!({"tool_name": "asset-direct-poll", "context": {"N": 60}, "environment": "production"});
    let answer = Tools.answer(&snapshot, &input).unwrap();
    let parallel =
        answer["candidates"].as_array().unwrap().iter().find(|it| it["pattern"] == "parallel_poll").unwrap();
    assert_eq!(parallel["background"], true);
    // 3000 + 400 * log(60) + 1000 * 1.2, from Python.
    assert_eq!(parallel["estimates"]["time_ms"], json!(5837.73782488884));
}

#[test]
fn descriptions_of_the_original_hide_nothing_and_instruct_nobody() {
    let Some((_, snapshot)) = at_hand() else { return };
    let names: Vec<&str> = snapshot.tools(None).map(|tool| tool.tool_name()).collect();
    let found = snapshot.tools(None).flat_map(|tool| lint(tool, names.iter().copied()));
    let instructions: Vec<_> = found.filter(|finding| finding.rule == "instruction").collect();
    assert!(instructions.is_empty(), "{instructions:?}");
}
