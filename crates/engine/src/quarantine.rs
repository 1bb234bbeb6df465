//! Which revisions are left out of what is served, and when each is tried again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use midflight_core::{DocumentId, JsonPointer, KindName, Problem, Problems, RevisionNumber};
use tokio::time::Instant;

/// An attempt that took no longer is repeated whenever a document of its kinds changes.
pub(crate) const CHEAP: Duration = Duration::from_millis(100);
/// A longer one is repeated then only after so many times its own length: it takes a tenth of the time at most.
const REST_FACTOR: u32 = 10;
/// The pause before the first attempt without any change. Each is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_secs(5);
/// The longest pause: what prevents a revision may be this process, and then nothing in the log shows when it is over.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// A revision whose documents this replica leaves out, since they did not compile or verify here.
#[derive(Debug, Clone, PartialEq)]
pub struct Quarantined {
    /// Why.
    pub problems: Problems,
    /// Its documents that no later revision has replaced.
    pub documents: Vec<DocumentId>,
    /// The last attempt to serve it.
    pub(crate) attempt: RetryAttempt,
}

/// When a revision was last tried, and what that cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RetryAttempt {
    at: Instant,
    took: Duration,
    /// How many attempts in a row were refused though nothing had changed.
    count: u32,
}

impl RetryAttempt {
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

/// The revisions that are left out of what is served. It is a value: what a reload makes of it is part of its
/// candidate.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Quarantine(BTreeMap<RevisionNumber, Quarantined>);

/// The result of another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempted {
    /// It was refused, though nothing had changed.
    Failed,
    /// Something had changed, or it was not refused.
    AfterChange,
}

impl Quarantine {
    /// What the local copy leaves out. What these revisions change is read from the log later.
    pub(crate) fn of_copy(revisions: &[RevisionNumber]) -> Self {
        let unread = |revision: &RevisionNumber| {
            let attempt = RetryAttempt::first(Duration::ZERO);
            (*revision, Quarantined { problems: left_out_before(), documents: Vec::new(), attempt })
        };
        Self(revisions.iter().map(unread).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, revision: RevisionNumber) -> bool {
        self.0.contains_key(&revision)
    }

    pub(crate) fn get(&self, revision: RevisionNumber) -> Option<&Quarantined> {
        self.0.get(&revision)
    }

    /// All of them, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RevisionNumber, &Quarantined)> {
        self.0.iter().map(|(revision, one)| (*revision, one))
    }

    /// Their numbers, oldest first.
    pub(crate) fn revisions(&self) -> Vec<RevisionNumber> {
        self.0.keys().copied().collect()
    }

    /// The numbers up to a revision, that one included.
    pub(crate) fn up_to(&self, revision: RevisionNumber) -> Arc<[RevisionNumber]> {
        self.0.range(..=revision).map(|(revision, _)| *revision).collect()
    }

    pub(crate) fn into_revisions(self) -> BTreeMap<RevisionNumber, Quarantined> {
        self.0
    }

    pub(crate) fn insert(&mut self, revision: RevisionNumber, quarantined: Quarantined) {
        self.0.insert(revision, quarantined);
    }

    pub(crate) fn remove(&mut self, revision: RevisionNumber) {
        self.0.remove(&revision);
    }

    fn filtered(&self, wanted: impl Fn(&Quarantined) -> bool) -> Vec<RevisionNumber> {
        self.iter().filter(|(_, one)| wanted(one)).map(|(revision, _)| revision).collect()
    }

