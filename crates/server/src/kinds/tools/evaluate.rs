//! Formulas that are tried: what they are worth with which variables, or what is wrong with them and where.

use axum::Json;
use axum::extract::State;
use midflight_core::{JsonPointer, clip};
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::problem::ApiError;
use midflight_tools::expression::{
    EvaluationError, Formula, FormulaError, FormulaFault, Numeric, default_of,
};
use midflight_tools::limits::REQUEST_ITEMS_MAX;
use midflight_wire::problem::{ProblemBody, ProblemItem};
use midflight_wire::tools::{EvaluateBody, EvaluatedAnswer, EvaluatedVariable};
use serde_json::{Map, Number, Value, json};

use super::app::ToolsApp;

/// Evaluates an expression or a condition, with Python's semantics. Variables that are not given have their defaults
/// where a catalogue has one: N 0, pages 1, p95_latency 100, cost 1, time_ms 1000. What is wrong is answered with 422:
/// the character, a picture of the place, and the cure.
#[utoipa::path(post, path = "/api/v1/tools/evaluate", tag = "tools", request_body = EvaluateBody,
    responses((status = 200, body = EvaluatedAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn evaluate(
    State(app): State<ToolsApp>,
    JsonBody(body): JsonBody<EvaluateBody>,
) -> Result<Json<EvaluatedAnswer>, ApiError> {
    let answer = evaluated(body)?;
    app.parts.metrics.evaluated();
    Ok(Json(answer))
}

/// The place of the text of a formula in the body.
#[derive(Debug, Clone, Copy)]
enum FormulaMember {
    Expression,
    Condition,
}

impl FormulaMember {
    fn place(self) -> JsonPointer {
        JsonPointer::root().key(match self {
            Self::Expression => "expression",
            Self::Condition => "condition",
        })
    }
}

fn evaluated(body: EvaluateBody) -> Result<EvaluatedAnswer, ApiError> {
    let (text, member) = match (body.expression, body.condition) {
        (Some(text), None) => (text, FormulaMember::Expression),
        (None, Some(text)) => (text, FormulaMember::Condition),
        _ => {
            let detail = "write an expression or a condition, and not both";
            return Err(
                ApiError::new(Code::INVALID_BODY, detail).at(&FormulaMember::Expression.place(), detail)
            );
        }
    };
    let given = variables(&body.variables)?;
    let is_declared = |name: &str| given.contains_key(name);
    let (formula, kind) = compiled(&text, member, &is_declared).map_err(|error| wrong(&error, member))?;
    let value_of = |name: &str| given.get(name).copied().or_else(|| default_of(name));
    let value = formula.evaluate(value_of).map_err(|error| not_evaluated(&error, &text, member))?;
    let needed: Vec<&str> = formula.variables().collect();
    let unused = given.keys().filter(|name| !needed.contains(&name.as_str())).cloned().collect();
    let variable = |name: &&str| EvaluatedVariable {
        name: (*name).to_owned(),
        value: value_of(name).map_or(Value::Null, number),
        is_default: !given.contains_key(*name),
    };
    Ok(EvaluatedAnswer {
        value: if kind == "condition" { json!(value.as_f64() == 1.0) } else { number(value) },
        kind: kind.into(),
        variables: needed.iter().map(variable).collect(),
        unused,
    })
}

/// The formula, and what it gives. An expression may be a condition: its author knows which one a policy wants.
fn compiled(
    text: &str,
    member: FormulaMember,
    is_declared: &dyn Fn(&str) -> bool,
) -> Result<(Formula, &'static str), FormulaError> {
    let condition = || Formula::condition(text, is_declared).map(|formula| (formula, "condition"));
    match member {
        FormulaMember::Condition => condition(),
        FormulaMember::Expression => match Formula::number(text, is_declared) {
            Err(error) if error.fault == FormulaFault::Type => condition().map_err(|_| error),
            number => number.map(|formula| (formula, "number")),
        },
    }
}

type GivenVariables = std::collections::BTreeMap<String, Numeric>;

fn variables(members: &Map<String, Value>) -> Result<GivenVariables, ApiError> {
    let place = JsonPointer::root().key("variables");
    if members.len() > REQUEST_ITEMS_MAX {
        let detail =
            format!("{} variables are given and {REQUEST_ITEMS_MAX} may be; give fewer", members.len());
        return Err(ApiError::new(Code::INVALID_INPUT, detail.clone()).at(&place, detail));
    }
    let mut given = GivenVariables::new();
    for (name, value) in members {
        match value.as_number().and_then(Numeric::of_json) {
            Some(value) => drop(given.insert(name.clone(), value)),
            None => {
                let error = ApiError::new(Code::INVALID_INPUT, "a variable is a number");
                return Err(error.at(&place.key(&clip(name)), "a variable is a number"));
            }
        }
    }
    Ok(given)
}

fn number(value: Numeric) -> Value {
    match value {
        Numeric::Integer(value) => json!(value),
        Numeric::Float(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
    }
}

/// The error of a formula that cannot be compiled, or has no value, with its place.
fn wrong(error: &FormulaError, member: FormulaMember) -> ApiError {
    let mut api = ApiError::new(Code::INVALID_INPUT, error.to_string());
    api.body_mut().errors.push(ProblemItem {
        path: member.place().as_str().to_owned(),
        message: error.message.clone(),
        code: Some(error.fault.code().to_owned()),
        line: Some(1),
        column: Some(error.character as u64),
        ..ProblemItem::default()
    });
    api
}

fn not_evaluated(error: &EvaluationError, text: &str, member: FormulaMember) -> ApiError {
    let variable = match error {
        EvaluationError::Arithmetic(error) => return wrong(error, member),
        EvaluationError::MissingVariable { variable, .. } => variable,
        _ => return ApiError::new(Code::INVALID_INPUT, error.to_string()),
    };
    let message = format!("the variable {variable:?} was not given; give it in variables");
    let mut api = ApiError::new(Code::INVALID_INPUT, message.clone());
    api.body_mut().errors.push(ProblemItem {
        path: member.place().as_str().to_owned(),
        message,
        code: Some("missing_variable".to_owned()),
        line: Some(1),
        column: position(text, variable),
        ..ProblemItem::default()
    });
    api
}

/// The character, from 1, at which a variable is first used.
fn position(text: &str, variable: &str) -> Option<u64> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let found = text.match_indices(variable).find(|(at, _)| {
        let before = text[..*at].chars().next_back();
        let after = text[at + variable.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    });
    found.map(|(at, _)| text[..at].chars().count() as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(expression: &str, variables: Value) -> Result<EvaluatedAnswer, (String, Option<u64>)> {
        let variables = variables.as_object().cloned().unwrap_or_default();
        let body = EvaluateBody { expression: Some(expression.to_owned()), condition: None, variables };
        evaluated(body).map_err(|error| {
            let error = error.body();
            (error.detail.clone(), error.errors.first().and_then(|item| item.column))
        })
    }

    #[test]
    fn a_formula_has_pythons_value_and_its_variables() {
        for (expression, variables, value) in [
            ("-7 // 2", json!({}), json!(-4)),
            ("200 + 5 * N", json!({"N": 10}), json!(250)),
            ("7 / 2", json!({}), json!(3.5)),
            ("N > 50 and pages < 3", json!({"N": 51}), json!(true)),
            ("size * 2", json!({"size": 1.5}), json!(3.0)),
        ] {
            assert_eq!(evaluate(expression, variables).unwrap().value, value, "{expression}");
        }
        let answer = evaluate("N + size", json!({"size": 2, "other": 1})).unwrap();
        let found: Vec<_> =
            answer.variables.iter().map(|it| (it.name.as_str(), it.value.clone(), it.is_default)).collect();
        assert_eq!(found, [("N", json!(0), true), ("size", json!(2), false)]);
        assert_eq!((answer.unused, &*answer.kind), (vec!["other".to_owned()], "number"));
    }

    #[test]
    fn problems_are_reported_with_their_character_and_the_cure() {
        for (expression, part, character) in [
            ("2 * sizes + 1", "\"sizes\" was not given", Some(5)),
            ("N / (pages - 1)", "division by zero; guard the divisor", Some(3)),
            ("2 * lg(N)", "did you mean \"log\"", Some(5)),
            ("1 +", "", Some(4)),
        ] {
            let (detail, found) = evaluate(expression, json!({})).unwrap_err();
            assert!(detail.contains(part), "{expression}: {detail}");
            assert_eq!(found, character, "{expression}: {detail}");
        }
        let deep = format!("{}1{}", "(".repeat(200), ")".repeat(200));
        assert!(evaluate(&deep, json!({})).unwrap_err().1.is_some());
        assert!(evaluate("10 ** 1000", json!({})).unwrap_err().0.contains("exponent"));
        assert_eq!(position("sizes + size", "size"), Some(9));
    }
}
