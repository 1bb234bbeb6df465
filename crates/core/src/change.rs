//! Edits: the requested changes, and their preconditions.

use std::sync::Arc;

use serde_json::Value;

use crate::outcome::words;
use crate::{
    DocumentId, EditKey, Head, JsonPointer, KEY_BYTES_MAX, Owner, PrincipalId, Problem, Problems,
    RevisionNumber, Trigger,
};

words! {
    /// What happens to a document.
    Op {
        /// It gets a new body, whether or not it existed.
        Put => "put",
        /// It is deleted; its versions stay in the log.
        Delete => "delete",
    }
}

/// What must hold of a document for a change to it to go through, so that no edit is lost between two editors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// It does not exist (`If-None-Match: *`).
    Absent,
    /// It exists (`If-Match: *`).
    Present,
    /// Its newest version is this one (`If-Match: "3"`); 0 means that it does not exist.
    Version(u64),
    /// It has not been changed after this revision (`If-Match: "r42"`).
    UnchangedSince(RevisionNumber),
}

/// Why a precondition did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{id}: {wanted}, but {found}; read it again and repeat the edit")]
pub struct PreconditionFailed {
    /// The document.
    pub id: DocumentId,
    /// What the edit asked for.
    pub wanted: String,
    /// What is so.
    pub found: String,
}

impl Precondition {
    /// Whether the newest version of `id` satisfies this.
    ///
    /// # Errors
    /// [`PreconditionFailed`], saying what was wanted and what is so.
    pub fn check(self, id: &DocumentId, head: Option<&Head>) -> Result<(), PreconditionFailed> {
        let live = head.filter(|head| !head.deleted);
        let version = live.map_or(0, |head| head.version);
        let (holds, wanted) = match self {
            Self::None => return Ok(()),
            Self::Absent => (live.is_none(), "it was expected not to exist".to_owned()),
            Self::Present => (live.is_some(), "it was expected to exist".to_owned()),
            Self::Version(wanted) => (version == wanted, format!("the edit was made on version {wanted}")),
            Self::UnchangedSince(revision) => (
                head.is_none_or(|head| head.revision <= revision),
                format!("the edit was made at revision {revision}"),
            ),
        };
        if holds {
            return Ok(());
        }
        let found = match (live, head) {
            (Some(head), _) => format!("it is at version {} of revision {}", head.version, head.revision),
            (None, Some(head)) => format!("it was deleted in revision {}", head.revision),
            (None, None) => "it does not exist".to_owned(),
        };
        Err(PreconditionFailed { id: id.clone(), wanted, found })
    }
}

/// A wanted change to one document.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The document.
    pub id: DocumentId,
    /// Its new body; none deletes it.
    pub body: Option<Arc<Value>>,
    /// What must hold of it now.
    pub precondition: Precondition,
}

impl Change {
    /// Puts `body`, whatever was there.
    #[must_use]
    pub fn put(id: DocumentId, body: Value) -> Self {
        Self { id, body: Some(Arc::new(body)), precondition: Precondition::None }
    }

    /// Deletes the document if it is there.
    #[must_use]
    pub fn delete(id: DocumentId) -> Self {
        Self { id, body: None, precondition: Precondition::None }
    }

    /// The same change under a precondition.
    #[must_use]
    pub fn when(mut self, precondition: Precondition) -> Self {
        self.precondition = precondition;
        self
    }

    /// Put or delete.
    #[must_use]
    pub fn op(&self) -> Op {
        if self.body.is_some() { Op::Put } else { Op::Delete }
    }
}

/// The longest reason of an edit, in bytes. 1,024: it is shown with every revision of a list, and what takes more
/// belongs into a document.
pub const REASON_BYTES_MAX: usize = 1024;
/// The longest author of an edit, in bytes. 256: a name of a token, or of a part of a server with the name of what it
/// reads.
pub const AUTHOR_BYTES_MAX: usize = 256;
/// The longest id of a principal, in bytes. 256, as for an author.
pub const PRINCIPAL_BYTES_MAX: usize = 256;

