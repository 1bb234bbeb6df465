//! The original's rules, told apart by the shape of their file.

use std::collections::BTreeMap;

use midflight_core::{Pointer, Problem, Problems};
use serde_json::{Map, Value, json};

use super::fields::{add, list, take};
use super::id_of;
use midflight_core::clip;

/// The id that makes an imported ruleset the default: the original executed its one file without naming it.
const DEFAULT: &str = "default";

/// Reads a rules file into a ruleset and its rules. `known` says which conditions the catalogue has.
pub(super) fn read(
    file: &Value,
    ruleset: &str,
    known: &dyn Fn(&str) -> bool,
    problems: &mut Problems,
) -> BTreeMap<String, Value> {
    let mut documents = BTreeMap::new();
    if file.get("rules_set_details").is_some() {
        let message = "this is the shape rules_set_details (version 2), whose rules state no rule_point and name their \
                       action_result action; write them under rules_set with rule_point, conditions: {item: id} and \
                       action_result";
        problems.add(Problem::new("unknown_shape", Pointer::root().key("rules_set_details"), message));
        return documents;
    }
    let seed = file.get("rules_set").is_none() && file.get("rules").is_some();
    let (key, about) = if seed { ("rules", file.get("ruleset")) } else { ("rules_set", None) };
    let mut body = ruleset_body(file, about.unwrap_or(&Value::Null));
    if ruleset == DEFAULT {
        body.entry("default").or_insert(json!(true));
    }
    add(&mut documents, ruleset.to_owned(), body, &Pointer::root(), problems);
    for (i, rule) in list(file, key, problems).iter().enumerate() {
        let place = Pointer::root().key(key).index(i);
        let Some(id) = id_of(rule, &["id", "rule_id", "rule_name", "rulename"]) else {
            problems.add(Problem::new("missing_field", place, "a rule needs an id or a rule_name"));
            continue;
        };
        let Some(conditions) = conditions(rule, &place, seed, known, problems) else {
            continue;
        };
        let body = rule_body(rule, conditions);
        add(&mut documents, format!("{ruleset}/{id}"), body, &place, problems);
    }
    documents
}

fn ruleset_body(file: &Value, about: &Value) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("compat".to_owned(), json!("original"));
    take(about, &["name"], "name", &mut body);
    take(about, &["description"], "description", &mut body);
    take(about, &["version"], "version", &mut body);
    take(about, &["is_default"], "default", &mut body);
    take(file, &["patterns"], "patterns", &mut body);
    body
}

fn rule_body(rule: &Value, conditions: Value) -> Map<String, Value> {
    let mut body = Map::new();
    take(rule, &["rule_name", "rulename"], "rule_name", &mut body);
    take(rule, &["description", "message"], "description", &mut body);
    take(rule, &["rule_point", "rulepoint"], "rule_point", &mut body);
    take(rule, &["weight"], "weight", &mut body);
    take(rule, &["priority"], "priority", &mut body);
    take(rule, &["action_result"], "action_result", &mut body);
    take(rule, &["status"], "status", &mut body);
    // The original kept the shape in type beside words of its own, such as standard; the shape shows in conditions.
    body.insert("conditions".to_owned(), conditions);
    body
}

/// The conditions of a rule; none when they cannot be taken over, which is then a problem.
fn conditions(
    rule: &Value,
    place: &Pointer,
    seed: bool,
    known: &dyn Fn(&str) -> bool,
    problems: &mut Problems,
) -> Option<Value> {
    if let Some(conditions) = rule.get("conditions") {
        return Some(conditions.clone());
    }
    let Some(condition) = rule.get("condition").and_then(Value::as_str) else {
        let message = "a rule needs conditions: {item: id} or {mode, items}";
        problems.add(Problem::new("missing_field", place.clone(), message));
        return None;
    };
    if seed {
        let mut inline = Map::new();
        take(rule, &["attribute"], "attribute", &mut inline);
        take(rule, &["constant"], "constant", &mut inline);
        inline.insert("operator".to_owned(), condition.into());
        return Some(json!({ "item": inline }));
    }
    // Here the original took the member for the id of a condition of the catalogue.
    if known(condition) {
        return Some(json!({ "item": condition }));
    }
    let message = format!(
        "{:?} is not among the catalogue's conditions; write conditions: {{item: id}} with one that is, or conditions: \
         {{item: {{attribute, operator, constant}}}} if it is meant as the operator",
        clip(condition)
    );
    problems.add(Problem::new("unknown_condition", place.key("condition"), message));
    None
}
