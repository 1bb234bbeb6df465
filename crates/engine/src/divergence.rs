//! Whether the log is still the one that this replica follows (HR-14).
//!
//! A log that was put back to an earlier state, or lost its newest revisions in a failover, continues with other
//! revisions under the same numbers. Whenever the log is looked at, its digest at this replica's own position is
//! compared with what was followed; the digests are chained, so equal ones mean equal histories. On a mismatch nothing
//! more is followed or appended until the log is right again, or an operator adopts it as it is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use midflight_core::{Appended, Digest, LogHead, LogId, ReloadEvent, RevisionNumber, Trigger};
use midflight_store::{Store, StoreError};

use crate::coordinator::Coordinator;
use crate::load::{BaseDocuments, LoadError, LoadedDocuments, ReloadTarget};
use crate::quarantine::Quarantine;
use crate::status::CoordinatorState;

/// How many digests of revisions up to the position are kept, to recognise hints that come late.
const TRAIL_MAX: usize = 256;

/// The log is not the one that this replica followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diverged {
    /// The log that was followed; none if that is not known.
    pub log: Option<LogId>,
    /// How far it was followed.
    pub position: RevisionNumber,
    /// The digest of that revision; none if that is not known.
    pub digest: Option<Digest>,
    /// The newest revision of the log as it is now.
    pub found: LogHead,
    /// The digest that the log has at this replica's position; none when it is shorter.
    pub found_digest: Option<Digest>,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, position, digest, found, found_digest } = self;
        write!(f, "this replica followed revision {position}")?;
        if let (Some(log), Some(digest)) = (log, digest) {
            write!(f, " (digest {digest:.12}, log {log:.8})")?;
        }
        write!(f, ", and the log is at {found}")?;
        match found_digest {
            _ if log.is_some_and(|log| log != found.log) => f.write_str(", which is another log"),
            Some(found) => write!(f, " with digest {found:.12} at revision {position}"),
            None => f.write_str(", which is an earlier state"),
        }
    }
}

/// The digests of what this replica read of the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct DigestTrail {
    log: Option<LogId>,
    digests: BTreeMap<RevisionNumber, Digest>,
}

impl DigestTrail {
    /// Keeps what was read. The digest at `position` is never forgotten.
    pub(crate) fn learn(&mut self, position: RevisionNumber, read: &[LogHead]) {
        for head in read {
            self.log = Some(head.log);
            self.digests.insert(head.number, head.digest);
        }
        while self.digests.len() > TRAIL_MAX
            && let Some(oldest) = self.digests.first_entry().filter(|oldest| *oldest.key() < position)
        {
            oldest.remove();
        }
    }

    /// The log that was read; none before.
    pub(crate) fn log(&self) -> Option<LogId> {
        self.log
    }

    /// A revision as this replica read it.
    pub(crate) fn at(&self, number: RevisionNumber) -> Option<LogHead> {
        Some(LogHead { log: self.log?, number, digest: *self.digests.get(&number)? })
    }

    /// Whether a claim about a revision differs from what was read.
    fn contradicts(&self, output: &LogHead) -> bool {
        let is_other_log = self.log.is_some_and(|log| log != output.log);
        is_other_log || self.digests.get(&output.number).is_some_and(|digest| *digest != output.digest)
    }
}

impl CoordinatorState {
    /// Whether what a hint names is a reason to look at the log: a newer revision, or another than the one followed.
    pub(crate) fn requires_look(&self, number: Option<RevisionNumber>, output: Option<&LogHead>) -> bool {
        number.is_none_or(|number| number > self.position)
            || output.is_some_and(|output| self.digest_trail.contradicts(output))
    }

    /// Compares the log, whose digest at this replica's position is `found_digest`, with what was followed.
    fn compare(&self, found: &LogHead, found_digest: Option<Digest>) -> Result<(), LoadError> {
        // Nothing was followed yet.
        if self.position == RevisionNumber::ZERO {
            return Ok(());
        }
        let own = self.digest_trail.digests.get(&self.position).copied();
        let is_same_log = self.digest_trail.log.is_none_or(|log| log == found.log);
        // A digest that is not known here comes from a program of before; then the numbers are all there is.
        let is_same = own.is_none_or(|own| found_digest == Some(own)) && found.number >= self.position;
        match is_same_log && is_same {
            true => Ok(()),
            false => Err(self.diverged_from(found, found_digest)),
        }
    }

    fn diverged_from(&self, found: &LogHead, found_digest: Option<Digest>) -> LoadError {
        LoadError::Diverged(Box::new(Diverged {
            log: self.digest_trail.log,
            position: self.position,
            digest: self.digest_trail.digests.get(&self.position).copied(),
            found: *found,
            found_digest,
        }))
    }

