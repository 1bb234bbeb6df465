//! Conditions are shared by all rulesets: an import into one must not change what another asks.

use std::collections::{BTreeMap, BTreeSet};

use midflight_core::{DocumentName, JsonPointer, Problem, Problems, clip};
use serde_json::Value;

use super::ImportedRules;
use crate::document::{CONDITIONS_FOLDER, RuleDocumentName, named};
use crate::operator::Operator;
use crate::scalar::same;

/// How an imported condition is handled when the catalogue has another one of its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConflictPolicy {
    /// The import is refused, and every such condition is listed.
    #[default]
    Refuse,
    /// It is imported as `{ruleset}-{id}`, and the imported rules name that.
    Prefix,
    /// It replaces the one of the catalogue, for all rulesets.
    Replace,
}

/// Settles what imported conditions become beside those that exist. `existing` are the documents of the kind by name.
///
/// A condition that asks the same as the existing one is shared: the existing document stays as it is. One that only
/// rules of `ruleset` name is that ruleset's to change. Every other difference is a conflict, which `policy` decides;
/// what it changes is added to the notices.
///
/// # Errors
/// Every conflict, at `/conditions_set`.
pub fn settle(
    imported: ImportedRules,
    ruleset: &str,
    existing: &BTreeMap<String, Value>,
    policy: ConflictPolicy,
) -> Result<ImportedRules, Problems> {
    let catalogue = ExistingCatalogue { existing, users: users(existing), ruleset };
    let imported_names: BTreeSet<String> =
        imported.documents.iter().map(|(name, _)| name.as_str().to_owned()).collect();
    let ImportedRules { documents, mut notices } = imported;
    let (mut problems, mut kept, mut renamed) = (Problems::default(), Vec::new(), BTreeMap::new());
    for (name, body) in documents {
        let id = match named(&name) {
            Ok(RuleDocumentName::Condition(id)) => Some(id.to_owned()),
            _ => None,
        };
        let Some(id) = id else {
            kept.push((name, body));
            continue;
        };
        match (catalogue.meet(&id, &body), policy) {
            (ConflictState::Free, _) => kept.push((name, body)),
            (ConflictState::Same, _) => notices.push(format!(
                "condition {id}: the catalogue has an equal one; it is shared and not changed"
            )),
            (ConflictState::Other(other), ConflictPolicy::Replace) => {
                notices.push(format!("condition {id}: {other}; it is replaced for all"));
                kept.push((name, body));
            }
            (ConflictState::Other(other), ConflictPolicy::Refuse) => problems.add(conflict(&format!(
                "condition {id}: {other}; this one is {}. Name it {ruleset}-{id} with --on-conflict prefix, or change it for \
                 all with --on-conflict replace",
                stated(&body)
            ))),
            (ConflictState::Other(other), ConflictPolicy::Prefix) => {
                let own = format!("{ruleset}-{id}");
                let own_name = format!("{CONDITIONS_FOLDER}/{own}");
                let is_taken = imported_names.contains(&own_name);
                match (catalogue.meet(&own, &body), DocumentName::new(&own_name)) {
                    (ConflictState::Free, Ok(own_name)) if !is_taken => kept.push((own_name, body)),
                    (ConflictState::Same, _) if !is_taken => {}
                    _ => {
                        problems.add(conflict(&format!(
                            "condition {id}: {other}; the id {own} cannot be taken for this one either; give it another \
                             id in the file"
                        )));
                        continue;
                    }
                }
                notices.push(format!("condition {id}: {other}; this one is imported as {own}"));
                renamed.insert(id, own);
            }
        }
    }
    for (name, body) in &mut kept {
        if let (Ok(RuleDocumentName::Rule(..)), Some(conditions)) = (named(name), body.get_mut("conditions"))
        {
            visit(conditions, &mut |id| {
                if let Some(own) = renamed.get(id.as_str()) {
                    id.clone_from(own);
                }
            });
        }
    }
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    problems.or(ImportedRules { documents: kept, notices })
}

/// The relation of an imported condition to the catalogue.
enum ConflictState {
    /// There is none of that id, it is the same document, or it is the ruleset's own to change.
    Free,
    /// There is one that asks the same.
    Same,
    /// There is another one: which, and who uses it.
    Other(String),
}

/// The catalogue as it is, and the rulesets whose rules name each condition.
struct ExistingCatalogue<'a> {
    existing: &'a BTreeMap<String, Value>,
    users: BTreeMap<String, BTreeSet<String>>,
    ruleset: &'a str,
}

impl ExistingCatalogue<'_> {
    fn meet(&self, id: &str, body: &Value) -> ConflictState {
        let Some(there) = self.existing.get(&format!("{CONDITIONS_FOLDER}/{id}")) else {
            return ConflictState::Free;
        };
        let users = self.users.get(id);
        let is_own = users.is_some_and(|users| users.iter().all(|user| user == self.ruleset));
        if is_own || there == body {
            return ConflictState::Free;
        }
        if asks_same(there, body) {
            return ConflictState::Same;
        }
        let users: Vec<_> = users.into_iter().flatten().map(String::as_str).collect();
        let users = if users.is_empty() { "no ruleset".to_owned() } else { users.join(", ") };
        ConflictState::Other(format!(
            "the catalogue has another one of this id, {}, used by {}",
            stated(there),
            clip(&users)
        ))
    }
}

/// The rulesets whose rules name each condition.
fn users(existing: &BTreeMap<String, Value>) -> BTreeMap<String, BTreeSet<String>> {
    let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, body) in existing {
        let Ok(name) = DocumentName::new(name) else { continue };
        if let (Ok(RuleDocumentName::Rule(ruleset, _)), Some(conditions)) =
            (named(&name), body.get("conditions"))
        {
            visit(&mut conditions.clone(), &mut |id| {
                users.entry(id.clone()).or_default().insert(ruleset.to_owned());
            });
        }
    }
    users
}

/// Visits the ids of the catalogue's conditions in the conditions of a rule.
fn visit(node: &mut Value, see: &mut dyn FnMut(&mut String)) {
    match node {
        Value::String(id) => see(id),
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, see)),
        Value::Object(members) => {
            for key in ["item", "items", "all", "any", "not"] {
                if let Some(part) = members.get_mut(key) {
                    visit(part, see);
                }
            }
        }
        _ => {}
    }
}

fn operator(condition: &Value) -> Option<&str> {
    condition.get("operator").or_else(|| condition.get("equation"))?.as_str()
}

fn asks_same(a: &Value, b: &Value) -> bool {
    let parsed = |condition| operator(condition).and_then(|name| Operator::parse(name).ok());
    let constant = |condition: &Value| condition.get("constant").cloned().unwrap_or_default();
    a.get("attribute") == b.get("attribute")
        && parsed(a).is_some()
        && parsed(a) == parsed(b)
        && same(&constant(a), &constant(b))
}

/// What a condition asks, in words.
fn stated(condition: &Value) -> String {
    let attribute = condition.get("attribute").and_then(Value::as_str).unwrap_or_default();
    let constant = condition.get("constant").map(Value::to_string).unwrap_or_default();
    clip(&format!("{attribute} {} {constant}", operator(condition).unwrap_or_default()))
}

fn conflict(message: &str) -> Problem {
    Problem::new("condition_conflict", JsonPointer::root().key("conditions_set"), message)
}
