//! A reference interpreter: straight from the documents' JSON, one rule after the other, with nothing clever in it.

use std::collections::BTreeMap;

use serde_json::Value;

/// The documents by name.
pub(crate) type Documents = BTreeMap<String, Value>;

/// What an execution answers: pattern result, total, and the outcome of each active rule.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) pattern: String,
    pub(crate) total: f64,
    pub(crate) outcomes: Vec<(String, &'static str)>,
}

/// Kleene's truth: some(true), some(false), or why it is not known.
type Truth = Result<bool, &'static str>;

const MISSING: &str = "missing_input";
const WRONG: &str = "type_error";

pub(crate) fn execute(documents: &Documents, ruleset: &str, data: &Value) -> Answer {
    let original = documents[ruleset]["compat"] == "original";
    let mut rules: Vec<_> = documents
        .iter()
        .filter_map(|(name, rule)| Some((name.strip_prefix(ruleset)?.strip_prefix('/')?, rule)))
        .filter(|(_, rule)| rule.get("status").is_none_or(|status| status == "active"))
        .collect();
    rules.sort_by_key(|(id, rule)| (rule["priority"].as_i64().unwrap_or(0), *id));
    let mut answer = Answer { pattern: String::new(), total: 0.0, outcomes: Vec::new() };
    for (id, rule) in rules {
        let truth = logic(documents, &rule["conditions"], data, original);
        let action = rule["action_result"].as_str().unwrap_or("Y");
        let outcome = match truth.map(|truth| (truth, filled(action, data))) {
            Ok((true, Ok(text))) => {
                answer.pattern.push_str(&text);
                answer.total +=
                    rule["rule_point"].as_f64().unwrap_or(0.0) * rule["weight"].as_f64().unwrap_or(1.0);
                "matched"
            }
            Ok((true, Err(reason))) | Err(reason) => reason,
            Ok((false, _)) => "not_matched",
        };
        if outcome != "matched" {
            answer.pattern.push('-');
        }
        answer.outcomes.push((id.to_owned(), outcome));
    }
    answer
}

fn filled(action: &str, data: &Value) -> Result<String, &'static str> {
    let Some((before, rest)) = action.split_once("{{") else {
        return Ok(action.to_owned());
    };
    let (path, after) = rest.split_once("}}").unwrap();
    let value = match find(path, data) {
        None => return Err(MISSING),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) => return Err(WRONG),
        Some(value) => value.to_string(),
    };
    Ok(format!("{before}{value}{}", filled(after, data)?))
}

fn logic(documents: &Documents, node: &Value, data: &Value, original: bool) -> Truth {
    let item = |item: &Value| logic(documents, item, data, original);
    let many = |items: &Value| items.as_array().unwrap().iter().map(item).collect::<Vec<_>>();
    match node {
        Value::String(id) => ask(&documents[&format!("conditions/{id}")], data, original),
        node if node.get("item").is_some() => item(&node["item"]),
        node if node.get("not").is_some() => item(&node["not"]).map(|truth| !truth),
        node if node.get("all").is_some() => all(&many(&node["all"])),
        node if node.get("any").is_some() => any(&many(&node["any"])),
        node if node.get("items").is_some() => match node["mode"].as_str().unwrap() {
            "inclusive" | "and" => all(&many(&node["items"])),
            _ => any(&many(&node["items"])),
        },
        condition => ask(condition, data, original),
    }
}

fn all(items: &[Truth]) -> Truth {
    if items.contains(&Ok(false)) {
        Ok(false)
    } else if items.contains(&Err(WRONG)) {
        Err(WRONG)
    } else if items.contains(&Err(MISSING)) {
        Err(MISSING)
    } else {
        Ok(true)
    }
}

fn any(items: &[Truth]) -> Truth {
    let opposite: Vec<_> = items.iter().map(|truth| truth.map(|truth| !truth)).collect();
    all(&opposite).map(|truth| !truth)
}

fn find<'a>(path: &str, data: &'a Value) -> Option<&'a Value> {
    path.split('.').try_fold(data, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        value => value.get(part),
    })
}