    /// Whether an edit can be made on the log's newest revision: it is the one that is served.
    pub(crate) fn compare_for_edit(&self, head: &LogHead) -> Result<(), LoadError> {
        // What the local copy leaves out is known only when all of the log was read.
        if self.from_copy || head.number > self.position {
            return Err(match &self.diverged {
                Some(diverged) => LoadError::Diverged(Box::new(diverged.clone())),
                None => LoadError::Behind,
            });
        }
        let at_position = Some(head.digest).filter(|_| head.number == self.position);
        self.compare(head, at_position)
    }
}

/// Reads the newest revision of the log, and whether it is the log that was followed. Cost: one small read.
pub(crate) async fn head(store: &dyn Store, state: &CoordinatorState) -> Result<LogHead, LoadError> {
    let (head, digests) = store.digests(&[state.position]).await?;
    state.compare(&head, digests.first().copied().flatten())?;
    Ok(head)
}

/// Whether a page of revisions follows what was read before it: the log may have been exchanged between two reads.
pub(crate) fn follows(page: &[Appended], before: Option<LogHead>) -> Result<(), StoreError> {
    let parents = page.iter().map(|one| one.parent).skip(usize::from(before.is_none()));
    let digests = before.map(|head| head.digest).into_iter();
    let digests = digests.chain(page.iter().map(|one| one.revision.digest));
    match digests.zip(parents).all(|(digest, parent)| digest == parent) {
        true => Ok(()),
        false => Err(changed_meanwhile()),
    }
}

/// Whether what was just read of the log is of the log that was followed, and all of one history. Cost: one small read.
pub(crate) async fn confirm(
    store: &dyn Store,
    state: &CoordinatorState,
    mut loaded: LoadedDocuments,
) -> Result<LoadedDocuments, LoadError> {
    let read = loaded.head.map_or(loaded.position, |head| head.number);
    let (now, digests) = store.digests(&[state.position, loaded.position, read]).await?;
    let digest = |place: usize| digests.get(place).copied().flatten();
    state.compare(&now, digest(0))?;
    // What was read may be an earlier state of the same history, if the log was put back only for a moment.
    let is_earlier = loaded.base == BaseDocuments::Empty && loaded.position < state.position;
    if is_earlier || loaded.head.is_some_and(|head| head.log != now.log || digest(2) != Some(head.digest)) {
        return Err(changed_meanwhile().into());
    }
    let position = digest(1).map(|digest| now.at(loaded.position, digest));
    loaded.known.extend(position.into_iter().chain([*loaded.head.get_or_insert(now)]));
    Ok(loaded)
}

/// Whether the log has a revision that came along with a hint, right after this replica's position. A hint that was
/// recorded and is sent again may name a revision that the log has lost since. With the state of the log then; cost:
/// one small read.
pub(crate) async fn confirm_next(
    store: &dyn Store,
    state: &CoordinatorState,
    next: &Appended,
) -> Result<Option<LogHead>, LoadError> {
    let number = next.revision.number;
    let (now, digests) = store.digests(&[state.position, number]).await?;
    let digest = |place: usize| digests.get(place).copied().flatten();
    state.compare(&now, digest(0))?;
    let is_next = digest(0) == Some(next.parent) && digest(1) == Some(next.revision.digest);
    Ok(is_next.then_some(now))
}

pub(crate) fn changed_meanwhile() -> StoreError {
    StoreError::Unavailable("log changed while it was read; reading it again".to_owned())
}

impl Coordinator {
    /// How the log contradicts what this replica had kept, if it is known and does.
    pub(crate) async fn copy_is_of_another_history(&self) -> Option<Diverged> {
        let kept = match self.core.copy_writer.as_ref()?.read_end().await {
            Some(kept) => kept,
            None => self.kept().await?.at,
        };
        let (found, digests) = self.core.store.digests(&[kept.position]).await.ok()?;
        let mut state = self.state.clone();
        state.position = kept.position;
        state.digest_trail.learn(kept.position, kept.head.as_slice());
        match state.compare(&found, digests.first().copied().flatten()) {
            Err(LoadError::Diverged(diverged)) => Some(*diverged),
            _ => None,
        }
    }

