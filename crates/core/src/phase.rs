//! The phases of a reload, and the one function of their order.
//!
//! The engine asks [`next_status`] while a reload runs and a reader of its events can ask it again, so a recorded
//! reload that could not have happened shows itself.

use crate::Outcome;
use crate::outcome::words;

words! {
    /// A step of every reload, in this order. A phase with nothing to do takes no time but is not left out.
    #[non_exhaustive]
    Phase {
        /// Read the wanted documents, and what the edit was made on.
        Load => "load",
        /// Look at each document by itself.
        Validate => "validate",
        /// Compare with what is served and make the plan.
        Diff => "diff",
        /// Compile the next snapshot of every kind that changes.
        Compile => "compile",
        /// Ask the new snapshots every stored check.
        Check => "check",
        /// Let every component build and verify its replacement beside the old.
        Prepare => "prepare",
        /// Give an edit its number in the log: for the writer, the point of no return.
        Append => "append",
        /// Publish: one pointer for all kinds, then each component's replacement.
        Swap => "swap",
        /// Ask again, through what readers use.
        Verify => "verify",
        /// Retire the old.
        Commit => "commit",
    }
}

impl Phase {
    /// The phase after this one; none after the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        let place = Self::ALL.iter().position(|phase| *phase == self)?;
        Self::ALL.get(place + 1).copied()
    }

    /// Whether readers may have seen the new by now, so that a failure means taking it back.
    #[must_use]
    pub fn is_past_return(self) -> bool {
        self >= Self::Swap
    }

    /// How a reload ends that fails in this phase and is undone.
    #[must_use]
    pub const fn outcome_of_failure(self) -> Outcome {
        match self {
            Self::Load => Outcome::LoadFailed,
            Self::Validate | Self::Diff | Self::Compile | Self::Check => Outcome::ValidationFailed,
            Self::Prepare | Self::Append => Outcome::Rejected,
            Self::Swap | Self::Verify | Self::Commit => Outcome::RolledBack,
        }
    }
}

/// Where a reload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReloadStatus {
    /// In a phase.
    Running(Phase),
    /// Failed past the swap; the retained old is being put back.
    RollingBack(Phase),
    /// Over.
    Done(Outcome),
}

/// What happens to a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusEvent {
    /// The running phase finished.
    Finished,
    /// The running phase found that there is nothing to change.
    NothingToDo,
    /// The running phase failed.
    Failed,
    /// The reload is not wanted any more.
    Cancelled,
    /// The old is back.
    Undone,
    /// The old could not be put back.
    NotUndone,
}

impl StatusEvent {
    /// Every event there is.
    pub const ALL: [Self; 6] =
        [Self::Finished, Self::NothingToDo, Self::Failed, Self::Cancelled, Self::Undone, Self::NotUndone];
}

/// What a reload's status is after an event: total, so that every pair has an answer. An event that has no meaning in
/// a status leaves it as it is.
#[must_use]
pub fn next_status(status: ReloadStatus, event: StatusEvent) -> ReloadStatus {
    use ReloadStatus::{Done, RollingBack, Running};
    use StatusEvent as E;
    match (status, event) {
        (Running(phase), E::Finished) => phase.next().map_or(Done(Outcome::Success), Running),
        (Running(Phase::Load | Phase::Diff | Phase::Prepare), E::NothingToDo) => Done(Outcome::Unchanged),
        (Running(phase), E::Failed) if phase.is_past_return() => RollingBack(phase),
        (Running(phase), E::Failed) => Done(phase.outcome_of_failure()),
        (Running(phase), E::Cancelled) if phase < Phase::Append => Done(Outcome::Cancelled),
        (RollingBack(phase), E::Undone) => Done(phase.outcome_of_failure()),
        (RollingBack(_), E::NotUndone) => Done(Outcome::Stuck),
        (Running(_), E::NothingToDo | E::Cancelled | E::Undone | E::NotUndone)
        | (RollingBack(_), E::Finished | E::NothingToDo | E::Failed | E::Cancelled)
        | (Done(_), _) => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_status() -> Vec<ReloadStatus> {
        let phases = Phase::ALL.iter().copied();
        let running = phases.clone().map(ReloadStatus::Running);
        let rolling = phases.map(ReloadStatus::RollingBack);
        running.chain(rolling).chain(Outcome::ALL.iter().copied().map(ReloadStatus::Done)).collect()
    }

    #[test]
    fn a_reload_without_failures_runs_every_phase_and_succeeds() {
        let mut status = ReloadStatus::Running(Phase::Load);
        for phase in Phase::ALL {
            assert_eq!(status, ReloadStatus::Running(*phase));
            status = next_status(status, StatusEvent::Finished);
        }
        assert_eq!(status, ReloadStatus::Done(Outcome::Success));
    }

    #[test]
    fn a_failure_before_the_swap_ends_it_and_one_after_is_rolled_back() {
        for phase in Phase::ALL.iter().copied() {
            let after = next_status(ReloadStatus::Running(phase), StatusEvent::Failed);
            if phase < Phase::Swap {
                assert_eq!(after, ReloadStatus::Done(phase.outcome_of_failure()));
            } else {
                assert_eq!(after, ReloadStatus::RollingBack(phase));
                let end = next_status(after, StatusEvent::Undone);
                assert_eq!(end, ReloadStatus::Done(Outcome::RolledBack));
                assert_eq!(next_status(after, StatusEvent::NotUndone), ReloadStatus::Done(Outcome::Stuck));
            }
        }
    }

    #[test]
    fn what_is_over_stays_over_and_nothing_is_cancelled_past_the_append() {
        for status in every_status() {
            for event in StatusEvent::ALL {
                let next = next_status(status, event);
                if let ReloadStatus::Done(_) = status {
                    assert_eq!(next, status);
                }
                if next == ReloadStatus::Done(Outcome::Cancelled) && next != status {
                    assert!(matches!(status, ReloadStatus::Running(phase) if phase < Phase::Append));
                }
            }
        }
    }

    #[test]
    fn every_walk_ends() {
        // No cycle: each event either leaves a status or moves it strictly on.
        fn rank(status: ReloadStatus) -> usize {
            match status {
                ReloadStatus::Running(phase) => phase as usize,
                ReloadStatus::RollingBack(_) => 100,
                ReloadStatus::Done(_) => 200,
            }
        }
        for status in every_status() {
            for event in StatusEvent::ALL {
                let next = next_status(status, event);
                assert!(next == status || rank(next) > rank(status), "{status:?} {event:?} {next:?}");
            }
        }
    }
}
