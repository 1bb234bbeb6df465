//! The rules of the rule engine, distinguished by the shape of their file.

use std::collections::BTreeMap;

use midflight_core::{JsonPointer, Problem};
use serde_json::{Map, Value, json};

use super::fields::{Findings, add, first, list, take, take_metadata, take_tags, take_text, text_of, unread};
use super::flat::{self, AllowedConditions, ConditionCatalogue};
use super::{action, id_of, order};

/// The id that makes an imported ruleset the default: the rule engine executed its one file without naming it.
const DEFAULT: &str = "default";

/// The members of a rule that are read, under any of their names, beside those of a flat rule's condition.
const RULE_FIELDS: [&str; 17] = [
    "id",
    "rule_id",
    "rule_name",
    "rulename",
    "description",
    "message",
    "rule_point",
    "rulepoint",
    "weight",
    "priority",
    "action_result",
    "result",
    "status",
    "tags",
    "metadata",
    "type",
    "conditions",
];

/// The members of a file that are read.
const FILE_FIELDS: [&str; 7] =
    ["rules_set", "rules", "ruleset", "rules_set_name", "patterns", "tags", "metadata"];

/// The members that are read of a file's ruleset.
const RULESET_FIELDS: [&str; 6] = ["name", "description", "version", "is_default", "tags", "metadata"];

/// Reads a rules file into a ruleset and its rules. `catalogue` has the conditions of the conditions file, if there is
/// one.
pub(super) fn read(
    file: &Value,
    ruleset: &str,
    catalogue: Option<&ConditionCatalogue>,
    findings: &mut Findings,
) -> BTreeMap<String, Value> {
    let mut documents = BTreeMap::new();
    if file.get("rules_set_details").is_some() {
        let message = "this is the shape rules_set_details (version 2), whose rules state no rule_point and name their \
                       action_result action; write them under rules_set with rule_point, conditions: {item: id} and \
                       action_result";
        let place = JsonPointer::root().key("rules_set_details");
        findings.problems.add(Problem::new("unknown_shape", place, message));
        return documents;
    }
    let seed = file.get("rules_set").is_none() && file.get("rules").is_some();
    let (key, about) = if seed { ("rules", file.get("ruleset")) } else { ("rules_set", None) };
    let mut body = ruleset_body(file, about.unwrap_or(&Value::Null), ruleset, findings);
    if ruleset == DEFAULT {
        body.entry("default").or_insert(json!(true));
    }
    add(&mut documents, ruleset.to_owned(), body, &JsonPointer::root(), &mut findings.problems);
    let sought = match catalogue {
        None => AllowedConditions::Own,
        // In this shape every rule has its own condition, whatever the catalogue has.
        Some(catalogue) if seed => AllowedConditions::CatalogueOrOwn(catalogue),
        Some(catalogue) => AllowedConditions::Catalogue(catalogue),
    };
    let mut rules = Vec::new();
    for (i, rule) in list(file, key, &mut findings.problems).iter().enumerate() {
        let place = JsonPointer::root().key(key).index(i);
        let Some(id) = id_of(rule, &["id", "rule_id", "rule_name", "rulename"]) else {
            let problem = Problem::new("missing_field", place, "a rule needs an id or a rule_name");
            findings.problems.add(problem);
            continue;
        };
        let conditions = match first(rule, &["conditions"]) {
            Some(conditions) => Some(conditions.clone()),
            None => flat::read(rule, &id, &place, sought, findings),
        };
        if let Some(conditions) = conditions {
            let body = rule_body(rule, &id, conditions, &place, findings);
            rules.push((id, place, body));
        }
    }
    order::keep(&mut rules, &mut findings.notices);
    for (id, place, body) in rules {
        add(&mut documents, format!("{ruleset}/{id}"), body, &place, &mut findings.problems);
    }
    documents
}

