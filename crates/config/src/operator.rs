//! Which documents are the operator's own: those that equal the config file of the process.

use std::sync::{Arc, PoisonError, RwLock};

use midflight_core::Digest;
use serde_json::Value;

/// The contents of the config file that a process was started with. A document that is equal to one of them is the
/// operator's, no matter who put it into the log; every other one is an editor's.
///
/// Two contents count: the newest one that was read, and the one that is in effect. Cloning it gives another handle on
/// the same.
#[derive(Debug, Clone, Default)]
pub struct OperatorContents(Arc<RwLock<OperatorDigests>>);

#[derive(Debug, Default)]
struct OperatorDigests {
    newest: Option<Digest>,
    in_effect: Option<Digest>,
}

impl OperatorContents {
    /// The file was read, and has this content.
    pub fn read(&self, body: &Value) {
        let digest = Digest::of_body(body);
        self.0.write().unwrap_or_else(PoisonError::into_inner).newest = Some(digest);
    }

    /// The contents of the file are in effect.
    pub fn in_effect(&self, body: Digest) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).in_effect = Some(body);
    }

    /// Whether a document is the operator's.
    #[must_use]
    pub fn wrote(&self, body: &Value) -> bool {
        self.wrote_digest(Digest::of_body(body))
    }

    /// Whether the document with this digest is the operator's.
    pub(crate) fn wrote_digest(&self, body: Digest) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        [known.newest, known.in_effect].contains(&Some(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_newest_content_and_the_one_in_effect_are_the_operators() {
        let contents = OperatorContents::default();
        let wrote = |n: u64| contents.wrote(&json!({ "n": n }));
        assert!(!wrote(1));
        contents.read(&json!({"n": 1}));
        contents.in_effect(Digest::of_body(&json!({"n": 1})));
        for n in 2..5 {
            contents.read(&json!({ "n": n }));
        }
        assert_eq!([wrote(1), wrote(2), wrote(3), wrote(4)], [true, false, false, true]);
    }
}