/// A text as a reason: its beginning, if it has more than [`REASON_BYTES_MAX`] bytes. For reasons that a program makes;
/// what a person writes is refused instead ([`Edit::check_texts`]).
///
/// ```
/// assert_eq!(midflight_core::cut_reason("é".repeat(600)).len(), 1024);
/// ```
#[must_use]
pub fn cut_reason(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
    text
}

/// Changes that are requested as one revision: all or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Who; comes from the authenticated caller, never from a request's body.
    pub author: String,
    /// The same by an id, where a caller was authenticated; none for an edit that a part of the program makes by
    /// itself.
    pub principal: Option<PrincipalId>,
    /// Why, in their words; may be empty.
    pub reason: String,
    /// What asked for it.
    pub trigger: Trigger,
    /// As whom the documents are changed; they belong to it afterwards.
    pub owner: Option<Owner>,
    /// Whether documents that belong to someone else may be changed all the same, and change hands.
    pub take_over: bool,
    /// The newest revision of the state that the changes were computed from, for an edit that is right on that state
    /// alone, as a restore is. On a newer one it is refused, whichever documents changed; compute it again.
    pub computed_at: Option<RevisionNumber>,
    /// What to change; no document twice.
    pub changes: Vec<Change>,
    /// Makes it at most one revision, however often and wherever it is asked for within [`crate::KEY_HOURS_MAX`] hours:
    /// an edit whose key the log has already changes nothing. None for an edit that counts each time.
    pub key: Option<EditKey>,
}

impl Edit {
    /// Returns an edit without a reason that may change what belongs to no owner, on whatever state it finds.
    ///
    /// ```
    /// use midflight_core::{Change, Edit, Trigger};
    ///
    /// let changes = [Change::delete("rules/loans/R1".parse()?)];
    /// let edit = Edit { reason: "not used".into(), ..Edit::new("anna", Trigger::Manual, changes) };
    /// # Ok::<(), midflight_core::NameError>(())
    /// ```
    #[must_use]
    pub fn new(
        author: impl Into<String>,
        trigger: Trigger,
        changes: impl IntoIterator<Item = Change>,
    ) -> Self {
        Self {
            author: author.into(),
            principal: None,
            reason: String::new(),
            trigger,
            owner: None,
            take_over: false,
            computed_at: None,
            changes: changes.into_iter().collect(),
            key: None,
        }
    }

    /// Whether its author, its reason, its principal and its key are as short as they must be.
    ///
    /// # Errors
    /// A problem at `/author`, `/reason`, `/principal` or `/key`, which names the bound.
    pub fn check_texts(&self) -> Result<(), Problems> {
        let mut problems = check_texts(&self.author, &self.reason).err().unwrap_or_default();
        let principal = self.principal.as_ref().map(|id| ("principal", id.as_str(), PRINCIPAL_BYTES_MAX));
        let key = self.key.as_ref().map(|key| ("key", key.text.as_str(), KEY_BYTES_MAX));
        for (member, text, bytes_max) in principal.into_iter().chain(key) {
            if text.is_empty() {
                let message = format!("{member} is empty; write 1-{bytes_max} bytes ({member}_bytes_max)");
                problems.add(Problem::new("text_empty", JsonPointer::root().key(member), message));
            }
            problems.append(too_long(member, text, bytes_max).into_iter().collect());
        }
        problems.or(())
    }
}

/// Whether an author and a reason are as short as they must be, of an edit or of what else is kept with both.
///
/// # Errors
/// A problem at `/author` or `/reason`, which names the bound.
pub fn check_texts(author: &str, reason: &str) -> Result<(), Problems> {
    let texts = [("author", author, AUTHOR_BYTES_MAX), ("reason", reason, REASON_BYTES_MAX)];
    let problems =
        texts.into_iter().filter_map(|(member, text, bytes_max)| too_long(member, text, bytes_max));
    problems.collect::<Problems>().or(())
}

