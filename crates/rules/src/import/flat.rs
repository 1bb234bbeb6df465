//! Flat rules: attribute, operator and constant are members of the rule. They are matched to the catalogue, or written
//! out.

use std::collections::BTreeMap;

use midflight_core::{JsonPointer, Problem, clip};
use serde_json::{Map, Value, json};

use super::fields::{Findings, take};
use crate::document::CONDITIONS_FOLDER;
use crate::operator::Operator;
use crate::scalar::same;

/// The members of a rule that are its condition.
pub(super) const FIELDS: [&str; 5] = ["condition", "operator", "equation", "attribute", "constant"];

/// The documents of the catalogue, by name.
pub(super) type ConditionCatalogue = BTreeMap<String, Value>;

/// Which conditions a flat rule may have.
#[derive(Clone, Copy)]
pub(super) enum AllowedConditions<'a> {
    /// Only those of the catalogue.
    Catalogue(&'a ConditionCatalogue),
    /// Those of the catalogue, and others that are written out in the rule.
    CatalogueOrOwn(&'a ConditionCatalogue),
    /// There is no catalogue.
    Own,
}

impl<'a> AllowedConditions<'a> {
    fn catalogue(self) -> Option<&'a ConditionCatalogue> {
        match self {
            Self::Catalogue(catalogue) | Self::CatalogueOrOwn(catalogue) => Some(catalogue),
            Self::Own => None,
        }
    }
}

/// The conditions of a flat rule; none when they cannot be taken over, which is then a problem.
pub(super) fn read(
    rule: &Value,
    id: &str,
    place: &JsonPointer,
    sought: AllowedConditions<'_>,
    findings: &mut Findings,
) -> Option<Value> {
    let stated = ["condition", "operator", "equation"]
        .into_iter()
        .find_map(|key| Some((key, rule.get(key)?.as_str()?)));
    let Some((key, word)) = stated else {
        let message = "a rule needs conditions: {item: id} or {mode, items}";
        findings.problems.add(Problem::new("missing_field", place.clone(), message));
        return None;
    };
    let catalogue = sought.catalogue();
    // The rule engine took the member `condition` for the id of a condition.
    if catalogue.is_some_and(|catalogue| catalogue.contains_key(&format!("{CONDITIONS_FOLDER}/{word}"))) {
        return Some(json!({ "item": word }));
    }
    let operator = Operator::parse(word).ok().filter(|_| rule.get("attribute").is_some());
    let Some(operator) = operator else {
        let message = format!(
            "rule {id}: {:?} is neither a condition of the catalogue nor an operator with an attribute beside it; write \
             conditions: {{item: id}}, or attribute, condition and constant",
            clip(word)
        );
        findings.problems.add(Problem::new("unknown_condition", place.key(key), message));
        return None;
    };
    if let Some(found) = catalogue.and_then(|catalogue| equal(rule, operator, catalogue)) {
        findings.notices.push(format!("rule {id}: its condition is {found} of the catalogue"));
        return Some(json!({ "item": found }));
    }
    if let AllowedConditions::Catalogue(catalogue) = sought {
        let near = near(rule, operator, catalogue).unwrap_or_default();
        let message = format!(
            "rule {id}: the conditions file has no condition {}{near}; add it there, or import without a conditions file to \
             have it written out in the rule",
            described(rule, operator)
        );
        findings.problems.add(Problem::new("unknown_condition", place.key(key), message));
        return None;
    }
    let mut own = Map::new();
    take(rule, &["attribute"], "attribute", &mut own);
    take(rule, &["constant"], "constant", &mut own);
    own.insert("operator".to_owned(), operator.name().into());
    Some(json!({ "item": own }))
}

/// The id of the catalogue's condition that asks the same.
fn equal<'a>(rule: &Value, operator: Operator, catalogue: &'a ConditionCatalogue) -> Option<&'a str> {
    let constant = rule.get("constant").unwrap_or(&Value::Null);
    let is_equal = |condition: &Value| same(condition.get("constant").unwrap_or(&Value::Null), constant);
    let found = alike(rule, operator, catalogue).find(|&(_, condition)| is_equal(condition));
    found.map(|(id, _)| id)
}

/// A condition that differs in its constant alone, in words.
fn near(rule: &Value, operator: Operator, catalogue: &ConditionCatalogue) -> Option<String> {
    let (id, condition) = alike(rule, operator, catalogue).next()?;
    Some(format!(" ({id} is {})", described(condition, operator)))
}

/// The conditions of the same attribute and operator, with their ids.
fn alike<'a>(
    rule: &Value,
    operator: Operator,
    catalogue: &'a ConditionCatalogue,
) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let attribute = rule.get("attribute").cloned();
    let is_alike = move |condition: &Value| {
        let own =
            condition.get("operator").and_then(Value::as_str).and_then(|name| Operator::parse(name).ok());
        condition.get("attribute") == attribute.as_ref() && own == Some(operator)
    };
    let named = catalogue.iter().filter(move |&(_, condition)| is_alike(condition));
    named.map(|(name, condition)| (name.rsplit('/').next().unwrap_or(name), condition))
}

fn described(condition: &Value, operator: Operator) -> String {
    let member = |key: &str| condition.get(key).unwrap_or(&Value::Null).to_string();
    let attribute =
        condition.get("attribute").and_then(Value::as_str).map_or_else(|| member("attribute"), clip);
    format!("{attribute} {} {}", operator.name(), clip(&member("constant")))
}
