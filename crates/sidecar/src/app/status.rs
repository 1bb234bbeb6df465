//! The app's word: `{"status": .., "hash": .., "served_hash": ..}`, where `hash` is that of the content that the status
//! is about, and `served_hash` that of the content that the app serves. `at`, if it is there, distinguishes one status
//! from the next.

use std::fmt;

use serde_json::Value;

use crate::hash::Hash;

/// How a reload ended, in the app's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AppReloadStatus {
    Success,
    Unchanged,
    LoadFailed,
    ValidationFailed,
    Rejected,
    RolledBack,
    Stuck,
    Cancelled,
}

const STATUSES: &[(&str, AppReloadStatus)] = &[
    ("success", AppReloadStatus::Success),
    ("unchanged", AppReloadStatus::Unchanged),
    ("load_failed", AppReloadStatus::LoadFailed),
    ("validation_failed", AppReloadStatus::ValidationFailed),
    ("rejected", AppReloadStatus::Rejected),
    ("rolled_back", AppReloadStatus::RolledBack),
    ("stuck", AppReloadStatus::Stuck),
    ("cancelled", AppReloadStatus::Cancelled),
];

impl AppReloadStatus {
    /// Whether the app serves the content that the status is about.
    pub(crate) fn is_good(self) -> bool {
        matches!(self, Self::Success | Self::Unchanged)
    }

    /// Whether the app reports that the bytes themselves are invalid, so that another reload is useless.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::LoadFailed | Self::ValidationFailed)
    }
}

impl fmt::Display for AppReloadStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = STATUSES.iter().find(|(_, status)| status == self).map_or("", |(name, _)| name);
        out.write_str(name)
    }
}

/// The app's own status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AppStatus {
    pub(crate) status: AppReloadStatus,
    pub(crate) hash: Hash,
    pub(crate) served_hash: Option<Hash>,
    /// The time in the app's status.
    at: Option<Hash>,
}

/// The verdict of a status on a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentVerdict {
    /// The app serves it.
    Verified,
    /// The app does not take it.
    Refused(AppStatus),
    /// It is about something else.
    Elsewhere,
}

impl AppStatus {
    /// The status in an answer; none when it has none, as a page of HTML or an unknown status.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let status = text("status")?;
        let (_, status) = STATUSES.iter().find(|(name, _)| *name == status)?;
        let hash = Hash::parse(text("hash")?)?;
        let served_hash = text("served_hash").and_then(Hash::parse);
        Some(Self { status: *status, hash, served_hash, at: text("at").map(|at| Hash::of(at.as_bytes())) })
    }

    pub(crate) fn judge(self, is_wanted: impl Fn(Hash) -> bool) -> ContentVerdict {
        match is_wanted(self.hash) {
            false => ContentVerdict::Elsewhere,
            true if self.status.is_good() => ContentVerdict::Verified,
            true => ContentVerdict::Refused(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(status: &str, hash: Hash) -> Option<AppStatus> {
        AppStatus::parse(format!(r#"{{"status": "{status}", "hash": "{hash}", "more": [1]}}"#).as_bytes())
    }

    #[test]
    fn only_the_wanted_hash_is_a_confirmation() {
        let (wanted, other) = (Hash::of(b"wanted"), Hash::of(b"other"));
        let judge = |status, hash| word(status, hash).unwrap().judge(|hash| hash == wanted);
        for status in ["success", "unchanged"] {
            assert_eq!(judge(status, wanted), ContentVerdict::Verified);
            assert_eq!(judge(status, other), ContentVerdict::Elsewhere);
        }
        for status in ["load_failed", "validation_failed", "rejected", "rolled_back", "stuck", "cancelled"] {
            assert!(
                matches!(judge(status, wanted), ContentVerdict::Refused(word) if word.status.to_string() == status)
            );
            assert_eq!(judge(status, other), ContentVerdict::Elsewhere);
        }
    }

    #[test]
    fn an_answer_without_a_hash_is_not_a_status() {
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
            assert_eq!(AppStatus::parse(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn what_is_served_is_received_when_it_is_announced() {
        let (tried, served) = (Hash::of(b"tried"), Hash::of(b"served"));
        let body = format!(r#"{{"status": "rejected", "hash": "{tried}", "served_hash": "{served}"}}"#);
        assert_eq!(AppStatus::parse(body.as_bytes()).unwrap().served_hash, Some(served));
        assert_eq!(word("rejected", tried).unwrap().served_hash, None);
    }

    #[test]
    fn the_same_status_at_another_time_is_distinguished() {
        let hash = Hash::of(b"");
        let at = |at: &str| {
            let body = format!(r#"{{"status": "rejected", "hash": "{hash}", "at": "{at}"}}"#);
            AppStatus::parse(body.as_bytes()).unwrap()
        };
        assert_eq!(at("10:00"), at("10:00"));
        assert_ne!(at("10:00"), at("10:01"));
    }
}
