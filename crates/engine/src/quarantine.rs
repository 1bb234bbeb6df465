//! Which revisions are left out of what is served, and when each is tried again.

use std::collections::BTreeSet;
use std::time::Duration;

use midflight_core::{DocumentId, KindName, Pointer, Problem, Problems, RevisionNumber};
use tokio::time::Instant;

use crate::status::State;

/// An attempt that took no longer is repeated whenever a document of its kinds changes.
pub(crate) const CHEAP: Duration = Duration::from_millis(100);
/// A longer one is repeated then only after so many times its own length: it takes a tenth of the time at most.
const REST_FACTOR: u32 = 10;
/// The pause before the first attempt without any change. Each is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_secs(5);
/// The longest pause: what keeps a revision out may be this process, and then nothing in the log says when it is over.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// A revision whose documents this replica leaves out, since they did not compile or verify here.
#[derive(Debug, Clone, PartialEq)]
pub struct Quarantined {
    /// Why.
    pub problems: Problems,
    /// Its documents that no later revision has replaced.
    pub documents: Vec<DocumentId>,
    /// The last attempt to serve it.
    pub(crate) attempt: Attempt,
}

/// When a revision was last tried, and what that cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Attempt {
    at: Instant,
    took: Duration,
    /// How many attempts in a row were refused though nothing had changed.
    count: u32,
}

impl Attempt {
    /// The first attempt, which ended now.
    pub(crate) fn first(took: Duration) -> Self {
        Self { at: Instant::now(), took, count: 0 }
    }

    /// The attempt after another that was refused too.
    pub(crate) fn after(last: Option<Self>, took: Duration) -> Self {
        Self { count: last.map_or(0, |last| last.count.saturating_add(1)), ..Self::first(took) }
    }

    /// When to try again though nothing changed.
    pub(crate) fn next_at(&self) -> Instant {
        let pause = PAUSE_MIN.saturating_mul(2u32.saturating_pow(self.count)).min(PAUSE_MAX);
        self.at + pause.max(self.rest())
    }

    /// Whether it was so slow that nothing is a reason yet to try again.
    pub(crate) fn rests(&self) -> bool {
        Instant::now() < self.at + self.rest()
    }

    fn rest(&self) -> Duration {
        if self.took <= CHEAP { Duration::ZERO } else { self.took * REST_FACTOR }
    }
}

impl Quarantined {
    /// Whether a change of these documents is a reason to try it again. What a document refers to is of its own kind.
    fn concerns(&self, changed: &BTreeSet<&DocumentId>, now: Instant) -> bool {
        if self.documents.iter().any(|id| changed.contains(id)) {
            return true;
        }
        let kinds: BTreeSet<&KindName> = changed.iter().map(|id| &id.kind).collect();
        let is_near = self.documents.iter().any(|id| kinds.contains(&id.kind));
        is_near && now >= self.attempt.at + self.attempt.rest()
    }
}