    /// Follows the log as it is now, whatever was followed before: reads everything of it and serves it in one swap.
    /// The served revision may go back by that, which is why an operator has to ask for it. If it cannot be read, all
    /// stays as it was.
    pub(crate) async fn adopt(&mut self, by: &str) -> Arc<ReloadEvent> {
        let before = self.state.clone();
        self.state.position = RevisionNumber::ZERO;
        self.state.desired = RevisionNumber::ZERO;
        self.state.digest_trail = DigestTrail::default();
        self.state.diverged = None;
        self.state.quarantine = Quarantine::default();
        let ended = self.reload(Trigger::Adopt, by, ReloadTarget::Everything).await;
        let event = match ended.is_refused() {
            true => self.rehearse(Trigger::Adopt, by).await.or(ended.event),
            false => ended.event,
        };
        if event.as_ref().is_none_or(|event| !event.outcome.is_live()) {
            let (last_refused, last_reload) = (self.state.last_refused.take(), self.state.last_reload.take());
            let store_error = self.state.store_error.take();
            self.state = CoordinatorState { last_refused, last_reload, store_error, ..before };
            return self.event(event);
        }
        self.state.from_copy = false;
        self.state.abandoned_copy = None;
        tracing::warn!(by, from = %before.position, to = %self.state.position, "log adopted");
        self.event(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(byte: u8) -> LogId {
        LogId::new([byte; 16])
    }

    fn at(number: u64, of: &str) -> LogHead {
        let (number, digest) = (RevisionNumber::new(number), Digest::of_bytes(of.as_bytes()));
        LogHead { log: log(1), number, digest }
    }

    fn followed(heads: &[LogHead]) -> CoordinatorState {
        let mut state = CoordinatorState::new(jiff::Timestamp::UNIX_EPOCH);
        state.position = heads.last().map_or(RevisionNumber::ZERO, |head| head.number);
        state.digest_trail.learn(state.position, heads);
        state
    }

    #[test]
    fn the_log_is_compared_at_the_own_position() {
        let state = followed(&[at(4, "four"), at(5, "five")]);
        let compare = |found: LogHead, at_five: Option<&str>| {
            state.compare(&found, at_five.map(|of| Digest::of_bytes(of.as_bytes()))).is_ok()
        };
        assert!(compare(at(5, "five"), Some("five")) && compare(at(9, "nine"), Some("five")));
        assert!(!compare(at(4, "four"), None), "it went back");
        assert!(
            !compare(at(5, "other"), Some("other")) && !compare(at(9, "nine"), Some("other")),
            "it forked"
        );
        assert!(!compare(LogHead { log: log(2), ..at(9, "nine") }, Some("five")), "it is another");
        assert!(followed(&[]).compare(&at(9, "nine"), None).is_ok(), "nothing was followed yet");
    }

    #[test]
    fn a_mismatch_names_both_positions() {
        let state = followed(&[at(5, "five")]);
        let output = |found: LogHead, digest| match state.compare(&found, digest) {
            Err(LoadError::Diverged(diverged)) => diverged.to_string(),
            other => panic!("{other:?}"),
        };
        let earlier = output(at(3, "three"), None);
        assert!(earlier.starts_with("this replica followed revision 5 (digest "), "{earlier}");
        assert!(
            earlier.contains("the log is at revision 3 ") && earlier.ends_with("an earlier state"),
            "{earlier}"
        );
        let forked = output(at(6, "six"), Some(at(5, "x").digest));
        assert!(forked.contains("with digest ") && forked.ends_with(" at revision 5"), "{forked}");
        let other = output(LogHead { log: log(2), ..at(6, "six") }, None);
        assert!(other.ends_with("which is another log"), "{other}");
    }

    #[test]
    fn hints_of_known_revisions_cause_no_look() {
        let state = followed(&[at(4, "four"), at(5, "five")]);
        let looks = |output: LogHead| state.requires_look(Some(output.number), Some(&output));
        assert!(!looks(at(5, "five")) && !looks(at(4, "four")) && !looks(at(1, "long ago")));
        assert!(looks(at(6, "six")) && looks(at(4, "other")) && looks(LogHead { log: log(2), ..at(1, "x") }));
        assert!(state.requires_look(None, None) && !state.requires_look(Some(at(5, "").number), None));
    }

    #[test]
    fn the_trail_is_bounded_and_keeps_the_position() {
        let mut digest_trail = DigestTrail::default();
        let position = RevisionNumber::new(3);
        for number in 1..1000 {
            digest_trail.learn(position, &[at(number, &number.to_string())]);
        }
        assert_eq!(digest_trail.at(position), Some(at(3, "3")));
        digest_trail.learn(RevisionNumber::new(999), &[]);
        assert_eq!(
            (digest_trail.digests.len(), digest_trail.at(RevisionNumber::new(999))),
            (TRAIL_MAX, Some(at(999, "999")))
        );
    }
}
