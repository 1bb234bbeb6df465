//! Formulas that are evaluated.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A formula to evaluate: an expression that gives a number, or a condition.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct EvaluateBody {
    /// An expression, as `200 + 5 * N`; or a condition, which is noticed. At most 1,000 bytes.
    pub(in super::super) expression: Option<String>,
    /// Instead: a condition, as `N > 50`.
    pub(in super::super) condition: Option<String>,
    /// The values of variables, numbers by name; at most 200.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(in super::super) variables: Map<String, Value>,
}

/// A variable of a formula.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct EvaluatedVariable {
    /// Its name.
    pub(in super::super) name: String,
    /// The value that it had.
    #[schema(value_type = f64)]
    pub(in super::super) value: Value,
    /// Whether that is its default, since it was not given.
    pub(in super::super) is_default: bool,
}

/// The value of a formula.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct EvaluatedAnswer {
    /// The value: a number, or true or false of a condition.
    #[schema(value_type = f64)]
    pub(in super::super) value: Value,
    /// `number` or `condition`.
    pub(in super::super) kind: &'static str,
    /// The variables that it needs, in the order of their first use.
    pub(in super::super) variables: Vec<EvaluatedVariable>,
    /// Variables that were given and that it does not have.
    pub(in super::super) unused: Vec<String>,
}
