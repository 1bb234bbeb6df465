//! The eight phases of a reload.

use std::fmt;

/// A phase of a reload, in order. Up to [`Self::Commit`] a failure leaves the old version as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModulePhase {
    /// The candidate is built and tried beside the old version, which serves.
    Prepare,
    /// The current message is finished; the others wait in the mailbox.
    Drain,
    /// The old version saves its state.
    Snapshot,
    /// The state is brought to the candidate's schema.
    Migrate,
    /// The candidate is beside the old version; the mailbox is closed to both.
    Swap,
    /// The candidate loads the state.
    Restore,
    /// The candidate is checked, and probed on a scratch clone.
    Verify,
    /// The candidate answers from here on.
    Commit,
}

impl ModulePhase {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Prepare,
        Self::Drain,
        Self::Snapshot,
        Self::Migrate,
        Self::Swap,
        Self::Restore,
        Self::Verify,
        Self::Commit,
    ];

    /// The word for it, in events, metrics and messages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Drain => "drain",
            Self::Snapshot => "snapshot",
            Self::Migrate => "migrate",
            Self::Swap => "swap",
            Self::Restore => "restore",
            Self::Verify => "verify",
            Self::Commit => "commit",
        }
    }

    /// Its place in [`Self::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for ModulePhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
