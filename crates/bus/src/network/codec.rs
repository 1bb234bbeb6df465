//! Hints on the wire: a first line that identifies and authenticates it, then JSON.
//!
//! ```text
//! midflight-hint 2 PROOF
//! {"log":"0011...","head":42,"digest":"89ab...","awaited":true,
//!  "change":{"number":42,"parent":"cdef...","author":"anna", ..., "documents":[{"id":"rules/R1", ...}]}}
//! ```
//!
//! The digest of a change is not sent but computed from the received change, so it cannot differ from its digest.
//! Version 1 had neither the log nor a digest: a hint of it is a reason to look at the log, as is one of a later
//! version.
//!
//! The proof is 64 hexadecimal digits over the exact bytes of the JSON, or `-` from a sender that does not know the key
//! yet. It is held against the bytes before any of them is parsed, so a body needs no digest of its own here.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use midflight_core::{
    Appended, ChangeSummary, Document, LogHead, Op, Owner, PrincipalId, Revision, RevisionNumber,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Seal;
use crate::Hint;

/// The longest message, in bytes. A longer one is dropped unread: the default limit of NATS, and more than the other
/// buses send.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1 << 20;

const FIRST_WORD: &str = "midflight-hint ";
const VERSION: &str = "2";
const NO_PROOF: &str = "-";
const PROOF_DIGITS: usize = 64;

#[derive(Serialize, Deserialize)]
struct WireHint<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
    head: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    awaited: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<WireChange<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WireChange<'a> {
    number: u64,
    parent: String,
    author: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    principal: Option<Cow<'a, str>>,
    reason: Cow<'a, str>,
    trigger: Cow<'a, str>,
    created_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<Cow<'a, str>>,
    documents: Vec<WireDocument<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WireDocument<'a> {
    id: String,
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Cow<'a, str>>,
    deleted: bool,
    /// Null for a deletion, which a body may be too.
    body: Cow<'a, Value>,
}

/// What a message turned out to be.
#[derive(Debug, PartialEq)]
pub(crate) enum Decoded {
    /// A hint of an owner of the key.
    Hint(Hint),
    /// It looks like one, but cannot be believed: forged, damaged, of another version, or of a sender that does not
    /// know the same key. It brings nothing, and the log may have moved all the same.
    Doubtful,
    /// Nothing that a replica would send.
    Garbage,
}

/// The message of a hint, of at most `bytes_max` bytes: the change is left out when it does not fit, when the key is
/// not known, or when its parts contradict each other, which would not come back as it went.
pub(crate) fn encode(hint: &Hint, seal: &Seal, bytes_max: usize) -> Vec<u8> {
    let change = hint.change.as_deref().filter(|change| seal.is_known() && matches_its_documents(change));
    let head = format!("{FIRST_WORD}{VERSION} ");
    let room = bytes_max.saturating_sub(head.len() + PROOF_DIGITS + "\n".len());
    let wire = |change| WireHint {
        log: hint.announced.map(|announced| announced.log.to_string()),
        head: hint.head.get(),
        digest: hint.announced.map(|announced| announced.digest.to_string()),
        awaited: hint.awaited,
        change,
    };
    let whole = change.and_then(|change| json_within(&wire(Some(WireChange::from(change))), room));
    // Without the change it is a few short words, which fit into any message and cannot fail to be written.
    let json = whole.or_else(|| json_within(&wire(None), usize::MAX)).unwrap_or_default();
    let proof = seal.prove(&json).map_or_else(|| NO_PROOF.to_owned(), |proof| to_hex(&proof));
    [head.as_bytes(), proof.as_bytes(), b"\n", &json].concat()
}

pub(crate) fn decode(message: &[u8], seal: &Seal) -> Decoded {
    match message.strip_prefix(FIRST_WORD.as_bytes()) {
        Some(rest) if message.len() <= MESSAGE_BYTES_MAX => {
            read(rest, seal).map_or(Decoded::Doubtful, Decoded::Hint)
        }
        _ => Decoded::Garbage,
    }
}