fn too_long(member: &str, text: &str, bytes_max: usize) -> Option<Problem> {
    let bytes = text.len();
    let message = format!(
        "{member} has {bytes} bytes and may have {bytes_max} ({member}_bytes_max); write a shorter one"
    );
    (bytes > bytes_max).then(|| Problem::new("text_too_long", JsonPointer::root().key(member), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(version: u64, revision: u64, deleted: bool) -> Head {
        Head { version, revision: RevisionNumber::new(revision), owner: None, deleted }
    }

    #[test]
    fn preconditions_are_met_or_report_the_current_state() {
        let id = DocumentId::new("rules", "a").unwrap();
        let (there, removed) = (head(3, 42, false), head(4, 50, true));
        let since = |n| Precondition::UnchangedSince(RevisionNumber::new(n));
        for (precondition, head, failure) in [
            (Precondition::None, None, None),
            (Precondition::None, Some(&there), None),
            (Precondition::Absent, None, None),
            (Precondition::Absent, Some(&removed), None),
            (Precondition::Absent, Some(&there), Some("at version 3 of revision 42")),
            (Precondition::Present, Some(&there), None),
            (Precondition::Present, None, Some("does not exist")),
            (Precondition::Present, Some(&removed), Some("deleted in revision 50")),
            (Precondition::Version(3), Some(&there), None),
            (Precondition::Version(2), Some(&there), Some("at version 3")),
            (Precondition::Version(0), None, None),
            (Precondition::Version(4), Some(&removed), Some("deleted in revision 50")),
            (since(42), Some(&there), None),
            (since(41), Some(&there), Some("at version 3 of revision 42")),
            (since(41), None, None),
        ] {
            let result = precondition.check(&id, head).map_err(|failed| failed.found);
            match failure {
                None => assert_eq!(result, Ok(()), "{precondition:?}"),
                Some(part) => assert!(result.unwrap_err().contains(part), "{precondition:?}"),
            }
        }
    }

    #[test]
    fn a_long_author_and_a_long_reason_are_named_with_their_bounds() {
        let edit = |author: usize, reason: usize| Edit {
            reason: "é".repeat(reason / 2),
            ..Edit::new("a".repeat(author), Trigger::Manual, [])
        };
        assert_eq!(edit(AUTHOR_BYTES_MAX, REASON_BYTES_MAX).check_texts(), Ok(()));
        let problems = edit(AUTHOR_BYTES_MAX + 1, REASON_BYTES_MAX + 2).check_texts().unwrap_err();
        let messages: Vec<_> =
            problems.iter().map(|problem| (problem.path.as_str(), &*problem.message)).collect();
        assert_eq!(
            messages,
            [
                ("/author", "author has 257 bytes and may have 256 (author_bytes_max); write a shorter one"),
                (
                    "/reason",
                    "reason has 1026 bytes and may have 1024 (reason_bytes_max); write a shorter one"
                ),
            ]
        );
    }

    #[test]
    fn a_key_and_a_principal_have_their_bounds_too() {
        let edit = |principal: usize, key: usize| Edit {
            principal: Some(PrincipalId::new(&"p".repeat(principal))),
            key: Some(EditKey::new("k".repeat(key))),
            ..Edit::new("anna", Trigger::Manual, [])
        };
        assert_eq!(edit(1, 1).check_texts(), Ok(()));
        assert_eq!(edit(PRINCIPAL_BYTES_MAX, KEY_BYTES_MAX).check_texts(), Ok(()));
        for (principal, key, output) in [
            (0, 1, "principal is empty; write 1-256 bytes (principal_bytes_max)"),
            (1, 0, "key is empty; write 1-512 bytes (key_bytes_max)"),
            (257, 1, "principal has 257 bytes and may have 256 (principal_bytes_max); write a shorter one"),
            (1, 513, "key has 513 bytes and may have 512 (key_bytes_max); write a shorter one"),
        ] {
            let problems = edit(principal, key).check_texts().unwrap_err();
            assert_eq!(problems.iter().map(|problem| &*problem.message).collect::<Vec<_>>(), [output]);
        }
    }
}
