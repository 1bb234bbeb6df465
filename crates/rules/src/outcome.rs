//! What an execution answers.

/// The result of a rule in one execution. False, missing input and a wrong type are three different outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleOutcome {
    /// Its conditions hold.
    Matched,
    /// Its conditions are not met.
    NotMatched,
    /// It could not be decided, for an attribute is not in the input.
    MissingInput,
    /// It could not be decided, for a value is of another type than the constant.
    TypeError,
}

impl RuleOutcome {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::NotMatched => "not_matched",
            Self::MissingInput => "missing_input",
            Self::TypeError => "type_error",
        }
    }
}

/// The answer of an execution. Texts are the snapshot's own; nothing was copied for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution<'s> {
    /// The ruleset that was executed.
    pub ruleset: &'s str,
    /// The sum of rule_point times weight over the rules that matched, added in execution order.
    pub total_points: f64,
    /// The action results of the rules that matched, in execution order, and `-` for each that did not.
    pub pattern_result: String,
    /// What the ruleset recommends for exactly that pattern result.
    pub action_recommendation: Option<&'s str>,
    /// How many rules were executed.
    pub rules_executed: usize,
    /// The ids of the rules that matched, in execution order.
    pub matched: Vec<&'s str>,
    /// The result of each rule, when that was requested.
    pub rule_evaluations: Option<Vec<RuleEvaluation<'s>>>,
    /// How many conditions were asked one by one, beside the index. No condition is asked twice.
    pub conditions_asked: usize,
}

/// The result of one rule, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleEvaluation<'s> {
    /// The rule's id.
    pub rule_id: &'s str,
    /// What people call it.
    pub rule_name: Option<&'s str>,
    /// Its priority.
    pub priority: i64,
    /// Its conditions in words.
    pub condition: String,
    /// Its result.
    pub outcome: RuleOutcome,
    /// What a match is worth.
    pub rule_point: f64,
    /// What its points are multiplied with.
    pub weight: f64,
    /// Why it did not match, as `age is missing`; none for a match.
    pub detail: Option<String>,
}
