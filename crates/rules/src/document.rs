//! The three sorts of document, distinguished by their names.

use midflight_core::{CHECKS_FOLDER, DocumentName, JsonPointer, ObjectReader, Problem, Problems};
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
pub struct RulesDocument(pub(crate) ParsedRuleDocument);

#[derive(Debug)]
pub(crate) enum ParsedRuleDocument {
    Ruleset(RulesetDocument),
    Rule(RuleDocument),
    Condition(Arc<Condition>),
}

/// Which document a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleDocumentName<'a> {
    Ruleset(&'a str),
    Rule(&'a str, &'a str),
    Condition(&'a str),
}

/// Which sort of document `name` is of.
///
/// # Errors
/// For a name that is of none, why not.
pub(crate) fn named(name: &DocumentName) -> Result<RuleDocumentName<'_>, Problem> {
    let mut segments = name.segments();
    let parts = (segments.next().unwrap_or_default(), segments.next(), segments.next());
    let bad = |code, message: String| Err(Problem::new(code, JsonPointer::root(), message));
    match parts {
        (folder @ (CONDITIONS_FOLDER | CHECKS_FOLDER), None, _) => bad(
            "reserved_name",
            format!("{folder:?} is the folder of {folder}, so a ruleset cannot have that name; use another"),
        ),
        (ruleset, None, _) => Ok(RuleDocumentName::Ruleset(ruleset)),
        (CONDITIONS_FOLDER, Some(condition), None) => Ok(RuleDocumentName::Condition(condition)),
        (ruleset, Some(rule), None) => Ok(RuleDocumentName::Rule(ruleset, rule)),
        _ => bad(
            "bad_name",
            format!(
                "{name} has too many parts; write {{ruleset}}, {{ruleset}}/{{rule_id}} or conditions/{{condition_id}}"
            ),
        ),
    }
}

/// Refuses metadata that are no object. Their contents are for people and their programs.
pub(crate) fn check_metadata(reader: &mut ObjectReader<'_, '_>) {
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
        RuleDocumentName::Ruleset(_) => ParsedRuleDocument::Ruleset(read_ruleset(body)?),
        RuleDocumentName::Rule(..) => ParsedRuleDocument::Rule(read_rule(body)?),
        RuleDocumentName::Condition(id) => ParsedRuleDocument::Condition(read_condition_document(id, body)?),
    };
    Ok(RulesDocument(parsed))
}

impl RulesDocument {
    /// An estimate of the memory it holds beside its fixed size, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.0 {
            ParsedRuleDocument::Ruleset(ruleset) => ruleset.bytes(),
            ParsedRuleDocument::Rule(rule) => rule.bytes(),
            ParsedRuleDocument::Condition(condition) => condition.test.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<RuleDocumentName<'_>, &str>) {
        let name = DocumentName::new(name).unwrap();
        let found = named(&name).map_err(|problem| problem.code.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn names_identify_their_document() {
        check("loans", Ok(RuleDocumentName::Ruleset("loans")));
        check("loans/R1", Ok(RuleDocumentName::Rule("loans", "R1")));
        check("conditions/C1", Ok(RuleDocumentName::Condition("C1")));
        check("loans/conditions", Ok(RuleDocumentName::Rule("loans", "conditions")));
        check("conditions", Err("reserved_name"));
        check("checks", Err("reserved_name"));
        check("loans/R1/more", Err("bad_name"));
        check("conditions/a/b", Err("bad_name"));
    }
}
