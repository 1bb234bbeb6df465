//! Figures of queries and of the LLM.

use midflight_components::{BreakerState, LlmCounts, LlmStatus};
use midflight_learning::{AnswerSource, Counts};
use midflight_patterns::NotLearned;
use midflight_wire::patterns::{ClassificationCounts, LlmAnswer};

/// What queries were answered with, and what was learned of them.
pub(in super::super) fn classification_counts(counts: Counts) -> ClassificationCounts {
    let by_source = AnswerSource::ALL.iter().map(|source| source.as_str().to_owned()).zip(counts.answered);
    let not_learned = NotLearned::REASONS.into_iter().zip(counts.not_learned);
    let not_learned = not_learned.filter(|(_, count)| *count > 0);
    ClassificationCounts {
        by_source: by_source.collect(),
        learned: counts.learned,
        not_learned: not_learned.map(|(reason, count)| (reason.to_owned(), count)).collect(),
        llm_rate_limited: counts.llm_rate_limited,
        asking: counts.asking,
    }
}

/// The LLM, and how its calls go.
pub(in super::super) fn llm_answer(status: LlmStatus, counts: &LlmCounts) -> LlmAnswer {
    LlmAnswer {
        provider: status.provider,
        model: status.model,
        breaker: match status.breaker {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
        .into(),
        in_flight: status.in_flight,
        calls: counts.calls,
        answered: counts.answered,
        failed: counts.failed,
        refused_by_breaker: counts.refused_by_breaker,
        tokens_asked: counts.tokens_asked,
        tokens_answered: counts.tokens_answered,
        took_ms_total: counts.took_ms_total,
    }
}
