//! Bodies of documents of each kind, what they are made of, and the formats that are imported.

use std::sync::Arc;
use std::time::Duration;

use midflight_core::{DocumentName, check_body};
use midflight_engine::{Kind, KindChange, Work};
use midflight_patterns::Patterns;
use midflight_rules::Rules;
use midflight_tools::Tools;
use midflight_tools::expression::{Formula, FormulaVariables};
use midflight_webhooks::Webhooks;
use serde_json::Value;

/// What an edit may take, as in a server.
const WORK_MAX: Duration = Duration::from_secs(10);

/// Validates a body as each of these documents, compiles it and asks it. A body that is no JSON, or nested too deep, does not
/// come to a kind.
fn serve<K: Kind>(kind: &K, names: &[&str], bytes: &[u8]) {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return };
    if !check_body(&body).is_empty() {
        return;
    }
    let body = Arc::new(body);
    let work = Work::unbounded().with_steps_of(WORK_MAX);
    for name in names.iter().filter_map(|name| DocumentName::new(name).ok()) {
        let Ok(document) = kind.validate(&name, &body, &work) else { continue };
        let change = KindChange { name: name.clone(), document: Some(document) };
        let Ok(snapshot) = kind.compile(&kind.empty(), vec![change], &work) else { continue };
        drop(kind.answer(&snapshot, &body));
        let gone = KindChange { name, document: None };
        drop(kind.compile(&snapshot, vec![gone], &work));
    }
}

/// A rule, a ruleset and a condition.
pub fn rules(bytes: &[u8]) {
    serve(&Rules, &["loans", "loans/R1", "conditions/c"], bytes);
}

/// A pattern, a profile, a policy and a prompt.
pub fn patterns(bytes: &[u8]) {
    serve(&Patterns, &["p", "profiles/p", "learning/p", "prompts/p"], bytes);
}

/// A tool, and settings of the selection.
pub fn tools(bytes: &[u8]) {
    serve(&Tools, &["t", "settings/selection"], bytes);
}

/// A webhook.
pub fn webhooks(bytes: &[u8]) {
    serve(&Webhooks::default(), &["w"], bytes);
}

/// An expression of a tool, as a number and as a condition.
pub fn expressions(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let variables = FormulaVariables::defaults();
    for compile in [Formula::number, Formula::condition] {
        let Ok(formula) = compile(&text, &|_| true) else { continue };
        drop(formula.evaluate_with(&variables));
        drop(formula.evaluate(|name| variables.get(name)));
    }
}

/// Files of other systems.
pub fn imports(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    drop(midflight_rules::import::import(&text, Some(&text), "loans"));
    drop(midflight_patterns::import::families(&text, "p"));
    drop(midflight_patterns::import::rows(&text, "p", None));
    drop(midflight_patterns::import::labelled(&text));
    if let Ok(value) = serde_json::from_str(&text) {
        drop(midflight_tools::import::import(&[value]));
    }
}
