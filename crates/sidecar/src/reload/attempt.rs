//! One attempt: the app is asked to reload, and its reports are judged.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};

use crate::app::{AppStatus, ContentVerdict, Notification, StatusReply, WatchedApp};
use crate::files::WatchedContent;
use crate::hash::Hash;
use crate::latest::Latest;
use crate::metrics::Reason;
use crate::options::Verify;

/// How long one request to the health URL may take: an app that hangs now may answer the next.
const ASK_MAX: Duration = Duration::from_secs(5);
/// The pause before the second question; each further one is twice as long, up to `--verify-poll`.
const PAUSE_FIRST: Duration = Duration::from_millis(2);

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The app serves the content.
    Verified,
    /// The app does not take it.
    Refused(ReloadRefusal),
    /// The app did not receive it, or did not confirm in time; and why.
    Failed(Reason, String),
    /// The files changed by now.
    Superseded,
}

/// What is known of a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReloadRefusal {
    pub(super) why: String,
    /// Whether the bytes themselves are wrong, so that the same content is not tried again.
    pub(super) is_final: bool,
    /// What the app serves instead, when it reports it.
    pub(super) served: Option<Hash>,
}

impl From<AppStatus> for ReloadRefusal {
    fn from(word: AppStatus) -> Self {
        Self { why: word.status.to_string(), is_final: word.status.is_final(), served: word.served_hash }
    }
}

/// One attempt at one content.
pub(super) struct ReloadAttempt<'a> {
    pub(super) app: &'a WatchedApp,
    pub(super) latest: &'a Latest,
    pub(super) content: &'a WatchedContent,
    /// The files that changed, whose own hash is as good as that of the set.
    pub(super) changed: &'a [Hash],
    /// Whether the app has refused this content before: then its old word is not taken for a new one.
    pub(super) is_again: bool,
}

impl ReloadAttempt<'_> {
    pub(super) fn run(&self) -> Outcome {
        if self.app.options().verify == Verify::Hash {
            return self.by_hash();
        }
        match self.app.notify_for_status(self.app.options().verify_timeout) {
            Ok(None | Some(200..=299)) => Outcome::Verified,
            Ok(Some(status)) => Outcome::Refused(ReloadRefusal {
                why: format!("it answers {status}"),
                is_final: false,
                served: None,
            }),
            Err(why) => Outcome::Failed(Reason::Unreachable, why),
        }
    }

    fn is_wanted(&self, hash: Hash) -> bool {
        hash == self.content.hash || self.changed.contains(&hash)
    }

    /// What a word decides, if it decides anything.
    fn decides(&self, word: AppStatus) -> Option<Outcome> {
        match word.judge(|hash| self.is_wanted(hash)) {
            ContentVerdict::Verified => Some(Outcome::Verified),
            ContentVerdict::Refused(word) => Some(Outcome::Refused(word.into())),
            ContentVerdict::Elsewhere => None,
        }
    }

    fn by_hash(&self) -> Outcome {
        let until = Instant::now() + self.app.options().verify_timeout;
        let old = match self.is_again.then(|| self.app.ask(ASK_MAX.min(self.app.options().verify_timeout))) {
            Some(Some(StatusReply::Status(word))) => Some(word),
            _ => None,
        };
        // Of an app that can be asked, half of the time is left for asking.
        let patience = self.app.options().verify_timeout / if self.app.is_asked() { 2 } else { 1 };
        let message = match self.app.tell(patience) {
            Notification::Unreachable(why) => return Outcome::Failed(Reason::Unreachable, why),
            Notification::Status(word) => match self.decides(word) {
                Some(outcome) => return outcome,
                None => (Reason::Unverified, elsewhere(word)),
            },
            Notification::Accepted => (
                Reason::Unverified,
                "it accepted the reload and did not report the hash of what it serves".into(),
            ),
            Notification::Failed(why) | Notification::Silent(why) => (Reason::Unreachable, why),
        };
        self.ask_until(until, message, old)
    }

    /// Asks again and again. `message` is what is known from the request, and stays the reason when that failed.
    fn ask_until(&self, until: Instant, message: (Reason, String), old: Option<AppStatus>) -> Outcome {
        let was_notified = message.0 == Reason::Unverified;
        let (mut known, mut answered, mut repeated) = (message, false, None);
        let longest = self.app.options().verify_poll.max(PAUSE_FIRST);
        let pauses = ExponentialBuilder::new().with_min_delay(PAUSE_FIRST).with_max_delay(longest);
        let (mut pauses, mut pause) = (pauses.without_max_times().build(), Duration::ZERO);
        while self.app.is_asked() {
            if self.latest.other_than(self.content.hash, pause).is_some() {
                return Outcome::Superseded;
            }
            pause = pauses.next().unwrap_or(longest);
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let Some(received) = self.app.ask(left.min(ASK_MAX)) else { break };
            let is_silence = matches!(received, StatusReply::Unreachable(_));
            // An app that answered before is not lost because the last request had no time left.
            if is_silence && answered && Instant::now() >= until {
                break;
            }
            answered |= !is_silence;
            repeated = match received {
                StatusReply::Status(word) if Some(word) == old => Some(word),
                _ => None,
            };
            match self.found(received) {
                _ if repeated.is_some() => {}
                Ok(outcome) => return outcome,
                Err(found) if was_notified => known = found,
                Err(_) => {}
            }
        }
        // It had time to report something new, and did not: its earlier report counts.
        match repeated.and_then(|word| self.decides(word)) {
            Some(outcome) => outcome,
            None => Outcome::Failed(known.0, known.1),
        }
    }

    /// What an answer decides; else what is wrong with it.
    fn found(&self, received: StatusReply) -> Result<Outcome, (Reason, String)> {
        match received {
            StatusReply::Status(word) => {
                self.decides(word).ok_or_else(|| (Reason::Unverified, elsewhere(word)))
            }
            StatusReply::NoStatus => {
                Err((Reason::Unverified, "its health does not report the hash of what it serves".into()))
            }
            StatusReply::Failed(status) => Err((
                Reason::Unreachable,
                format!("its health answers {status} and does not report its content"),
            )),
            StatusReply::Unreachable(why) => Err((Reason::Unreachable, why)),
        }
    }
}

fn elsewhere(word: AppStatus) -> String {
    format!("it reports {} for another content, {}", word.status, word.hash)
}
