//! What an execution is asked, and why it may be refused.

use midflight_core::{JsonPointer, Problem};
use midflight_engine::Interrupted;
use serde_json::Value;

use crate::status::RuleStatus;

/// A request to execute a ruleset.
#[derive(Debug, Clone, Copy)]
pub struct ExecuteRequest<'a> {
    /// Which ruleset; none asks for the default one.
    pub ruleset: Option<&'a str>,
    /// The input, an object.
    pub data: &'a Value,
    /// Only these rules, when given; whatever their order, they execute in the ruleset's.
    pub rule_ids: Option<&'a [String]>,
    /// Whether to report the result of each rule. Costs far more than executing: every rule is looked at.
    pub explain: bool,
}

impl<'a> ExecuteRequest<'a> {
    /// Asks for all rules of a ruleset, without explanations.
    #[must_use]
    pub fn new(ruleset: Option<&'a str>, data: &'a Value) -> Self {
        Self { ruleset, data, rule_ids: None, explain: false }
    }
}

/// Why nothing was executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// There is no ruleset of that id. Never answered by executing another.
    #[error("unknown ruleset {id:?}{}", near(.nearest))]
    UnknownRuleset {
        /// What was asked for.
        id: String,
        /// A ruleset of a similar id.
        nearest: Option<String>,
    },
    /// No ruleset was named and none is the default.
    #[error("no ruleset is the default; name one, or set default: true on one")]
    NoDefaultRuleset,
    /// The ruleset is there and does not execute.
    #[error("the ruleset {id:?} is {status}; only an active one executes")]
    RulesetNotActive {
        /// The ruleset.
        id: String,
        /// Where it is in its life.
        status: RuleStatus,
    },
    /// A rule that was asked for is not in the ruleset.
    #[error("the ruleset {ruleset:?} has no rule {id:?}{}", near(.nearest))]
    UnknownRule {
        /// The ruleset.
        ruleset: String,
        /// What was asked for.
        id: String,
        /// A rule of a similar id.
        nearest: Option<String>,
        /// Its position in the request.
        position: usize,
    },
    /// A rule that was asked for is there and does not execute.
    #[error("the rule {id:?} is {status}; only an active one executes")]
    RuleNotActive {
        /// The rule.
        id: String,
        /// Where it is in its life.
        status: RuleStatus,
        /// Its position in the request.
        position: usize,
    },
    /// A text is too long for the regular expression of a rule.
    #[error(
        "the rule {rule:?} matches {attribute} with a regular expression, which has {bytes} bytes and may have {bytes_max} \
         (regex_input_bytes_max); send a shorter text, or take the regular expression out of the rule"
    )]
    TextTooLong {
        /// The rule.
        rule: String,
        /// The attribute.
        attribute: String,
        /// How long the text is.
        bytes: usize,
        /// How long it may be.
        bytes_max: usize,
    },
    /// It was not done within its budget.
    #[error(
        "the execution needs more {} than it may have, at the rule {rule:?}; send less at once, or execute fewer rules",
        needed(.why)
    )]
    TooExpensive {
        /// The rule at which it was interrupted.
        rule: String,
        /// Why.
        why: Interrupted,
    },
    /// The action results write too much out of the input.
    #[error(
        "the pattern result would have more than {bytes_max} bytes (pattern_result_bytes_max), at the rule {rule:?}; send \
         shorter texts, or take the attribute out of its action_result"
    )]
    PatternResultTooLong {
        /// The rule.
        rule: String,
        /// How long it may be.
        bytes_max: usize,
    },
    /// The input has no attributes.
    #[error("data is an object, not {found}")]
    DataNotAnObject {
        /// What it is.
        found: &'static str,
    },
}

fn near(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean {near:?}?"))
}

fn needed(why: &Interrupted) -> &'static str {
    match why {
        Interrupted::Memory => "memory",
        _ => "time",
    }
}

impl ExecuteError {
    /// The stable code of the error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownRuleset { .. } => "unknown_ruleset",
            Self::NoDefaultRuleset => "no_default_ruleset",
            Self::RulesetNotActive { .. } => "ruleset_not_active",
            Self::UnknownRule { .. } => "unknown_rule",
            Self::RuleNotActive { .. } => "rule_not_active",
            Self::DataNotAnObject { .. } => "wrong_type",
            Self::TextTooLong { .. } => "text_too_long",
            Self::PatternResultTooLong { .. } => "pattern_result_too_long",
            Self::TooExpensive { .. } => "too_expensive",
        }
    }

    /// The place in a request `{ruleset, data, rule_ids}` that the error is about.
    #[must_use]
    pub fn path(&self) -> JsonPointer {
        let root = JsonPointer::root();
        match self {
            Self::UnknownRuleset { .. } | Self::NoDefaultRuleset | Self::RulesetNotActive { .. } => {
                root.key("ruleset")
            }
            Self::UnknownRule { position, .. } | Self::RuleNotActive { position, .. } => {
                root.key("rule_ids").index(*position)
            }
            Self::DataNotAnObject { .. } | Self::TooExpensive { .. } | Self::PatternResultTooLong { .. } => {
                root.key("data")
            }
            Self::TextTooLong { attribute, .. } => {
                attribute.split('.').fold(root.key("data"), |place, part| place.key(part))
            }
        }
    }

    /// The error as a problem of the request.
    #[must_use]
    pub fn to_problem(&self) -> Problem {
        Problem::new(self.code(), self.path(), self.to_string())
    }
}