fn ruleset_body(file: &Value, about: &Value, ruleset: &str, findings: &mut Findings) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("compat".to_owned(), json!("original"));
    take_text(file, &["rules_set_name"], "name", &mut body);
    take_text(about, &["name"], "name", &mut body);
    take_text(about, &["description"], "description", &mut body);
    take_text(about, &["version"], "version", &mut body);
    take(about, &["is_default"], "default", &mut body);
    take(file, &["patterns"], "patterns", &mut body);
    let with_tags = if first(about, &["tags"]).is_some() { about } else { file };
    take_tags(with_tags, &mut body);
    let mut unknown = unread(file, &FILE_FIELDS);
    unknown.extend(unread(about, &RULESET_FIELDS));
    let with_metadata = if first(about, &["metadata"]).is_some() { about } else { file };
    take_metadata(with_metadata, unknown, &format!("ruleset {ruleset}"), &mut body, &mut findings.notices);
    body
}

fn rule_body(
    rule: &Value,
    id: &str,
    conditions: Value,
    place: &JsonPointer,
    findings: &mut Findings,
) -> Map<String, Value> {
    let mut body = Map::new();
    take_text(rule, &["rule_name", "rulename"], "rule_name", &mut body);
    take_text(rule, &["description", "message"], "description", &mut body);
    take(rule, &["rule_point", "rulepoint"], "rule_point", &mut body);
    take(rule, &["weight"], "weight", &mut body);
    take(rule, &["priority"], "priority", &mut body);
    take(rule, &["status"], "status", &mut body);
    take_tags(rule, &mut body);
    take_action(rule, id, place, &mut body, findings);
    if !body.contains_key("weight") {
        body.insert("weight".to_owned(), json!(0));
        findings
            .notices
            .push(format!("rule {id}: without a weight a match gives 0 points; weight: 0 is written"));
    }
    take_metadata(rule, without_meaning(rule), &format!("rule {id}"), &mut body, &mut findings.notices);
    body.insert("conditions".to_owned(), conditions);
    body
}

/// The action result, which the member `result` is where there is no `action_result`.
fn take_action(
    rule: &Value,
    id: &str,
    place: &JsonPointer,
    body: &mut Map<String, Value>,
    findings: &mut Findings,
) {
    let key = if first(rule, &["action_result"]).is_some() { "action_result" } else { "result" };
    let Some(stated) = first(rule, &[key]) else { return };
    // What is no text is refused where documents are read, with its place there.
    let Some(text) = text_of(stated) else {
        body.insert("action_result".to_owned(), stated.clone());
        return;
    };
    match action::converted(&text) {
        Ok(None) => {
            body.insert("action_result".to_owned(), text.into());
        }
        Ok(Some(template)) => {
            findings.notices.push(format!(
                "rule {id}: {key} {text:?} becomes {template:?}; a match with a value that is missing counts as none"
            ));
            body.insert("action_result".to_owned(), template.into());
        }
        Err(why) => {
            findings.problems.add(Problem::new("bad_template", place.key(key), format!("rule {id}: {why}")))
        }
    }
}

/// The members of a rule that mean nothing here, or that another member replaces.
fn without_meaning(rule: &Value) -> Map<String, Value> {
    let is_flat = first(rule, &["conditions"]).is_none();
    let mut unread = unread(rule, &RULE_FIELDS);
    if is_flat {
        flat::FIELDS.into_iter().for_each(|key| drop(unread.remove(key)));
    }
    // The shape shows in conditions; other words than these two were the original's own.
    if let Some(kind) = first(rule, &["type"]).filter(|kind| **kind != "simple" && **kind != "complex") {
        unread.insert("type".to_owned(), kind.clone());
    }
    for (read, other) in [("description", "message"), ("action_result", "result")] {
        if let (Some(stands), Some(second)) = (first(rule, &[read]), first(rule, &[other]))
            && stands != second
        {
            unread.insert(other.to_owned(), second.clone());
        }
    }
    unread
}
