//! What a selection is asked for.

use midflight_core::{JsonPath, ObjectReader, Problem, Problems};
use serde_json::Value;

use crate::expression::{FormulaVariables, Numeric};
use crate::fields::read_amount;
use crate::limits::{ANSWER_ITEMS_DEFAULT, ANSWER_ITEMS_MAX, QUERY_BYTES_MAX, REQUEST_ITEMS_MAX};
use crate::settings::{MODES, PreferenceMode};

/// What a selection is asked for. It needs at least one of query, capabilities, tool_name, platform and category.
///
/// Candidates are the patterns of the tool `tool_name`; else those of the wanted capabilities; else those of the tools
/// that a search for the query finds; else, where it finds none, those of all tools of the platform or category.
/// Platform, category and capabilities also narrow the others.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SelectionRequest {
    /// What is to be done, in words. Its keywords choose the mode.
    pub query: Option<String>,
    /// The capabilities that are wanted; any of them will do.
    pub capabilities: Vec<String>,
    /// The one tool that is wanted.
    pub tool_name: Option<String>,
    /// The one platform that is wanted.
    pub platform: Option<String>,
    /// The one category that is wanted.
    pub category: Option<String>,
    /// The priority; by default derived from the query.
    pub mode: Option<PreferenceMode>,
    /// The values of variables. `N`, `pages` and `p95_latency` have defaults: 100, 1 and 1000.
    pub variables: Vec<(String, Numeric)>,
    /// Where the tool is to run, as `production`.
    pub environment: Option<String>,
    /// What the caller is permitted.
    pub permissions: Vec<String>,
    /// The highest cost that the caller accepts.
    pub max_cost: Option<f64>,
    /// The most items in each list of the answer.
    pub limit: usize,
}

impl Default for SelectionRequest {
    fn default() -> Self {
        Self {
            query: None,
            capabilities: Vec::new(),
            tool_name: None,
            platform: None,
            category: None,
            mode: None,
            variables: Vec::new(),
            environment: None,
            permissions: Vec::new(),
            max_cost: None,
            limit: ANSWER_ITEMS_DEFAULT,
        }
    }
}

/// The context of the compatibility API: what is taken for a variable that was not given.
const CONTEXT: [(&str, i64); 3] = [("N", 100), ("pages", 1), ("p95_latency", 1000)];

const FIELDS: [&str; 11] = [
    "query",
    "capabilities",
    "tool_name",
    "platform",
    "category",
    "mode",
    "context",
    "environment",
    "permissions",
    "max_cost",
    "limit",
];

impl SelectionRequest {
    /// Reads a request from JSON: its fields by name, the variables as `context`, an object of numbers.
    ///
    /// # Errors
    /// Every problem, each with its path into the input.
    pub fn read(input: &Value) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut request = Self::default();
        let place = JsonPath::Root;
        if let Some(mut reader) = ObjectReader::open("a selection", input, &place, &mut problems) {
            reader.only(&FIELDS);
            let is_given = |key: &str| input.get(key).is_some_and(|value| !value.is_null());
            let mut text = |key: &str| if is_given(key) { reader.text(key).map(str::to_owned) } else { None };
            request.query = text("query");
            request.tool_name = text("tool_name");
            request.platform = text("platform");
            request.category = text("category");
            request.environment = text("environment");
            if request.query.as_ref().is_some_and(|query| query.len() > QUERY_BYTES_MAX) {
                let message = format!("query may have {QUERY_BYTES_MAX} bytes; shorten it");
                reader.refuse("query", "too_long", message);
            }
            for (key, list) in
                [("capabilities", &mut request.capabilities), ("permissions", &mut request.permissions)]
            {
                if is_given(key) {
                    *list = reader.texts(key, REQUEST_ITEMS_MAX).into_iter().map(str::to_owned).collect();
                }
            }
            if is_given("mode") {
                request.mode = reader.word("mode", &MODES);
            }
            if is_given("max_cost") {
                request.max_cost = read_amount(&mut reader, "max_cost");
            }
            if is_given("limit") {
                let limit = reader.integer("limit").and_then(|limit| usize::try_from(limit).ok());
                match limit.filter(|limit| (1..=ANSWER_ITEMS_MAX).contains(limit)) {
                    Some(limit) => request.limit = limit,
                    None => reader.refuse(
                        "limit",
                        "out_of_bounds",
                        format!("limit is from 1 to {ANSWER_ITEMS_MAX}"),
                    ),
                }
            }
            if is_given("context") {
                request.variables = read_variables(&mut reader, &place);
            }
            if reader.problems().is_empty() && !request.is_narrowed() {
                reader.missing("query", "or one of capabilities, tool_name, platform, category");
            }
        }
        problems.or(request)
    }

    pub(super) fn is_narrowed(&self) -> bool {
        let words = [&self.query, &self.tool_name, &self.platform, &self.category];
        words.iter().any(|word| word.is_some()) || !self.capabilities.is_empty()
    }

    /// The variables as formulas take them.
    pub(super) fn formula_variables(&self) -> FormulaVariables {
        context_variables(&self.variables)
    }

    pub(super) fn is_production(&self) -> bool {
        self.environment.as_deref().is_some_and(|environment| environment.eq_ignore_ascii_case("production"))
    }
}

