//! How patterns do.

use std::collections::BTreeMap;

use midflight_http::wire::quarantined_revisions;
use midflight_learning::{PatternPerformance, Performance, Savings};
use midflight_wire::log::QuarantinedRevisions;
use serde::Serialize;
use utoipa::ToSchema;

use super::item::UsageAnswer;

/// How patterns do, on all replicas together.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct PerformanceAnswer {
    /// The best patterns, best first.
    patterns: Vec<PatternPerformanceAnswer>,
    /// How many patterns were ever used or spoken of.
    ranked: usize,
    /// What patterns saved, by profile.
    profiles: BTreeMap<String, SavingsAnswer>,
    /// The revision that the patterns are of.
    revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    quarantined: QuarantinedRevisions,
}

/// How a pattern does.
#[derive(Debug, Serialize, ToSchema)]
struct PatternPerformanceAnswer {
    /// The pattern.
    id: String,
    /// Its category.
    category: String,
    /// What was counted of it.
    usage: UsageAnswer,
    /// The lower bound of the share of what was right, with 95 % confidence (Wilson).
    wilson_lower_bound: f64,
}

/// What patterns saved of a profile's calls of an LLM.
#[derive(Debug, Serialize, ToSchema)]
struct SavingsAnswer {
    /// How many queries a pattern answered.
    answered_by_patterns: u64,
    /// How many an LLM answered.
    answered_by_llm: u64,
    /// How many nothing answered.
    unanswered: u64,
    /// What a call costs, by the learning policy.
    llm_call_cost: f64,
    /// What the calls would have cost that were not made.
    cost_saved: f64,
}

impl From<Performance> for PerformanceAnswer {
    fn from(performance: Performance) -> Self {
        let profiles = performance.profiles.into_iter();
        Self {
            patterns: performance.patterns.into_iter().map(PatternPerformanceAnswer::from).collect(),
            ranked: performance.ranked,
            profiles: profiles.map(|(name, savings)| (name.to_string(), savings.into())).collect(),
            revision: performance.revision.get(),
            quarantined: quarantined_revisions(&performance.quarantined),
        }
    }
}

impl From<PatternPerformance> for PatternPerformanceAnswer {
    fn from(one: PatternPerformance) -> Self {
        Self {
            id: one.id.to_string(),
            category: one.category.to_string(),
            usage: one.usage.into(),
            wilson_lower_bound: one.wilson,
        }
    }
}

impl From<Savings> for SavingsAnswer {
    fn from(savings: Savings) -> Self {
        let Savings { matched, llm, none, llm_call_cost, cost_saved } = savings;
        Self {
            answered_by_patterns: matched,
            answered_by_llm: llm,
            unanswered: none,
            llm_call_cost,
            cost_saved,
        }
    }
}
