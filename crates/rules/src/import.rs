//! Reads the rule files of another rule engine as documents of the kind `rules`.
//!
//! A pure function from texts to documents; the caller puts them into the log as one edit. What it makes is not
//! compiled yet: the edit is, and refuses what does not fit together.
//!
//! Three shapes are read:
//! - `{rules_set: [..], patterns}`, whose rules have `conditions` (version 4 and the test fixtures).
//! - `{ruleset: {..}, rules: [..], patterns, actions}`, the database seed. There a rule is one condition, `attribute`,
//!   `condition` and `constant`, and `condition` names an **operator**.
//! - `{conditions_set: [..]}`, the catalogue of conditions.
//!
//! In versions 1 and 3 a rule under `rules_set` has `attribute`, `condition` and `constant`. It is matched to the
//! condition of the catalogue that asks the same; one that the catalogue does not have is refused with the name of the
//! rule. Without a catalogue the condition is written out in the rule. Version 2 (`rules_set_details`) states no points
//! and is refused.
//!
//! Differences of the documents from the files, which keep the meaning, are in [`ImportedRules::notices`], item by
//! item.

mod action;
mod conditions;
mod conflict;
mod fields;
mod flat;
mod order;
mod rules;

use std::collections::BTreeMap;

use midflight_core::{DocumentName, JsonPointer, Problem, Problems};
use serde_json::Value;

use crate::document::named;
pub use conflict::{ConflictPolicy, settle};
use fields::{Findings, text_of};

/// The result of reading files of the rule engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportedRules {
    /// The documents, ordered by name.
    pub documents: Vec<(DocumentName, Value)>,
    /// What is written otherwise than the files have it, each with the item and the reason, in the order of the files.
    pub notices: Vec<String>,
}

/// The documents of files of another rule engine, with every constant typed as it did (`compat: original`).
///
/// `rules` is the text of the rules file, `conditions` that of the conditions file if there is one, `ruleset` the id
/// of the ruleset to make. Documents are ordered by name.
///
/// # Errors
/// Every problem, each with its path; a path into the conditions file starts with `/conditions_set`.
pub fn import(rules: &str, conditions: Option<&str>, ruleset: &str) -> Result<ImportedRules, Problems> {
    let mut findings = Findings::default();
    let mut documents = BTreeMap::new();
    if let Some(file) =
        conditions.and_then(|text| parsed(text, "the conditions file", &mut findings.problems))
    {
        conditions::read(&file, &mut documents, &mut findings);
    }
    let name = DocumentName::new(ruleset).map_err(|error| error.to_string());
    let name = name.and_then(|name| match named(&name) {
        Ok(crate::document::RuleDocumentName::Ruleset(_)) => Ok(name),
        Ok(_) => Err(format!("invalid ruleset id {ruleset:?}: write it without a slash")),
        Err(problem) => Err(problem.message),
    });
    if let Err(message) = name {
        findings.problems.add(Problem::new("bad_name", JsonPointer::root(), message));
    }
    if let Some(file) = parsed(rules, "the rules file", &mut findings.problems) {
        let catalogue = conditions.map(|_| &documents);
        let made = rules::read(&file, ruleset, catalogue, &mut findings);
        documents.extend(made);
    }
    let Findings { mut problems, notices } = findings;
    let mut named = Vec::with_capacity(documents.len());
    for (name, body) in documents {
        match DocumentName::new(&name) {
            Ok(name) => named.push((name, body)),
            Err(error) => problems.add(Problem::new("bad_name", JsonPointer::root(), error.to_string())),
        }
    }
    problems.or(ImportedRules { documents: named, notices })
}

/// The file as JSON; none when it is not, which is then a problem.
fn parsed(text: &str, file: &str, problems: &mut Problems) -> Option<Value> {
    match serde_json::from_str(text) {
        Ok(value) => Some(value),
        Err(error) => {
            let message = format!("{file} is not JSON: {error}");
            problems.add(Problem::new("bad_json", JsonPointer::root(), message));
            None
        }
    }
}

/// An id made of a name: what ids may not have becomes `-`.
fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.trim().chars() {
        let kept = if c.is_alphanumeric() || "._:@+".contains(c) { c } else { '-' };
        if kept != '-' || !slug.ends_with('-') {
            slug.push(kept);
        }
    }
    slug.trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
}

/// The first of several members that has a text or a number, as an id.
fn id_of(value: &Value, keys: &[&str]) -> Option<String> {
    let id = keys.iter().find_map(|key| text_of(value.get(key)?))?;
    Some(slug(&id)).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_of_names() {
        assert_eq!(slug("High Score  Rule!"), "High-Score-Rule");
        assert_eq!(slug("R0001"), "R0001");
        assert_eq!(slug("../x"), "x");
        assert_eq!(slug("!!"), "");
    }

    #[test]
    fn files_that_are_no_json_are_refused() {
        let messages = import("{", Some("["), "conditions").unwrap_err().to_string();
        for part in
            ["the conditions file is not JSON", "the rules file is not JSON", "\"conditions\" is the folder"]
        {
            assert!(messages.contains(part), "{messages}");
        }
    }
}
