//! What is published and what is received.

use std::sync::Arc;

use midflight_core::{Appended, LogHead, RevisionNumber};

use crate::latest_slot::Coalesce;

/// What is sent when the log moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// The newest revision then.
    pub head: RevisionNumber,
    /// The log and the digest of that revision; none for a bare number, which a row added by hand leaves.
    pub announced: Option<LogHead>,
    /// That revision itself, so that a follower exactly one behind need not ask the log. A bus leaves it out when it is
    /// too large to carry.
    pub change: Option<Arc<Appended>>,
    /// Whether a caller waits until every replica serves it.
    pub awaited: bool,
}

impl Coalesce for Hint {
    /// The newer of the two; of two with the same revision, the one with the change. A waiting caller continues to
    /// wait.
    fn and(self, later: Self) -> Self {
        let awaited = self.awaited || later.awaited;
        let later_counts = (later.head, later.change.is_some(), later.announced.is_some())
            >= (self.head, self.change.is_some(), self.announced.is_some());
        let newer = if later_counts { later } else { self };
        Self { awaited, ..newer }
    }
}

/// What a follower receives.
#[derive(Debug, Clone, PartialEq)]
pub enum HintEvent {
    /// A hint, sent by an owner of the log's key, or one that carries nothing.
    Hint(Hint),
    /// Something was or may have been missed: look at the log.
    Look,
    /// A replica reported something new of itself in the store. A bus that does not listen there does not report it.
    Reported,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_hints_the_newer_counts_and_waiters_stay() {
        let hint =
            |head, awaited| Hint { head: RevisionNumber::new(head), announced: None, change: None, awaited };
        assert_eq!(hint(1, true).and(hint(2, false)), hint(2, true));
        assert_eq!(hint(2, false).and(hint(1, true)), hint(2, true));
        assert_eq!(hint(2, false).and(hint(2, false)), hint(2, false));
    }
}
