//! Reads a condition, from the catalogue or written out in a rule.

use std::sync::Arc;

use midflight_core::{Problem, Problems};
use serde_json::Value;

use crate::attribute::Attribute;
use crate::condition::Condition;
use crate::document::check_metadata;
use crate::operator::Operator;
use crate::original::Typing;
use midflight_core::JsonPath;
use midflight_core::ObjectReader;

const FIELDS: [&str; 8] =
    ["attribute", "operator", "equation", "constant", "condition_name", "description", "tags", "metadata"];

/// Reads the body of `conditions/{condition_id}`.
pub(crate) fn read_condition_document(id: &str, body: &Value) -> Result<Arc<Condition>, Problems> {
    let mut problems = Problems::default();
    let condition = read_condition(Some(id), body, &JsonPath::Root, &mut problems);
    condition.ok_or(problems)
}

/// Reads a condition at `place`; none when it has a problem, which is then among `problems`.
///
/// Which typing holds is known only with the ruleset that uses it, so a condition is valid when either finds it so.
pub(crate) fn read_condition<'a>(
    id: Option<&str>,
    body: &'a Value,
    place: &'a JsonPath<'a>,
    problems: &'a mut Problems,
) -> Option<Arc<Condition>> {
    let before = problems.count();
    let mut reader = ObjectReader::open("a condition", body, place, problems)?;
    reader.only(&FIELDS);
    reader.text("condition_name");
    reader.text("description");
    reader.check_tags();
    check_metadata(&mut reader);
    let attribute = read_attribute(&mut reader);
    let operator = read_operator(&mut reader);
    let constant = match (reader.get("constant"), operator) {
        (Some(constant), _) => constant,
        (None, Some(Operator::IsNull) | None) => &Value::Null,
        (None, Some(_)) => {
            reader.missing("constant", "the value to compare with");
            return None;
        }
    };
    let (attribute, operator) = (Arc::new(attribute?), operator?);
    let make = |typing| Condition::new(id.map(Into::into), attribute.clone(), operator, constant, typing);
    let made = make(Typing::Strict).or_else(|problem| make(Typing::Original).map_err(|_| problem));
    match made {
        Ok(condition) => (reader.problems().count() == before).then(|| Arc::new(condition)),
        Err(problem) => {
            reader.problems().add(inside(place, problem));
            None
        }
    }
}

/// The problem of a condition, reported where the condition is.
pub(crate) fn inside(place: &JsonPath<'_>, problem: Problem) -> Problem {
    Problem { path: place.pointer().join(&problem.path), ..problem }
}

fn read_attribute(reader: &mut ObjectReader<'_, '_>) -> Option<Attribute> {
    if reader.get("attribute").is_none() {
        reader.missing("attribute", "the path of the input that is compared, as customer.age");
    }
    match Attribute::new(reader.text("attribute")?) {
        Ok(attribute) => Some(attribute),
        Err(message) => {
            reader.refuse("attribute", "bad_attribute", message);
            None
        }
    }
}

fn read_operator(reader: &mut ObjectReader<'_, '_>) -> Option<Operator> {
    let key = match (reader.get("operator"), reader.get("equation")) {
        (Some(_), Some(_)) => {
            let message = "equation is another name for operator; write one of them";
            reader.refuse("equation", "conflict", message);
            "operator"
        }
        (None, Some(_)) => "equation",
        (Some(_), None) => "operator",
        (None, None) => {
            reader.missing("operator", "what to do with the value, as greater_than");
            return None;
        }
    };
    match Operator::parse(reader.text(key)?) {
        Ok(operator) => Some(operator),
        Err(message) => {
            reader.refuse(key, "unknown_operator", message);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(body: Value, expected: &[&str]) {
        let messages = read_condition_document("C1", &body).unwrap_err().to_string();
        for expected in expected {
            assert!(messages.contains(expected), "{expected}\nis not in\n{messages}");
        }
    }

    #[test]
    fn both_names_of_the_operator_are_taken() {
        for key in ["operator", "equation"] {
            let body =
                json!({"attribute": "a.b", key: "equal", "constant": 1, "condition_name": "n", "tags": []});
            assert_eq!(read_condition_document("C1", &body).unwrap().to_string(), "a.b equal 1");
        }
        let body = json!({"attribute": "a", "operator": "is_null"});
        assert_eq!(read_condition_document("C1", &body).unwrap().to_string(), "a is_null");
    }

    #[test]
    fn every_problem_is_reported() {
        check(json!({}), &["needs \"attribute\"", "needs \"operator\""]);
        check(json!({"attribute": "a", "operator": "equal"}), &["needs \"constant\""]);
        check(
            json!({"attribute": "a..b", "operator": "equals", "constant": 1, "const": 1}),
            &[
                "at /const: a condition has no field \"const\"",
                "at /attribute: invalid path \"a..b\"",
                "at /operator: unknown operator \"equals\"; did you mean \"equal\"?",
            ],
        );
        check(
            json!({"attribute": "a", "operator": "equal", "equation": "equal", "constant": 1}),
            &["at /equation: "],
        );
        check(
            json!({"attribute": "a", "operator": "regex", "constant": "("}),
            &["at /constant: the regular expression does not parse"],
        );
    }

    #[test]
    fn a_constant_that_only_compat_original_accepts_is_accepted() {
        let body = json!({"attribute": "a", "operator": "range", "constant": "['DC','Marvel']"});
        assert!(read_condition_document("C1", &body).is_ok());
    }
}
