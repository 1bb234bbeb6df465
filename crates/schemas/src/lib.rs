//! JSON Schemas of the kinds, bounded: a schema by which a validation could take long is refused where it is read, and
//! what a validation takes is computed before it is done. The validator can neither be interrupted nor be given a bound.
//!
//! ```
//! use midflight_engine::Work;
//! use midflight_schemas::{MeasuredSchema, Verdict};
//! use serde_json::json;
//!
//! let (schema, work) = (json!({"properties": {"port": {"type": "integer"}}}), Work::unbounded());
//! let schema = MeasuredSchema::read(&schema, &work)?.compile(&schema)?;
//! assert!(matches!(schema.validate(&json!({"port": 80}), &work)?, Verdict::Valid));
//! # Ok::<(), midflight_schemas::SchemaStop>(())
//! ```

mod cost;
mod graph;
pub mod limits;
mod patterns;

use jsonschema::{ErrorIterator, PatternOptions, Validator};
use midflight_core::{JsonPointer, Problem, Problems};
use midflight_engine::{Interrupted, Work};
use serde_json::Value;

use self::cost::{check_places, cost};
use self::graph::Graph;
use self::patterns::{REGEX_BYTES_MAX, cache_bytes_max, regex_bytes};

/// The code of the problem of a schema that is none, or that refers to what is not in it.
pub const UNREADABLE: &str = "invalid_schema";
/// The code of the problem of a schema by which a validation could take long, and of a value whose validation would.
pub const TOO_EXPENSIVE: &str = "schema_too_expensive";
/// The code of the problem of a schema that takes too much memory.
pub const TOO_LARGE: &str = "schema_too_large";

/// How long an evaluation of a subschema may take in the worst case, in ns. Nearly all take a third.
const EVALUATION_NS: u64 = 1_000;

/// Why a schema is not used, or a value not validated.
#[derive(Debug, Clone, PartialEq)]
pub enum SchemaStop {
    /// It may not: the bound, the place in the schema, and what to do.
    Refused(Problem),
    /// The budget ended first.
    Interrupted(Interrupted),
}

impl From<Interrupted> for SchemaStop {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

impl From<Problem> for SchemaStop {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<SchemaStop> for Problems {
    fn from(stop: SchemaStop) -> Self {
        match stop {
            SchemaStop::Refused(problem) => problem.into(),
            SchemaStop::Interrupted(interrupted) => interrupted.into(),
        }
    }
}

impl std::fmt::Display for SchemaStop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(problem) => problem.fmt(f),
            Self::Interrupted(interrupted) => interrupted.fmt(f),
        }
    }
}

impl std::error::Error for SchemaStop {}

/// A schema by which every validation is bounded, not yet compiled.
pub struct MeasuredSchema {
    /// What the validator evaluates, to know how long it takes.
    graph: Graph,
    pattern_count: usize,
    regex_bytes: usize,
}

impl MeasuredSchema {
    /// Reads a schema. Cost: linear in its size, and each of its regular expressions is compiled.
    ///
    /// # Errors
    /// [`UNREADABLE`] for one that is none; [`TOO_EXPENSIVE`] when a validation by it could take long whatever the value,
    /// since a few references can be a great many evaluations; [`TOO_LARGE`] past a bound on its memory; and that the
    /// budget has ended.
    pub fn read(schema: &Value, work: &Work) -> Result<Self, SchemaStop> {
        let mut graph = Graph::read(schema)?;
        check_places(&graph)?;
        let patterns = std::mem::take(&mut graph.patterns);
        let regex_bytes = regex_bytes(&patterns, work)?;
        Ok(Self { graph, pattern_count: patterns.len(), regex_bytes })
    }

    /// How much memory its regular expressions take when they are compiled, in bytes.
    #[must_use]
    pub fn regex_bytes(&self) -> usize {
        self.regex_bytes
    }

    /// Compiles it; `schema` is the one that was read. What it refers to outside of it is not fetched.
    ///
    /// # Errors
    /// [`UNREADABLE`], with the place in the schema.
    pub fn compile(self, schema: &Value) -> Result<BoundedSchema, Problem> {
        let options = PatternOptions::regex().size_limit(REGEX_BYTES_MAX);
        let options = options.dfa_size_limit(cache_bytes_max(self.pattern_count));
        let options = jsonschema::options().with_pattern_options(options).offline();
        let validator = options.build(schema).map_err(|error| {
            let path = JsonPointer::parse(error.instance_path().as_str());
            Problem::new(UNREADABLE, path, format!("invalid JSON Schema: {error}"))
        })?;
        Ok(BoundedSchema { validator, graph: self.graph })
    }
}

/// A schema by which values are validated within bounds.
pub struct BoundedSchema {
    validator: Validator,
    graph: Graph,
}

/// Whether a value is valid.
pub enum Verdict<'v> {
    /// It is.
    Valid,
    /// It is not, and these are its errors. All of them were collected by now.
    Invalid(ErrorIterator<'v>),
    /// It is not, and listing its errors would take too much memory.
    TooManyErrors,
}

impl BoundedSchema {
    /// Validates a value. The validation is one step of the work, which cannot be interrupted: a work with short steps
    /// refuses one that may take long.
    ///
    /// # Errors
    /// [`SchemaStop::Refused`] with the bound that the validation would exceed; [`SchemaStop::Interrupted`].
    pub fn validate<'v>(&'v self, value: &'v Value, work: &Work) -> Result<Verdict<'v>, SchemaStop> {
        let cost = cost(&self.graph, value, work)?;
        work.step(cost.valid.saturating_mul(EVALUATION_NS))?;
        if self.validator.is_valid(value) {
            return Ok(Verdict::Valid);
        }
        // The validator collects every error before it returns the first, so it is only asked for them when there are
        // any.
        if !cost.allows_errors() {
            return Ok(Verdict::TooManyErrors);
        }
        work.step(cost.errors.saturating_mul(EVALUATION_NS))?;
        Ok(Verdict::Invalid(self.validator.iter_errors(value)))
    }
}

#[cfg(test)]
mod tests;
