//! How a write is to be made.

use crate::request::ApiRequest;

/// How a write is to be made. The default makes it now, and answers when this server serves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Validate and show the changes, without making them.
    pub dry_run: bool,
    /// The reason, shown in the history.
    pub reason: String,
    /// Also change documents of other owners; their owner changes.
    pub take_over: bool,
    /// Show what changes as unified text too.
    pub diff_text: bool,
    /// When to answer.
    pub wait: WaitFor,
    /// How long to wait, in milliseconds; after it the write continues without its caller.
    pub timeout_ms: Option<u64>,
    /// When to make it, if not now.
    pub later: Later,
    /// The key that makes it once (`Idempotency-Key`), when it has one of the caller. By default each call has its own,
    /// for the retries within the call; with a key of yours it is made once over several calls and processes, too.
    pub key: Option<String>,
}

/// When a write is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitFor {
    /// At once; its result is in the reloads.
    Nothing,
    /// When this server serves it.
    #[default]
    ThisServer,
    /// When every replica that is alive has reported whether it serves it.
    AllReplicas,
}

/// When a change or a reload is made, if not now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Later {
    /// From this time on, as `2026-01-31T03:00:00Z`.
    pub not_before: Option<String>,
    /// In this window: a cron expression of its starts, as `0 3 * * *`.
    pub window: Option<String>,
    /// The IANA time zone of the window, as `Europe/Rome`; UTC by default.
    pub time_zone: Option<String>,
    /// How long the window stays open, in milliseconds; an hour by default.
    pub window_ms: Option<u64>,
}

impl Later {
    /// Whether it is to be made now.
    #[must_use]
    pub fn is_now(&self) -> bool {
        *self == Self::default()
    }
}

impl ApiRequest<'_> {
    /// How the write of this request is to be made. It is made once, however often it is sent.
    pub fn write(self, options: &WriteOptions) -> Self {
        let WriteOptions { dry_run, reason, take_over, diff_text, wait, timeout_ms, later, key } = options;
        let wait = match wait {
            WaitFor::Nothing => Some("none"),
            WaitFor::ThisServer => None,
            WaitFor::AllReplicas => Some("all"),
        };
        let request = self
            .query("dry_run", dry_run.then_some(true))
            .query("take_over", take_over.then_some(true))
            .query("text", diff_text.then_some(true))
            .query("reason", Some(reason).filter(|reason| !reason.is_empty()))
            .query("wait", wait)
            .query("timeout_ms", *timeout_ms)
            .later(later);
        // A dry run needs no key: it changes nothing.
        if *dry_run { request.safe() } else { request.once(key.as_deref()) }
    }

    pub(crate) fn later(self, later: &Later) -> Self {
        self.query("not_before", later.not_before.as_ref())
            .query("window", later.window.as_ref())
            .query("time_zone", later.time_zone.as_ref())
            .query("window_ms", later.window_ms)
    }
}
