//! The results of calls, counted over all swaps.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use super::{ChatAnswer, LlmError};

/// The results of the calls of an [`Llm`](crate::Llm) and its clones since it was made, over all swaps. Calls while
/// none is configured are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LlmCounts {
    /// How many there were. Those that are under way and those that were abandoned by their callers are in no other
    /// count.
    pub calls: u64,
    /// How many were answered.
    pub answered: u64,
    /// How many failed or were refused by the server.
    pub failed: u64,
    /// How many were refused here, since the server failed too often.
    pub refused_by_breaker: u64,
    /// How many tokens the answered questions had, as far as servers reported it.
    pub tokens_asked: u64,
    /// How many the answers had.
    pub tokens_answered: u64,
    /// How long those that were answered or failed took together, in milliseconds, waiting for room included.
    pub took_ms_total: u64,
}

/// Counts the results of calls.
#[derive(Debug, Default)]
pub(super) struct CallCounter {
    calls: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    refused_by_breaker: AtomicU64,
    tokens_asked: AtomicU64,
    tokens_answered: AtomicU64,
    /// In microseconds, so that many short ones are not nothing.
    took_us: AtomicU64,
}

impl CallCounter {
    pub(super) fn begin(&self) -> Instant {
        add(&self.calls, 1);
        Instant::now()
    }

    pub(super) fn end(&self, begun: Instant, answered: &Result<ChatAnswer, LlmError>) {
        match answered {
            Ok(answer) => {
                add(&self.answered, 1);
                add(&self.tokens_asked, answer.tokens_asked.unwrap_or(0));
                add(&self.tokens_answered, answer.tokens_answered.unwrap_or(0));
            }
            Err(LlmError::Resting { .. }) => return add(&self.refused_by_breaker, 1),
            Err(_) => add(&self.failed, 1),
        }
        add(&self.took_us, begun.elapsed().as_micros().try_into().unwrap_or(u64::MAX));
    }

    pub(super) fn read(&self) -> LlmCounts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        LlmCounts {
            calls: of(&self.calls),
            answered: of(&self.answered),
            failed: of(&self.failed),
            refused_by_breaker: of(&self.refused_by_breaker),
            tokens_asked: of(&self.tokens_asked),
            tokens_answered: of(&self.tokens_answered),
            took_ms_total: of(&self.took_us) / 1000,
        }
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}