/// The variables with which a selection evaluates formulas: the given ones, and `N` 100, `pages` 1 and `p95_latency`
/// 1000 where they are not given.
#[must_use]
pub fn context_variables(given: &[(String, Numeric)]) -> FormulaVariables {
    let mut variables = FormulaVariables::default();
    for (name, value) in CONTEXT {
        variables.set(name, Numeric::Integer(value));
    }
    given.iter().for_each(|(name, value)| variables.set(name, *value));
    variables
}

fn read_variables(reader: &mut ObjectReader<'_, '_>, place: &JsonPath<'_>) -> Vec<(String, Numeric)> {
    let members = match reader.get("context") {
        Some(Value::Object(members)) if members.len() <= REQUEST_ITEMS_MAX => members,
        Some(Value::Object(members)) => {
            let message = format!(
                "context has {} variables and may have {REQUEST_ITEMS_MAX}; give fewer",
                members.len()
            );
            reader.refuse("context", "too_many", message);
            return Vec::new();
        }
        Some(value) => {
            reader.wrong_type("context", "an object of numbers by variable", value);
            return Vec::new();
        }
        None => return Vec::new(),
    };
    let place = place.key("context");
    let mut variables = Vec::with_capacity(members.len());
    for (name, value) in members {
        match value.as_number().and_then(Numeric::of_json) {
            Some(value) => variables.push((name.clone(), value)),
            None => {
                let message = "a variable is a number";
                reader.problems().add(Problem::new("wrong_type", place.key(name).pointer(), message));
            }
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_is_read_with_its_defaults() {
        let input = json!({"query": "x", "mode": "cheap", "context": {"N": 5, "size": 1.5}, "capabilities": ["a"],
            "environment": "Production", "limit": 3, "max_cost": null});
        let request = SelectionRequest::read(&input).unwrap();
        assert_eq!((request.mode, request.limit, request.max_cost), (Some(PreferenceMode::Cheap), 3, None));
        assert!(request.is_production());
        let variables = request.formula_variables();
        let value = |name: &str| variables.get(name).map(Numeric::as_f64);
        assert_eq!((value("N"), value("pages"), value("p95_latency")), (Some(5.0), Some(1.0), Some(1000.0)));
        assert_eq!((value("size"), value("cost"), value("time_ms")), (Some(1.5), None, None));
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let input = json!({"quer": 1, "mode": "fst", "context": {"N": "5"}, "limit": 0, "capabilities": "x", "max_cost": -1});
        let problems = SelectionRequest::read(&input).unwrap_err().to_string();
        for expected in [
            "at /quer: a selection has no field \"quer\"; did you mean \"query\"?",
            "at /mode: \"fst\" is not a valid mode; use one of fast, accurate",
            "at /context/N: a variable is a number",
            "at /limit: limit is from 1 to 1000",
            "at /capabilities: capabilities is an array of texts",
            "at /max_cost: max_cost is 0 or more",
        ] {
            assert!(problems.contains(expected), "{expected}\nis not in\n{problems}");
        }
        let problems = SelectionRequest::read(&json!({"mode": "fast"})).unwrap_err().to_string();
        assert!(problems.contains("needs \"query\": or one of capabilities"), "{problems}");
        let problems = SelectionRequest::read(&json!([])).unwrap_err().to_string();
        assert_eq!(problems, "at the root: a selection is an object, not an array");
    }
}
