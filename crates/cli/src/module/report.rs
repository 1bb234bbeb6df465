//! How components and reloads are shown.

use midflight_module_host::{ComponentDescription, ModuleReloadReport};
use serde_json::{Value, json};

use crate::output::{printable, table, text};

/// A component as JSON.
pub(super) fn described(description: &ComponentDescription) -> Value {
    let capabilities: Vec<_> = description.capabilities.iter().map(|it| it.word()).collect();
    json!({
        "component": format!("sha256:{}", description.digest),
        "name": description.info.name,
        "version": description.info.version,
        "schema": description.info.schema,
        "accepts": description.info.accepts,
        "capabilities": capabilities,
    })
}

/// The same as a table.
pub(super) fn described_text(described: &Value) -> String {
    let keys = ["name", "version", "schema", "accepts", "capabilities", "component"];
    rows(described, &keys)
}

/// Members of a value as a table of two columns; those that are not there or empty are left out.
pub(super) fn rows(value: &Value, keys: &[&str]) -> String {
    let mut rows: Vec<_> = keys.iter().map(|key| [(*key).to_owned(), listed(value, key)]).collect();
    rows.retain(|[_, value]| !value.is_empty());
    table(&["", ""], rows).trim_start().to_owned()
}

/// A member as text; of a list its items.
fn listed(value: &Value, key: &str) -> String {
    match value.get(key).and_then(Value::as_array) {
        Some(items) => {
            let item = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            items.iter().map(item).collect::<Vec<_>>().join(", ")
        }
        None => text(value, key),
    }
}

/// What a reload in this process came to.
pub(super) fn reload_line(report: &ModuleReloadReport) -> String {
    let from = report.from_version.as_ref().map_or_else(String::new, |from| format!("{from} -> "));
    let migrated =
        report.migrated_from.map_or_else(String::new, |from| format!(", migrated from schema {from}"));
    format!(
        "{from}{}{migrated}: {}, {} bytes, pause {:.2} ms",
        report.to_version,
        steps(&report.steps.to_string()),
        report.state_bytes,
        report.pause.as_secs_f64() * 1e3
    )
}

fn steps(count: &str) -> String {
    if count == "1" { "1 step".to_owned() } else { format!("{count} steps") }
}

/// What a reload on a server came to, with its phases.
pub(super) fn reload_text(report: &Value) -> String {
    let keys = [
        "at",
        "module",
        "status",
        "generation",
        "from_version",
        "to_version",
        "pause_us",
        "held",
        "migrated_from",
        "to_schema",
        "steps",
        "state_bytes",
        "state_digest",
        "undone",
        "probes",
        "reason",
        "failed_phase",
        "code",
        "message",
    ];
    let phases = report.get("phases").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut shown = rows(report, &keys);
    if !phases.is_empty() {
        let row = |phase: &Value| [text(phase, "phase"), text(phase, "us")];
        shown += "\n";
        shown += &table(&["PHASE", "MICROSECONDS"], phases.iter().map(row));
    }
    shown
}

/// The same in one line.
pub(super) fn reload_summary(report: &Value) -> String {
    let get = |key| text(report, key);
    if get("status") == "failed" {
        return printable(&format!("failed in {}: {}", get("failed_phase"), get("message")));
    }
    let from = match get("from_version") {
        from if from.is_empty() => from,
        from => format!("{from} -> "),
    };
    let migrated = match get("migrated_from") {
        from if from.is_empty() => from,
        from => format!(", migrated from schema {from} in {}", steps(&get("steps"))),
    };
    let pause = report.get("pause_us").and_then(Value::as_f64).unwrap_or_default() / 1e3;
    printable(&format!(
        "generation {}: {from}{}{migrated}; pause {pause:.2} ms, {} messages held{}",
        get("generation"),
        get("to_version"),
        get("held"),
        if report.get("behind") == Some(&json!(true)) {
            "; the log has another manifest: load the version that is to stay"
        } else {
            ""
        }
    ))
}
