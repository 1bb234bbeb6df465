//! Appends and reads of what is new go before pages: a page may read megabytes, and where PostgreSQL has few processors
//! an edit that shares them with pages takes several times as long.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// How long a page waits in all, so that a steady stream of edits delays pages and never stops them.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// How many sessions there are that go before pages.
#[derive(Debug)]
pub(super) struct Precedence {
    sessions: watch::Sender<usize>,
}

/// One such session.
#[derive(Debug)]
pub(super) struct Preceding {
    sessions: watch::Sender<usize>,
}

impl Precedence {
    pub(super) fn new() -> Self {
        Self { sessions: watch::Sender::new(0) }
    }

    /// From now until the drop of the answer, pages that begin wait.
    pub(super) fn take(&self) -> Preceding {
        self.sessions.send_modify(|count| *count += 1);
        Preceding { sessions: self.sessions.clone() }
    }

    /// Waits until there is no such session, for at most [`WAIT_MAX`].
    pub(super) async fn over(&self) {
        let mut sessions = self.sessions.subscribe();
        // Neither a sender that left nor the end of the time keeps the page from being read.
        drop(timeout(WAIT_MAX, sessions.wait_for(|count| *count == 0)).await);
    }
}

impl Drop for Preceding {
    fn drop(&mut self) {
        // Those who wait are woken by the last one only.
        self.sessions.send_if_modified(|count| {
            *count = count.saturating_sub(1);
            *count == 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_page_waits_for_the_last_of_those_before_it() {
        let precedence = Precedence::new();
        let (first, second) = (precedence.take(), precedence.take());
        let mut page = std::pin::pin!(precedence.over());
        drop(first);
        assert!(futures_util::poll!(&mut page).is_pending());
        drop(second);
        let before = tokio::time::Instant::now();
        page.await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_is_read_although_edits_do_not_end() {
        let precedence = Precedence::new();
        let _edits = precedence.take();
        let before = tokio::time::Instant::now();
        precedence.over().await;
        assert!(before.elapsed() >= WAIT_MAX);
    }
}
