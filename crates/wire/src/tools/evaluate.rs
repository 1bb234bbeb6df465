//! Formulas that are evaluated.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A formula to evaluate: an expression that gives a number, or a condition.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EvaluateBody {
    /// An expression, as `200 + 5 * N`; or a condition, which is noticed. At most 1,000 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// Instead: a condition, as `N > 50`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// The values of variables, numbers by name; at most 200.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub variables: Map<String, Value>,
}

/// A variable of a formula.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EvaluatedVariable {
    /// Its name.
    pub name: String,
    /// The value that it had.
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub value: Value,
    /// Whether that is its default, since it was not given.
    pub is_default: bool,
}

/// The value of a formula.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EvaluatedAnswer {
    /// The value: a number, or true or false of a condition.
    #[cfg_attr(feature = "openapi", schema(value_type = f64))]
    pub value: Value,
    /// `number` or `condition`.
    pub kind: Cow<'static, str>,
    /// The variables that it needs, in the order of their first use.
    pub variables: Vec<EvaluatedVariable>,
    /// Variables that were given and that it does not have.
    pub unused: Vec<String>,
}
