//! Which log, and which history of it: a log has an id, and each revision a digest over its parent's digest and its own
//! contents. Two logs that agree on the digest of a revision agree on everything before it (HR-14).

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::{Appended, Digest, RevisionNumber};

/// Begins what is hashed of a log.
const LOG: &str = "midflight log 1";
/// Begins what is hashed of a revision.
const REVISION: &str = "midflight revision 1";

/// The id of a log: 16 random bytes, made once by its store, printed as 32 lower-case hexadecimal digits, or with a
/// precision as so many of them. A copy of a log, as a backup or a standby, has the id of the original.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogId([u8; 16]);

impl LogId {
    /// The id of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The digest of the empty log: the parent of the first revision.
    #[must_use]
    pub fn genesis(&self) -> Digest {
        Digest::of_bytes(format!("{LOG}\n{self}\n").as_bytes())
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = f.precision().map_or(self.0.len(), |digits| digits / 2).min(self.0.len());
        self.0[..shown].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogId({self})")
    }
}

/// A text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid log id: expected 32 hexadecimal digits")]
pub struct ParseLogIdError;

impl FromStr for LogId {
    type Err = ParseLogIdError;
    fn from_str(text: &str) -> Result<Self, ParseLogIdError> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).map_err(|_| ParseLogIdError)?;
        if is_hex { Ok(Self(number.to_be_bytes())) } else { Err(ParseLogIdError) }
    }
}

/// A position in a log: the revision, and by its digest all that came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogHead {
    /// The log.
    pub log: LogId,
    /// The revision's number; zero for an empty log.
    pub number: RevisionNumber,
    /// The revision's digest; that of the log itself for an empty one.
    pub digest: Digest,
}

impl LogHead {
    /// The position before the first revision of a log.
    #[must_use]
    pub fn empty(log: LogId) -> Self {
        Self { log, number: RevisionNumber::ZERO, digest: log.genesis() }
    }

    /// The position at a revision of the same log.
    #[must_use]
    pub fn at(&self, number: RevisionNumber, digest: Digest) -> Self {
        Self { log: self.log, number, digest }
    }
}

impl fmt::Display for LogHead {
    /// As people compare it: the number, and enough of the digest and of the log's id to distinguish them from others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revision {} (digest {:.12}, log {:.8})", self.number, self.digest, self.log)
    }
}

/// Computes the digest of a revision from the texts that a store keeps of it. The principal and the key of a revision
/// are not hashed: versions of before know neither, and compute the same digest.
///
/// What is hashed is text, so that a database can compute the same: lines that end with `\n`, in which a text that may
/// hold anything is preceded by its length in bytes and a colon.
///
/// ```text
/// midflight revision 1
/// PARENT                              64 hexadecimal digits
/// NUMBER
/// LENGTH:AUTHOR
/// LENGTH:REASON
/// TRIGGER
/// CREATED_AT
/// KIND/NAME VERSION BODY OWNER        for each document in order: BODY is the digest of its body as it is kept, or `-`
/// ```                                 for a deletion; OWNER is LENGTH:OWNER, or `-` for none
#[derive(Debug)]
pub struct RevisionHasher(Sha256);

impl RevisionHasher {
    /// Begins with what is kept of the revision itself.
    #[must_use]
    pub fn new(
        parent: &Digest,
        number: RevisionNumber,
        (author, reason): (&str, &str),
        trigger: &str,
        created_at: &str,
    ) -> Self {
        let (author_bytes, reason_bytes) = (author.len(), reason.len());
        Self(Sha256::new_with_prefix(format!(
            "{REVISION}\n{parent}\n{number}\n{author_bytes}:{author}\n{reason_bytes}:{reason}\n{trigger}\n{created_at}\n"
        )))
    }

    /// Adds a document that the revision changed.
    pub fn document(
        &mut self,
        (kind, name): (&str, &str),
        version: u64,
        body: Option<&Digest>,
        owner: Option<&str>,
    ) {
        let body = body.map_or_else(|| "-".to_owned(), Digest::to_string);
        let owner = owner.map_or_else(|| "-".to_owned(), |owner| format!("{}:{owner}", owner.len()));
        self.0.update(format!("{kind}/{name} {version} {body} {owner}\n"));
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest::new(self.0.finalize().into())
    }
}

impl Appended {
    /// The digest that these contents have after that parent. It is the revision's own unless a row was added by hand,
    /// whose texts need not be canonical. Cost: linear in the bodies.
    #[must_use]
    pub fn computed_digest(&self, parent: &Digest) -> Digest {
        let Self { revision, documents, .. } = self;
        let mut hasher = RevisionHasher::new(
            parent,
            revision.number,
            (&revision.author, &revision.reason),
            revision.trigger.as_str(),
            &revision.created_at.to_string(),
        );
        for document in documents {
            let (kind, name) = (document.id.kind.as_str(), document.id.name.as_str());
            let owner = document.owner.as_ref().map(crate::Owner::as_str);
            hasher.document((kind, name), document.version, document.digest().as_ref(), owner);
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> LogId {
        "000102030405060708090a0b0c0d0e0f".parse().unwrap()
    }

    #[test]
    fn an_id_is_read_as_it_is_printed() {
        assert_eq!(log(), LogId::new(std::array::from_fn(|n| n as u8)));
        assert_eq!(log().to_string().parse(), Ok(log()));
        for wrong in ["", "00", "+00102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0g"] {
            assert_eq!(wrong.parse::<LogId>(), Err(ParseLogIdError), "{wrong}");
        }
    }

    /// The bytes are a format: the SQL of a store computes the same, and a change of them makes every log another one.
    #[test]
    fn digests_are_of_these_bytes() {
        let genesis = Digest::of_bytes(b"midflight log 1\n000102030405060708090a0b0c0d0e0f\n");
        assert_eq!(log().genesis(), genesis);
        let body = Digest::of_bytes(b"{}");
        let mut hasher = RevisionHasher::new(
            &genesis,
            RevisionNumber::new(7),
            ("anna", "größe"),
            "manual",
            "2026-01-31T12:00:00Z",
        );
        hasher.document(("rules", "a"), 1, Some(&body), Some("file:/x"));
        hasher.document(("rules", "b"), 2, None, None);
        let text = format!(
            "midflight revision 1\n{genesis}\n7\n4:anna\n7:größe\nmanual\n2026-01-31T12:00:00Z\n\
             rules/a 1 {body} 7:file:/x\nrules/b 2 - -\n"
        );
        assert_eq!(hasher.finish(), Digest::of_bytes(text.as_bytes()));
    }

    #[test]
    fn a_position_is_shown_short() {
        let head = LogHead::empty(log());
        let shown = head.to_string();
        assert!(shown.starts_with("revision 0 (digest ") && shown.ends_with(", log 00010203)"), "{shown}");
        assert!(shown.len() < 60, "{shown}");
    }
}
