//! One attempt: the app is told to reload, and what it says then is judged.

use std::time::{Duration, Instant};

use crate::app::{App, Heard, Judgement, Told, Word};
use crate::files::Content;
use crate::hash::Hash;
use crate::latest::Latest;
use crate::metrics::Reason;
use crate::options::Verify;

/// How long one question to the health URL may take: an app that hangs now may answer the next.
const ASK_MAX: Duration = Duration::from_secs(5);
/// The pause before the second question; each further one is twice as long, up to `--verify-poll`.
const PAUSE_FIRST: Duration = Duration::from_millis(2);

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The app serves the content.
    Verified,
    /// The app does not take it.
    Refused(Refusal),
    /// The app did not hear, or did not confirm in time; and why.
    Failed(Reason, String),
    /// The files say something else by now.
    Superseded,
}

/// What is known of a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: String,
    /// Whether the bytes themselves are wrong, so that the same content is not tried again.
    pub(super) is_final: bool,
    /// What the app serves instead, when it says so.
    pub(super) served: Option<Hash>,
}

impl From<Word> for Refusal {
    fn from(word: Word) -> Self {
        Self { why: word.status.to_string(), is_final: word.status.is_final(), served: word.served_hash }
    }
}

/// One attempt at one content.
pub(super) struct Attempt<'a> {
    pub(super) app: &'a App,
    pub(super) latest: &'a Latest,
    pub(super) content: &'a Content,
    /// The files that say something new, whose own hash is as good as that of the set.
    pub(super) changed: &'a [Hash],
    /// Whether the app has refused this content before: then its old word is not taken for a new one.
    pub(super) is_again: bool,
}

impl Attempt<'_> {
    pub(super) fn run(&self) -> Outcome {
        if self.app.options().verify == Verify::Hash {
            return self.by_hash();
        }
        match self.app.tell_for_status(self.app.options().verify_timeout) {
            Ok(None | Some(200..=299)) => Outcome::Verified,
            Ok(Some(status)) => Outcome::Refused(Refusal {
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
    fn decides(&self, word: Word) -> Option<Outcome> {
        match word.judge(|hash| self.is_wanted(hash)) {
            Judgement::Verified => Some(Outcome::Verified),
            Judgement::Refused(word) => Some(Outcome::Refused(word.into())),
            Judgement::Elsewhere => None,
        }
    }

    fn by_hash(&self) -> Outcome {
        let until = Instant::now() + self.app.options().verify_timeout;
        let old = match self.is_again.then(|| self.app.ask(ASK_MAX.min(self.app.options().verify_timeout))) {
            Some(Some(Heard::Word(word))) => Some(word),
            _ => None,
        };
        // Of an app that can be asked, half of the time is left for asking.
        let patience = self.app.options().verify_timeout / if self.app.is_asked() { 2 } else { 1 };
        let told = match self.app.tell(patience) {
            Told::Unreachable(why) => return Outcome::Failed(Reason::Unreachable, why),
            Told::Word(word) => match self.decides(word) {
                Some(outcome) => return outcome,
                None => (Reason::Unverified, elsewhere(word)),
            },
            Told::Accepted => {
                (Reason::Unverified, "it took the order and did not say by hash what it serves".into())
            }
            Told::Failed(why) | Told::Silent(why) => (Reason::Unreachable, why),
        };
        self.ask_until(until, told, old)
    }

    /// Asks again and again. `told` is what is known from telling, and stays the reason when that went wrong.
    fn ask_until(&self, until: Instant, told: (Reason, String), old: Option<Word>) -> Outcome {
        let was_told = told.0 == Reason::Unverified;
        let (mut known, mut answered, mut repeated) = (told, false, None);
        let mut pause = Duration::ZERO;
        while self.app.is_asked() {
            if self.latest.other_than(self.content.hash, pause).is_some() {
                return Outcome::Superseded;
            }
            pause = (pause * 2).clamp(PAUSE_FIRST, self.app.options().verify_poll.max(PAUSE_FIRST));
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let Some(heard) = self.app.ask(left.min(ASK_MAX)) else { break };
            let is_silence = matches!(heard, Heard::Unreachable(_));
            // An app that answered before is not gone because the last question had no time left.
            if is_silence && answered && Instant::now() >= until {
                break;
            }
            answered |= !is_silence;
            repeated = match heard {
                Heard::Word(word) if Some(word) == old => Some(word),
                _ => None,
            };
            match self.found(heard) {
                _ if repeated.is_some() => {}
                Ok(outcome) => return outcome,
                Err(found) if was_told => known = found,
                Err(_) => {}
            }
        }
        // It had time to say something new, and did not: what it said before holds.
        match repeated.and_then(|word| self.decides(word)) {
            Some(outcome) => outcome,
            None => Outcome::Failed(known.0, known.1),
        }
    }

    /// What an answer decides; else what is wrong with it.
    fn found(&self, heard: Heard) -> Result<Outcome, (Reason, String)> {
        match heard {
            Heard::Word(word) => self.decides(word).ok_or_else(|| (Reason::Unverified, elsewhere(word))),
            Heard::NoWord => {
                Err((Reason::Unverified, "its health does not say by hash what it serves".into()))
            }
            Heard::Failed(status) => Err((
                Reason::Unreachable,
                format!("its health answers {status} without a word on its content"),
            )),
            Heard::Unreachable(why) => Err((Reason::Unreachable, why)),
        }
    }
}

fn elsewhere(word: Word) -> String {
    format!("it says {} of another content, {}", word.status, word.hash)
}
