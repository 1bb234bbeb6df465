//! The kind `rules`: rules, rulesets and a catalogue of conditions, compiled at load and executed from an index.
//!
//! Three sorts of document, distinguished by name: `{ruleset}`, `{ruleset}/{rule_id}` and `conditions/{condition_id}`.
//! [`Rules`] is the kind that the engine runs; [`RulesSnapshot::execute`] answers a request; [`import`] reads the files
//! of another rule engine.
//!
//! What is absent is null: a condition `is_null` is true for an attribute that the input does not have, and false when
//! its constant is `false`. So an attribute that is only asked `is_null` never counts as missing; every other operator
//! answers `missing_input` where it is absent.
//!
//! Nothing is parsed, typed or looked up by name when a ruleset is executed. Constants are typed and regexes compiled
//! when a document is validated; rules are in chunks whose index has, for every attribute, the set of rows that each
//! value or interval of values satisfies (`chunk`, `column`, `line`). An edit rebuilds the chunk it touches and shares
//! all others with the snapshot before it.

mod accepted;
mod attribute;
mod bits;
mod chunk;
mod chunks;
mod column;
mod compile;
mod condition;
mod document;
mod evaluate;
mod execute;
mod expression;
pub mod import;
mod input;
mod interner;
mod kind;
pub mod limits;
mod line;
mod normal;
mod number;
mod operator;
mod original;
mod outcome;
mod read_condition;
mod read_logic;
mod read_rule;
mod read_ruleset;
mod request;
mod resolve;
mod rule;
mod ruleset;
mod scalar;
mod schema;
mod snapshot;
mod status;
mod template;
mod test;
mod truth;

pub use document::RulesDocument;
pub use kind::Rules;
pub use outcome::{Execution, RuleEvaluation, RuleOutcome};
pub use request::{ExecuteError, ExecuteRequest};
pub use snapshot::{RuleInfo, RulesSnapshot, RulesetInfo};
pub use status::RuleStatus;
