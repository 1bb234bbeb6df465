//! The three sorts of document, told apart by their names.

use midflight_core::{CHECKS_FOLDER, DocumentName, Pointer, Problem, Problems, Reader};
use serde_json::Value;
use std::sync::Arc;

use crate::condition::Condition;
use crate::read_condition::read_condition_document;
use crate::read_rule::{RuleDocument, read_rule};
use crate::read_ruleset::{RulesetDocument, read_ruleset};

/// The first segment of the name of every condition of the catalogue.
pub(crate) const CONDITIONS_FOLDER: &str = "conditions";

/// A document of the kind `rules` that was found valid by itself.
#[derive(Debug)]
pub struct RulesDocument(pub(crate) Parsed);

#[derive(Debug)]
pub(crate) enum Parsed {
    Ruleset(RulesetDocument),
    Rule(RuleDocument),
    Condition(Arc<Condition>),
}

/// Which document a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    Ruleset(&'a str),
    Rule(&'a str, &'a str),
    Condition(&'a str),
}

/// Which sort of document `name` is of.
///
/// # Errors
/// For a name that is of none, why not.
pub(crate) fn named(name: &DocumentName) -> Result<Named<'_>, Problem> {
    let mut segments = name.segments();
    let parts = (segments.next().unwrap_or_default(), segments.next(), segments.next());
    let bad = |code, message: String| Err(Problem::new(code, Pointer::root(), message));
    match parts {
        (folder @ (CONDITIONS_FOLDER | CHECKS_FOLDER), None, _) => bad(
            "reserved_name",
            format!("{folder:?} is the folder of {folder}, so no ruleset has that name; take another"),
        ),
        (ruleset, None, _) => Ok(Named::Ruleset(ruleset)),
        (CONDITIONS_FOLDER, Some(condition), None) => Ok(Named::Condition(condition)),
        (ruleset, Some(rule), None) => Ok(Named::Rule(ruleset, rule)),
        _ => bad(
            "bad_name",
            format!(
                "{name} has too many parts; write {{ruleset}}, {{ruleset}}/{{rule_id}} or conditions/{{condition_id}}"
            ),
        ),
    }
}

/// Refuses metadata that are no object. What they say is for people and their programs.
pub(crate) fn check_metadata(reader: &mut Reader<'_, '_>) {
    if let Some(value) = reader.get("metadata").filter(|value| !value.is_object()) {
        reader.wrong_type("metadata", "an object", value);
    }
}

/// Reads a document.
///
/// # Errors
/// Every problem that it has by itself.
pub(crate) fn read(name: &DocumentName, body: &Value) -> Result<RulesDocument, Problems> {
    let parsed = match named(name)? {
        Named::Ruleset(_) => Parsed::Ruleset(read_ruleset(body)?),
        Named::Rule(..) => Parsed::Rule(read_rule(body)?),
        Named::Condition(id) => Parsed::Condition(read_condition_document(id, body)?),
    };
    Ok(RulesDocument(parsed))
}

impl RulesDocument {
    /// An estimate of the memory it holds beside its fixed size, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.0 {
            Parsed::Ruleset(ruleset) => ruleset.bytes(),
            Parsed::Rule(rule) => rule.bytes(),
            Parsed::Condition(condition) => condition.test.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<Named<'_>, &str>) {
        let name = DocumentName::new(name).unwrap();
        let found = named(&name).map_err(|problem| problem.code.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn names_say_which_document_it_is() {
        check("loans", Ok(Named::Ruleset("loans")));
        check("loans/R1", Ok(Named::Rule("loans", "R1")));
        check("conditions/C1", Ok(Named::Condition("C1")));
        check("loans/conditions", Ok(Named::Rule("loans", "conditions")));
        check("conditions", Err("reserved_name"));
        check("checks", Err("reserved_name"));
        check("loans/R1/more", Err("bad_name"));
        check("conditions/a/b", Err("bad_name"));
    }
}
