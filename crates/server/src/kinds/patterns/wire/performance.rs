//! How patterns do.

use midflight_http::wire::quarantined_revisions;
use midflight_learning::{PatternPerformance, Performance, Savings};
use midflight_wire::patterns::{PatternPerformanceAnswer, PerformanceAnswer, SavingsAnswer};

use super::item::usage_answer;

/// How patterns do, on all replicas together.
pub(in super::super) fn performance_answer(performance: Performance) -> PerformanceAnswer {
    let profiles = performance.profiles.into_iter();
    PerformanceAnswer {
        patterns: performance.patterns.iter().map(pattern_performance_answer).collect(),
        ranked: performance.ranked,
        profiles: profiles.map(|(name, savings)| (name.to_string(), savings_answer(&savings))).collect(),
        revision: performance.revision.get(),
        quarantined: quarantined_revisions(&performance.quarantined),
    }
}

fn pattern_performance_answer(one: &PatternPerformance) -> PatternPerformanceAnswer {
    PatternPerformanceAnswer {
        id: one.id.to_string(),
        category: one.category.to_string(),
        usage: usage_answer(&one.usage),
        wilson_lower_bound: one.wilson,
    }
}

fn savings_answer(savings: &Savings) -> SavingsAnswer {
    SavingsAnswer {
        answered_by_patterns: savings.matched,
        answered_by_llm: savings.llm,
        unanswered: savings.none,
        llm_call_cost: savings.llm_call_cost,
        cost_saved: savings.cost_saved,
    }
}
