//! Keys of edits: an edit under a key is made once, however often and wherever it is asked for.

use jiff::{SignedDuration, Timestamp};

use crate::Digest;

/// The longest key of an edit, in bytes: a name of a token or of a webhook and the longest id of a request, with room.
pub const KEY_BYTES_MAX: usize = 512;

/// How long a key counts, in hours, from when its revision was accepted. 24: a client that does not know the result of
/// an edit repeats it within seconds, and one that was offline within a day; a later edit with the same key is a new
/// one.
pub const KEY_HOURS_MAX: i64 = 24;

/// The key of an edit, and what it identifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditKey {
    /// The key: 1 to [`KEY_BYTES_MAX`] bytes. It names its sender too, as `http:TOKEN:KEY`: a key is the same for all
    /// senders.
    pub text: String,
    /// The digest of the request that is sent under it, so that another request under the same key is refused rather
    /// than taken for a repeat. None where a sender never sends two requests under one key.
    pub request: Option<Digest>,
}

impl EditKey {
    /// A key whose sender never sends another request under it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), request: None }
    }

    /// The same for a request of that digest.
    #[must_use]
    pub fn of_request(self, request: Digest) -> Self {
        Self { request: Some(request), ..self }
    }

    /// Whether an edit under this key repeats one whose request had that digest.
    #[must_use]
    pub fn repeats(&self, request: Option<Digest>) -> bool {
        self.request.is_none() || request.is_none() || self.request == request
    }
}

/// Whether the key of a revision that was accepted then counts now. A clock that was set back makes no key older.
///
/// ```
/// let accepted: jiff::Timestamp = "2026-01-31T12:00:00Z".parse()?;
/// assert!(midflight_core::is_key_valid(accepted, "2026-02-01T11:59:59Z".parse()?));
/// assert!(!midflight_core::is_key_valid(accepted, "2026-02-01T12:00:00Z".parse()?));
/// # Ok::<(), jiff::Error>(())
/// ```
#[must_use]
pub fn is_key_valid(accepted: Timestamp, now: Timestamp) -> bool {
    now.duration_since(accepted) < SignedDuration::from_hours(KEY_HOURS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_request_under_the_same_key_repeats_nothing() {
        let digest = |text: &str| Digest::of_bytes(text.as_bytes());
        let of_a = EditKey::new("k").of_request(digest("a"));
        assert!(of_a.repeats(Some(digest("a"))) && !of_a.repeats(Some(digest("b"))));
        assert!(of_a.repeats(None), "it was made without one");
        assert!(EditKey::new("k").repeats(Some(digest("b"))));
    }
}