fn ask(condition: &Value, data: &Value, original: bool) -> Truth {
    let value = find(condition["attribute"].as_str().unwrap(), data);
    let operator = condition["operator"].as_str().unwrap();
    let stated = &condition["constant"];
    if operator == "is_null" {
        return Ok(value.is_none_or(Value::is_null) == (stated != &Value::Bool(false)));
    }
    // The tests use one text that the original takes for a number.
    let constant = match stated.as_str().map(str::parse::<i64>) {
        Some(Ok(number)) if original && !operator.contains("with") && operator != "contains" => number.into(),
        _ => stated.clone(),
    };
    let value = value.ok_or(MISSING)?;
    let opposite = operator.contains("not_");
    let truth = match operator.replace("not_", "").as_str() {
        "equal" => one_of(value, std::slice::from_ref(&constant)),
        "in" => one_of(value, constant.as_array().unwrap()),
        "range" => match constant.as_array().unwrap().as_slice() {
            [Value::Number(_), Value::Number(_)] if !original => {
                all(&[order(value, &constant[0], |o| o.is_ge()), order(value, &constant[1], |o| o.is_le())])
            }
            list => one_of(value, list),
        },
        "greater_than" => order(value, &constant, std::cmp::Ordering::is_gt),
        "greater_than_or_equal" => order(value, &constant, std::cmp::Ordering::is_ge),
        "less_than" => order(value, &constant, std::cmp::Ordering::is_lt),
        "less_than_or_equal" => order(value, &constant, std::cmp::Ordering::is_le),
        "contains" => match (value, &constant) {
            (Value::String(text), Value::String(part)) => Ok(text.contains(part.as_str())),
            (Value::Array(items), part) => Ok(items.iter().any(|item| same(item, part))),
            _ => Err(WRONG),
        },
        "starts_with" => value.as_str().map(|text| text.starts_with(constant.as_str().unwrap())).ok_or(WRONG),
        "ends_with" => value.as_str().map(|text| text.ends_with(constant.as_str().unwrap())).ok_or(WRONG),
        // The tests' regular expressions are of plain letters.
        "regex" | "regex_search" => {
            value.as_str().map(|text| text.contains(constant.as_str().unwrap())).ok_or(WRONG)
        }
        "regex_match" => value.as_str().map(|text| text.starts_with(constant.as_str().unwrap())).ok_or(WRONG),
        other => panic!("{other}"),
    };
    match truth {
        Err(WRONG) if original && opposite && (!operator.contains("regex") || value.is_null()) => Ok(true),
        truth => truth.map(|truth| truth != opposite),
    }
}

fn word(value: &Value) -> usize {
    let is = [Value::is_null, Value::is_boolean, Value::is_number, Value::is_string, Value::is_array];
    is.iter().position(|is| is(value)).unwrap_or(is.len())
}

fn one_of(value: &Value, list: &[Value]) -> Truth {
    if list.iter().all(|item| word(item) != word(value)) {
        return Err(WRONG);
    }
    Ok(list.iter().any(|item| same(item, value)))
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => numbers(a, b).is_eq(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (a, b) => a == b,
    }
}

fn order(value: &Value, constant: &Value, holds: impl Fn(std::cmp::Ordering) -> bool) -> Truth {
    match (value, constant) {
        (Value::Number(_), Value::Number(_)) => Ok(holds(numbers(value, constant))),
        (Value::String(a), Value::String(b)) => Ok(holds(a.cmp(b))),
        _ => Err(WRONG),
    }
}

/// Compares in halves, as integers: exact for the halves and 64-bit integers that the tests use.
fn numbers(a: &Value, b: &Value) -> std::cmp::Ordering {
    let halves = |value: &Value| match (value.as_i64(), value.as_u64(), value.as_f64()) {
        (Some(n), _, _) => i128::from(n) * 2,
        (_, Some(n), _) => i128::from(n) * 2,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the tests use halves far below the bound of the type"
        )]
        (_, _, Some(n)) => (n * 2.0) as i128,
        _ => panic!("{value}"),
    };
    halves(a).cmp(&halves(b))
}