    /// Those that are tried again since these documents change.
    pub(crate) fn concerned<'a>(
        &self,
        changed: impl IntoIterator<Item = &'a DocumentId>,
    ) -> Vec<RevisionNumber> {
        if self.is_empty() {
            return Vec::new();
        }
        let (changed, now) = (changed.into_iter().collect(), Instant::now());
        self.filtered(|one| one.concerns(&changed, now))
    }

    /// Those whose pause is over.
    pub(crate) fn due(&self) -> Vec<RevisionNumber> {
        let now = Instant::now();
        self.filtered(|one| one.attempt.next_at() <= now)
    }

    /// Those that are there for a reason of this code.
    pub(crate) fn refused_with(&self, code: &str) -> Vec<RevisionNumber> {
        self.filtered(|one| one.problems.iter().any(|problem| problem.code == code))
    }

    /// When the next of them is due; none while there is none.
    pub(crate) fn next_due_at(&self) -> Option<Instant> {
        self.0.values().map(|one| one.attempt.next_at()).min()
    }

    /// Keeps that these were tried and how long that took. Those that are not here any more are passed over.
    pub(crate) fn tried(&mut self, revisions: &[RevisionNumber], took: Duration, attempted: Attempted) {
        for revision in revisions {
            if let Some(one) = self.0.get_mut(revision) {
                let count = match attempted {
                    Attempted::Failed => one.attempt.count.saturating_add(1),
                    Attempted::AfterChange => 0,
                };
                one.attempt = RetryAttempt { count, ..RetryAttempt::first(took) };
            }
        }
    }

    /// Keeps why these are here now.
    pub(crate) fn explain(&mut self, revisions: &[RevisionNumber], problems: &Problems) {
        for revision in revisions {
            if let Some(one) = self.0.get_mut(revision) {
                one.problems = problems.clone();
            }
        }
    }

    /// The same without documents that were replaced, and without revisions of which none is left: once documents of
    /// these revisions are served.
    pub(crate) fn replaced_by<'a>(
        &self,
        served: impl IntoIterator<Item = (&'a DocumentId, RevisionNumber)>,
    ) -> Self {
        if self.is_empty() {
            return Self::default();
        }
        let served: HashMap<_, _> = served.into_iter().collect();
        let is_replaced = |id: &DocumentId, by: RevisionNumber| served.get(id).is_some_and(|it| *it >= by);
        let mut left = self.clone();
        left.0.retain(|revision, quarantined| {
            // Of one that the local copy leaves out it is not known yet.
            let is_known = !quarantined.documents.is_empty();
            quarantined.documents.retain(|id| !is_replaced(id, *revision));
            !(is_known && quarantined.documents.is_empty())
        });
        left
    }

    /// The newest revision up to this one that is served.
    pub(crate) fn newest_served(&self, position: RevisionNumber) -> RevisionNumber {
        let mut newest = position;
        while self.contains(newest) {
            newest = RevisionNumber::new(newest.get().saturating_sub(1));
        }
        newest
    }
}

/// Why a revision is in quarantine that an earlier process has put there.
pub(crate) fn left_out_before() -> Problems {
    let message = "quarantined by an earlier process of this replica; trying again";
    Problem::new("quarantined_before", JsonPointer::root(), message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> DocumentId {
        text.parse().unwrap()
    }

    fn quarantine(took: Duration) -> Quarantine {
        let documents = vec![id("words/a"), id("words/b")];
        let one =
            Quarantined { problems: Problems::default(), documents, attempt: RetryAttempt::first(took) };
        Quarantine([2, 3].map(|number| (RevisionNumber::new(number), one.clone())).into())
    }

    fn numbers(revisions: Vec<RevisionNumber>) -> Vec<u64> {
        revisions.into_iter().map(RevisionNumber::get).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_its_kind_is_a_reason_to_try_again_and_another_is_none() {
        let quarantine = quarantine(Duration::from_millis(1));
        assert_eq!(numbers(quarantine.concerned([&id("words/c")])), [2, 3]);
        assert_eq!(numbers(quarantine.concerned([&id("tools/a")])), [0; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_slow_to_fail_waits_unless_its_own_documents_change() {
        let quarantine = quarantine(Duration::from_secs(30));
        assert_eq!(numbers(quarantine.concerned([&id("words/c")])), [0; 0]);
        assert_eq!(numbers(quarantine.concerned([&id("words/a")])), [2, 3]);
        tokio::time::advance(Duration::from_secs(300)).await;
        assert_eq!(numbers(quarantine.concerned([&id("words/c")])), [2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pauses_grow_to_their_bound() {
        let mut quarantine = quarantine(Duration::ZERO);
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            tokio::time::advance(Duration::from_secs(seconds) - Duration::from_millis(1)).await;
            assert_eq!(numbers(quarantine.due()), [0; 0], "{seconds}");
            tokio::time::advance(Duration::from_millis(1)).await;
            let due = quarantine.due();
            assert_eq!(due.len(), 2, "{seconds}");
            quarantine.tried(&due, Duration::ZERO, Attempted::Failed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_newest_served_revision_is_none_in_quarantine() {
        let position = RevisionNumber::new(3);
        let before = quarantine(Duration::ZERO);
        assert_eq!(before.newest_served(position).get(), 1);
        let (a, b) = (id("words/a"), id("words/b"));
        let one = before.replaced_by([(&a, position)]);
        assert_eq!(numbers(one.revisions()), [2, 3], "each has another document still");
        let both = before.replaced_by([(&a, position), (&b, RevisionNumber::new(2))]);
        assert_eq!((numbers(both.revisions()), both.newest_served(position).get()), (vec![3], 2));
        let all = before.replaced_by([(&a, position), (&b, position)]);
        assert_eq!((all.is_empty(), all.newest_served(position).get()), (true, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_local_copy_omits_stays_until_the_log_has_it() {
        let copy = Quarantine::of_copy(&[RevisionNumber::new(1)]);
        let served = copy.replaced_by([(&id("words/a"), RevisionNumber::new(9))]);
        assert_eq!(numbers(served.revisions()), [1]);
    }
}
