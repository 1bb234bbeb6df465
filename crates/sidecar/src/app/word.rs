//! The app's word: `{"status": .., "hash": .., "served_hash": ..}`, where `hash` is that of the content that the status
//! is about, and `served_hash` that of the content that the app serves. `at`, if it is there, tells one word from the next.

use std::fmt;

use serde_json::Value;

use crate::hash::Hash;

/// How a reload ended, in the app's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Success,
    Unchanged,
    LoadFailed,
    ValidationFailed,
    Rejected,
    RolledBack,
    Stuck,
    Cancelled,
}

const STATUSES: &[(&str, Status)] = &[
    ("success", Status::Success),
    ("unchanged", Status::Unchanged),
    ("load_failed", Status::LoadFailed),
    ("validation_failed", Status::ValidationFailed),
    ("rejected", Status::Rejected),
    ("rolled_back", Status::RolledBack),
    ("stuck", Status::Stuck),
    ("cancelled", Status::Cancelled),
];

impl Status {
    /// Whether the app serves the content that the status is about.
    pub(crate) fn is_good(self) -> bool {
        matches!(self, Self::Success | Self::Unchanged)
    }

    /// Whether the app says that the bytes themselves are wrong, so that telling it again is in vain.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::LoadFailed | Self::ValidationFailed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = STATUSES.iter().find(|(_, status)| status == self).map_or("", |(name, _)| name);
        out.write_str(name)
    }
}

/// What the app says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) status: Status,
    pub(crate) hash: Hash,
    pub(crate) served_hash: Option<Hash>,
    /// Of what the app says about when this was.
    at: Option<Hash>,
}

/// What a word says about a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// The app serves it.
    Verified,
    /// The app does not take it.
    Refused(Word),
    /// It is about something else.
    Elsewhere,
}

impl Word {
    /// The word in an answer; none when it has none, as a page of HTML or a status that nobody knows.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let status = text("status")?;
        let (_, status) = STATUSES.iter().find(|(name, _)| *name == status)?;
        let hash = Hash::parse(text("hash")?)?;
        let served_hash = text("served_hash").and_then(Hash::parse);
        Some(Self { status: *status, hash, served_hash, at: text("at").map(|at| Hash::of(at.as_bytes())) })
    }

    pub(crate) fn judge(self, is_wanted: impl Fn(Hash) -> bool) -> Judgement {
        match is_wanted(self.hash) {
            false => Judgement::Elsewhere,
            true if self.status.is_good() => Judgement::Verified,
            true => Judgement::Refused(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(status: &str, hash: Hash) -> Option<Word> {
        Word::parse(format!(r#"{{"status": "{status}", "hash": "{hash}", "more": [1]}}"#).as_bytes())
    }

    #[test]
    fn only_the_wanted_hash_is_a_confirmation() {
        let (wanted, other) = (Hash::of(b"wanted"), Hash::of(b"other"));
        let judge = |status, hash| word(status, hash).unwrap().judge(|hash| hash == wanted);
        for status in ["success", "unchanged"] {
            assert_eq!(judge(status, wanted), Judgement::Verified);
            assert_eq!(judge(status, other), Judgement::Elsewhere);
        }
        for status in ["load_failed", "validation_failed", "rejected", "rolled_back", "stuck", "cancelled"] {
            assert!(
                matches!(judge(status, wanted), Judgement::Refused(word) if word.status.to_string() == status)
            );
            assert_eq!(judge(status, other), Judgement::Elsewhere);
        }
    }

    #[test]
    fn what_says_nothing_about_a_content_is_no_word() {
        let hash = Hash::of(b"");
        for body in [
            "",
            "<html>ok</html>",
            "{}",
            "[]",
            r#"{"status": "success"}"#,
            r#"{"status": "success", "hash": "abc"}"#,
            r#"{"status": 200, "hash": "abc"}"#,
            &format!(r#"{{"status": "ok", "hash": "{hash}"}}"#),
            &format!(r#"{{"hash": "{hash}"}}"#),
            &format!(r#"["success", "{hash}"]"#),
        ] {
            assert_eq!(Word::parse(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_is_served_is_heard_when_it_is_said() {
        let (tried, served) = (Hash::of(b"tried"), Hash::of(b"served"));
        let body = format!(r#"{{"status": "rejected", "hash": "{tried}", "served_hash": "{served}"}}"#);
        assert_eq!(Word::parse(body.as_bytes()).unwrap().served_hash, Some(served));
        assert_eq!(word("rejected", tried).unwrap().served_hash, None);
    }

    #[test]
    fn the_same_said_at_another_time_is_another_word() {
        let hash = Hash::of(b"");
        let at = |at: &str| {
            let body = format!(r#"{{"status": "rejected", "hash": "{hash}", "at": "{at}"}}"#);
            Word::parse(body.as_bytes()).unwrap()
        };
        assert_eq!(at("10:00"), at("10:00"));
        assert_ne!(at("10:00"), at("10:01"));
    }
}