impl State {
    /// The revisions in quarantine that are tried again since these documents change.
    pub(crate) fn concerned<'a>(
        &self,
        changed: impl IntoIterator<Item = &'a DocumentId>,
    ) -> Vec<RevisionNumber> {
        if self.quarantine.is_empty() {
            return Vec::new();
        }
        let (changed, now) = (changed.into_iter().collect(), Instant::now());
        let concerned = self.quarantine.iter().filter(|(_, one)| one.concerns(&changed, now));
        concerned.map(|(revision, _)| *revision).collect()
    }

    /// The revisions in quarantine whose pause is over.
    pub(crate) fn due(&self) -> Vec<RevisionNumber> {
        let now = Instant::now();
        let due = self.quarantine.iter().filter(|(_, one)| one.attempt.next_at() <= now);
        due.map(|(revision, _)| *revision).collect()
    }

    /// The revisions in quarantine for a reason of this code.
    pub(crate) fn refused_with(&self, code: &str) -> Vec<RevisionNumber> {
        let is_one = |one: &Quarantined| one.problems.iter().any(|problem| problem.code == code);
        self.quarantine.iter().filter(|(_, one)| is_one(one)).map(|(revision, _)| *revision).collect()
    }

    /// When the next of them is due; none while nothing is in quarantine, or the log was not read yet.
    pub(crate) fn next_due_at(&self) -> Option<Instant> {
        if self.from_copy {
            return None;
        }
        self.quarantine.values().map(|one| one.attempt.next_at()).min()
    }

    /// Keeps that these were tried and how long that took, with `in_vain` since nothing had changed. Those that are not in
    /// quarantine any more are passed over.
    pub(crate) fn tried(&mut self, revisions: &[RevisionNumber], took: Duration, in_vain: bool) {
        for revision in revisions {
            if let Some(one) = self.quarantine.get_mut(revision) {
                let count = if in_vain { one.attempt.count.saturating_add(1) } else { 0 };
                one.attempt = Attempt { count, ..Attempt::first(took) };
            }
        }
    }

    /// Keeps why these are in quarantine now.
    pub(crate) fn explain(&mut self, revisions: &[RevisionNumber], problems: &Problems) {
        for revision in revisions {
            if let Some(one) = self.quarantine.get_mut(revision) {
                one.problems = problems.clone();
            }
        }
    }

    /// Keeps which revisions the local copy leaves out. What they change is read from the log later.
    pub(crate) fn expect_left_out(&mut self, revisions: &[RevisionNumber]) {
        for revision in revisions {
            let (problems, documents) = (left_out_before(), Vec::new());
            let attempt = Attempt::first(Duration::ZERO);
            self.quarantine.insert(*revision, Quarantined { problems, documents, attempt });
        }
    }

    /// Takes documents out of quarantine that were replaced, and revisions of which none is left.
    pub(crate) fn release(&mut self, replaced: impl Fn(&DocumentId, RevisionNumber) -> bool) {
        self.quarantine.retain(|revision, quarantined| {
            // Of one that the local copy leaves out it is not known yet.
            let is_known = !quarantined.documents.is_empty();
            quarantined.documents.retain(|id| !replaced(id, *revision));
            !(is_known && quarantined.documents.is_empty())
        });
    }

    /// The newest revision that was looked at and is served.
    pub(crate) fn newest_served(&self) -> RevisionNumber {
        let mut newest = self.position;
        while self.quarantine.contains_key(&newest) {
            newest = RevisionNumber::new(newest.get().saturating_sub(1));
        }
        newest
    }
}

/// Why a revision is in quarantine that an earlier process has put there.
pub(crate) fn left_out_before() -> Problems {
    let message = "was left out by an earlier process of this replica; it is tried again";
    Problem::new("quarantined_before", Pointer::root(), message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> DocumentId {
        text.parse().unwrap()
    }

    fn state(took: Duration) -> State {
        let mut state = State::new(jiff::Timestamp::UNIX_EPOCH);
        state.position = RevisionNumber::new(3);
        let documents = vec![id("words/a"), id("words/b")];
        let attempt = Attempt::first(took);
        for number in [2, 3] {
            let one = Quarantined { problems: Problems::default(), documents: documents.clone(), attempt };
            state.quarantine.insert(RevisionNumber::new(number), one);
        }
        state
    }

    fn numbers(revisions: Vec<RevisionNumber>) -> Vec<u64> {
        revisions.into_iter().map(RevisionNumber::get).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_its_kind_is_a_reason_to_try_again_and_another_is_none() {
        let state = state(Duration::from_millis(1));
        assert_eq!(numbers(state.concerned([&id("words/c")])), [2, 3]);
        assert_eq!(numbers(state.concerned([&id("tools/a")])), [0; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_slow_to_fail_waits_unless_its_own_documents_change() {
        let state = state(Duration::from_secs(30));
        assert_eq!(numbers(state.concerned([&id("words/c")])), [0; 0]);
        assert_eq!(numbers(state.concerned([&id("words/a")])), [2, 3]);
        tokio::time::advance(Duration::from_secs(300)).await;
        assert_eq!(numbers(state.concerned([&id("words/c")])), [2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_grow_to_their_bound() {
        let mut state = state(Duration::ZERO);
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            tokio::time::advance(Duration::from_secs(seconds) - Duration::from_millis(1)).await;
            assert_eq!(numbers(state.due()), [0; 0], "{seconds}");
            tokio::time::advance(Duration::from_millis(1)).await;
            let due = state.due();
            assert_eq!(due.len(), 2, "{seconds}");
            state.tried(&due, Duration::ZERO, true);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_served_revision_is_none_in_quarantine() {
        let mut state = state(Duration::ZERO);
        assert_eq!(state.newest_served().get(), 1);
        state.release(|_, revision| revision.get() == 3);
        assert_eq!(state.newest_served().get(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_local_copy_leaves_out_stays_until_the_log_says_what_that_was() {
        let mut state = state(Duration::ZERO);
        state.expect_left_out(&[RevisionNumber::new(1)]);
        state.release(|_, _| true);
        assert_eq!(state.quarantine.keys().map(|revision| revision.get()).collect::<Vec<_>>(), [1]);
    }
}
