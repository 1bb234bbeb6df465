//! Reads a rule document.

use std::sync::Arc;

use midflight_core::{Problem, Problems};
use serde_json::Value;

use crate::condition::Condition;
use crate::document::check_metadata;
use crate::expression::Expression;
use crate::limits::ACTION_BYTES_MAX;
use crate::read_logic::LogicReader;
use crate::status::{RuleStatus, STATUSES};
use crate::template::Template;
use midflight_core::JsonPath;
use midflight_core::ObjectReader;

/// The contents of a rule, its references to the catalogue still unresolved.
#[derive(Debug)]
pub(crate) struct RuleDocument {
    pub(crate) name: Option<Box<str>>,
    pub(crate) status: RuleStatus,
    pub(crate) priority: i64,
    pub(crate) point: f64,
    pub(crate) weight: f64,
    pub(crate) action: Template,
    pub(crate) expression: Expression,
    pub(crate) items: Vec<Item>,
}

/// One condition of a rule, in the order they are written.
#[derive(Debug)]
pub(crate) enum Item {
    /// A condition of the catalogue, and the place of its name as a pointer's text.
    Named(Arc<str>, String),
    /// One that is written out, and its place.
    Inline(Arc<Condition>, String),
}

impl RuleDocument {
    pub(crate) fn bytes(&self) -> u64 {
        let item = |item: &Item| match item {
            Item::Named(..) => 64,
            Item::Inline(condition, _) => 128 + condition.test.bytes(),
        };
        384 + self.items.iter().map(item).sum::<u64>()
    }
}

const FIELDS: [&str; 11] = [
    "rule_name",
    "type",
    "conditions",
    "description",
    "rule_point",
    "weight",
    "priority",
    "action_result",
    "status",
    "tags",
    "metadata",
];

/// The shape that `type` names; complex when `conditions` has anything but `item`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RuleShape {
    Simple,
    Complex,
}

/// Reads the body of `{ruleset}/{rule_id}`.
pub(crate) fn read_rule(body: &Value) -> Result<RuleDocument, Problems> {
    let mut problems = Problems::default();
    match read(body, &mut problems) {
        Some(rule) if problems.is_empty() => Ok(rule),
        _ => Err(problems),
    }
}

fn read(body: &Value, problems: &mut Problems) -> Option<RuleDocument> {
    let root = JsonPath::Root;
    let mut reader = ObjectReader::open("a rule", body, &root, problems)?;
    reader.only(&FIELDS);
    reader.text("description");
    reader.check_tags();
    check_metadata(&mut reader);
    check_shape(&mut reader);
    let name = reader.text("rule_name").map(Into::into);
    let status = reader.word("status", &STATUSES).unwrap_or_default();
    let priority = reader.integer("priority").unwrap_or_default();
    let (point, weight) = read_score(&mut reader);
    let action = read_action(&mut reader);
    let Some(conditions) = reader.get("conditions") else {
        reader.missing("conditions", "{item: condition}, {mode, items}, or all, any and not");
        return None;
    };
    let place = root.key("conditions");
    let mut logic = LogicReader::new(reader.problems());
    let expression = logic.read_outermost(conditions, &place);
    let items = logic.into_items();
    Some(RuleDocument {
        name,
        status,
        priority,
        point,
        weight,
        action: action?,
        expression: expression?,
        items,
    })
}

fn check_shape(reader: &mut ObjectReader<'_, '_>) {
    let stated = reader.word("type", &[("simple", RuleShape::Simple), ("complex", RuleShape::Complex)]);
    let conditions = reader.get("conditions").and_then(Value::as_object);
    let (Some(stated), Some(conditions)) = (stated, conditions) else {
        return;
    };
    let found = if conditions.contains_key("item") { RuleShape::Simple } else { RuleShape::Complex };
    if stated != found {
        let message = match stated {
            RuleShape::Simple => {
                "a simple rule has conditions {item: condition}; write complex, or leave type out"
            }
            RuleShape::Complex => {
                "a complex rule has conditions {mode, items}; write simple, or leave type out"
            }
        };
        reader.refuse("type", "conflict", message);
    }
}

fn read_score(reader: &mut ObjectReader<'_, '_>) -> (f64, f64) {
    let point = reader.number("rule_point").unwrap_or(0.0);
    let weight = reader.number("weight").unwrap_or(1.0);
    if weight < 0.0 {
        reader.refuse("weight", "bad_number", "weight is 0 or more; a rule_point may be negative instead");
    }
    if !(point * weight).is_finite() {
        let message = "rule_point times weight is too large for a number; lower one of them";
        reader.refuse("rule_point", "bad_number", message);
    }
    (point, weight)
}

fn read_action(reader: &mut ObjectReader<'_, '_>) -> Option<Template> {
    let text = match reader.get("action_result") {
        None => "Y",
        Some(_) => reader.text("action_result")?,
    };
    let refused = match text.len() {
        0 => ("empty", "action_result has at least one character, else a match would not show".to_owned()),
        1..=ACTION_BYTES_MAX => match Template::parse(text) {
            Ok(template) => return Some(template),
            Err(message) => ("bad_template", message),
        },
        _ => ("too_long", format!("action_result has at most {ACTION_BYTES_MAX} bytes; shorten it")),
    };
    reader.refuse("action_result", refused.0, refused.1);
    None
}

/// The problem of a condition that a rule names or writes out at `place`.
pub(crate) fn at_item(place: &str, problem: Problem) -> Problem {
    let path = midflight_core::JsonPointer::parse(&format!("{place}{}", problem.path));
    Problem { path, ..problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(body: Value, expected: &[&str]) {
        let messages = read_rule(&body).unwrap_err().to_string();
        for expected in expected {
            assert!(messages.contains(expected), "{expected}\nis not in\n{messages}");
        }
    }

    #[test]
    fn defaults_are_as_documented() {
        let rule = read_rule(&json!({"conditions": {"item": "C1"}})).unwrap();
        assert_eq!((rule.point, rule.weight, rule.priority, rule.status), (0.0, 1.0, 0, RuleStatus::Active));
        assert!(matches!(rule.action, Template::Letter('Y')));
        assert!(matches!(&rule.items[..], [Item::Named(id, place)]
            if &**id == "C1" && place == "/conditions/item"));
    }

    #[test]
    fn every_problem_is_reported() {
        check(json!({}), &["needs \"conditions\""]);
        check(
            json!({"rule_name": 1, "type": "simple", "conditions": {"mode": "and", "items": []}, "rule_point": "20",
                "weight": -1, "priority": 1.5, "action_result": "{{a", "status": 1, "wieght": 1}),
            &[
                "at /wieght: a rule has no field \"wieght\"; did you mean \"weight\"?",
                "at /rule_name: rule_name is a string, not a number",
                "at /type: a simple rule has conditions {item: condition}",
                "at /rule_point: rule_point is a number, not a string",
                "at /weight: weight is 0 or more",
                "at /priority: priority is a whole number of 64 bits",
                "at /action_result: {{ is not closed",
                "at /status: status is a string",
                "at /conditions/items: ",
            ],
        );
        check(json!({"type": "complex", "conditions": {"item": "C1"}}), &["at /type: a complex rule"]);
        check(
            json!({"conditions": {"item": "C1"}, "rule_point": 1e308, "weight": 1e10, "action_result": "", "metadata": []}),
            &["at /rule_point: ", "at /action_result: ", "at /metadata: metadata is an object, not an array"],
        );
    }
}
