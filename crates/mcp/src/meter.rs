//! What a server counts of itself, to be read whenever it is scraped.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::permits::CallerPermits;
use crate::sessions::SealedSessions;

/// How a call of a tool ended, by classes of which there are few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallClass {
    /// The tool answered.
    Success,
    /// The arguments do not fit the schema of the tool.
    InvalidArguments,
    /// There is no such tool, or it was removed.
    UnknownTool,
    /// A person was asked, or would have to be, or did not agree.
    NeedsUser,
    /// There was no room for it.
    Busy,
    /// It took too long.
    TimedOut,
    /// Anything else: the tool failed, or its answer does not fit its schema.
    Failed,
}

impl CallClass {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::InvalidArguments,
        Self::UnknownTool,
        Self::NeedsUser,
        Self::Busy,
        Self::TimedOut,
        Self::Failed,
    ];

    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::InvalidArguments => "invalid_arguments",
            Self::UnknownTool => "unknown_tool",
            Self::NeedsUser => "needs_user",
            Self::Busy => "busy",
            Self::TimedOut => "timed_out",
            Self::Failed => "failed",
        }
    }

    /// The class of a failure with this code.
    pub(crate) fn of_failure(code: &str) -> Self {
        match code {
            "invalid_arguments" => Self::InvalidArguments,
            "needs_user" | "declined" | "cancelled" | "not_answered" | "too_many_questions" => {
                Self::NeedsUser
            }
            "busy" | "too_many_requests" => Self::Busy,
            "timed_out" => Self::TimedOut,
            "unknown_tool" => Self::UnknownTool,
            code if code.starts_with("tool_") => Self::UnknownTool,
            _ => Self::Failed,
        }
    }
}

/// What is counted while requests are answered.
#[derive(Default)]
pub(crate) struct McpCounts {
    notices: AtomicU64,
    list_pages: AtomicU64,
    calls: [AtomicU64; CallClass::ALL.len()],
}

impl McpCounts {
    /// Counts a `list_changed` that was sent.
    pub(crate) fn notice(&self) {
        self.notices.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a page of a list that was answered.
    pub(crate) fn list_page(&self) {
        self.list_pages.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that ended.
    pub(crate) fn call(&self, class: CallClass) {
        let at = CallClass::ALL.iter().position(|known| *known == class);
        if let Some(count) = at.and_then(|at| self.calls.get(at)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What a server has counted since it was made, and what it has now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct McpFigures {
    /// The sessions of the old era in this process; none while they are being changed.
    pub sessions: Option<u64>,
    /// The open streams that wait for notices.
    pub listeners: u64,
    /// The `list_changed` that were sent.
    pub notices: u64,
    /// The pages of lists that were answered.
    pub list_pages: u64,
    /// The calls that ended, by class, in the order of [`CallClass::ALL`].
    pub calls: Vec<(CallClass, u64)>,
}

/// Reads what an endpoint counts. It holds nothing of the endpoint but its counts and its sessions. Cheap to clone.
#[derive(Clone)]
pub struct McpMeter {
    pub(crate) counts: Arc<McpCounts>,
    pub(crate) listeners: Arc<CallerPermits>,
    pub(crate) sessions: Arc<SealedSessions>,
}

impl McpMeter {
    /// The figures of now. Cost: a few loads and a lock; it never waits.
    #[must_use]
    pub fn read(&self) -> McpFigures {
        let counts = &self.counts;
        let calls = CallClass::ALL.iter().zip(&counts.calls);
        McpFigures {
            sessions: self.sessions.count_now().map(|count| count as u64),
            listeners: self.listeners.count() as u64,
            notices: counts.notices.load(Ordering::Relaxed),
            list_pages: counts.list_pages.load(Ordering::Relaxed),
            calls: calls.map(|(class, count)| (*class, count.load(Ordering::Relaxed))).collect(),
        }
    }
}

impl fmt::Debug for McpMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpMeter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_is_of_a_class_and_every_class_has_a_word_of_its_own() {
        for (code, class) in [
            ("invalid_arguments", CallClass::InvalidArguments),
            ("tool_removed", CallClass::UnknownTool),
            ("unknown_tool", CallClass::UnknownTool),
            ("declined", CallClass::NeedsUser),
            ("busy", CallClass::Busy),
            ("too_many_requests", CallClass::Busy),
            ("timed_out", CallClass::TimedOut),
            ("endpoint_refused", CallClass::Failed),
            ("anything", CallClass::Failed),
        ] {
            assert_eq!(CallClass::of_failure(code), class, "{code}");
        }
        let mut words = CallClass::ALL.map(CallClass::as_str);
        words.sort_unstable();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]), "{words:?}");
    }

    #[test]
    fn calls_are_counted_by_class() {
        let counts = McpCounts::default();
        counts.call(CallClass::Failed);
        counts.call(CallClass::Failed);
        counts.call(CallClass::Success);
        let calls: Vec<u64> = counts.calls.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(calls, [1, 0, 0, 0, 0, 0, 2]);
    }
}