fn read(rest: &[u8], seal: &Seal) -> Option<Hint> {
    let end = rest.iter().position(|&byte| byte == b'\n')?;
    let (version, proof) = std::str::from_utf8(&rest[..end]).ok()?.split_once(' ')?;
    let json = &rest[end + 1..];
    if version != VERSION || !seal.holds(json, &from_hex(proof)?) {
        return None;
    }
    let wire: WireHint<'_> = serde_json::from_slice(json).ok()?;
    let change = wire.change.map(|change| change.read().map(Arc::new));
    // A change that cannot be read, as of a newer program, is left out; the hint holds.
    let head = RevisionNumber::new(wire.head);
    let announced = match (wire.log, wire.digest) {
        (Some(log), Some(digest)) => {
            Some(LogHead { log: log.parse().ok()?, number: head, digest: digest.parse().ok()? })
        }
        _ => None,
    };
    Some(Hint { head, announced, change: change.flatten(), awaited: wire.awaited })
}

/// Whether all there is to know of it is in its documents, as in every revision that a log answers.
fn matches_its_documents(change: &Appended) -> bool {
    let number = change.revision.number;
    change.documents.iter().map(summary).eq(change.revision.changes.iter().cloned())
        && change.documents.iter().all(|document| document.revision == number)
}

fn summary(document: &Document) -> ChangeSummary {
    let op = if document.body.is_some() { Op::Put } else { Op::Delete };
    ChangeSummary { id: document.id.clone(), op, version: document.version }
}

impl<'a> From<&'a Appended> for WireChange<'a> {
    fn from(Appended { revision, documents, parent }: &'a Appended) -> Self {
        let document = |document: &'a Document| WireDocument {
            id: document.id.to_string(),
            version: document.version,
            owner: document.owner.as_ref().map(|owner| Cow::Borrowed(owner.as_str())),
            deleted: document.body.is_none(),
            body: document.body.as_deref().map_or(Cow::Owned(Value::Null), Cow::Borrowed),
        };
        Self {
            number: revision.number.get(),
            parent: parent.to_string(),
            author: Cow::Borrowed(&revision.author),
            principal: revision.principal.as_ref().map(|id| Cow::Borrowed(id.as_str())),
            reason: Cow::Borrowed(&revision.reason),
            trigger: Cow::Borrowed(revision.trigger.as_str()),
            created_at: revision.created_at.to_string(),
            key: revision.key.as_deref().map(Cow::Borrowed),
            documents: documents.iter().map(document).collect(),
        }
    }
}

impl WireChange<'_> {
    fn read(self) -> Option<Appended> {
        let number = RevisionNumber::new(self.number);
        let parent = self.parent.parse().ok()?;
        let document = |document: WireDocument<'_>| {
            Some(Document {
                id: document.id.parse().ok()?,
                version: document.version,
                revision: number,
                owner: document.owner.map(|owner| Owner::new(&owner)),
                body: (!document.deleted).then(|| Arc::new(document.body.into_owned())),
            })
        };
        let documents = self.documents.into_iter().map(document).collect::<Option<Vec<_>>>()?;
        let revision = Revision {
            number,
            author: self.author.into_owned(),
            principal: self.principal.map(|id| PrincipalId::new(&id)),
            reason: self.reason.into_owned(),
            trigger: self.trigger.parse().ok()?,
            created_at: self.created_at.parse().ok()?,
            key: self.key.map(Cow::into_owned),
            changes: documents.iter().map(summary).collect(),
            digest: parent,
        };
        let mut appended = Appended { revision, documents, parent };
        appended.revision.digest = appended.computed_digest(&parent);
        Some(appended)
    }
}

/// The JSON of a hint if it is no longer than that. Writing stops where it becomes longer.
fn json_within(wire: &WireHint<'_>, bytes_max: usize) -> Option<Vec<u8>> {
    let mut json = Within { bytes: Vec::new(), bytes_max };
    serde_json::to_writer(&mut json, wire).ok()?;
    Some(json.bytes)
}

struct Within {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Write for Within {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if more.len() > self.bytes_max - self.bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn to_hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != PROOF_DIGITS || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
