//! The lines of the file: what is put, what is deleted, and the digest of each batch.
//!
//! ```text
//! midflight last-good 2
//! put rules/loans {"default":true}
//! delete rules/old
//! part DIGEST                     a batch ends; what it says counts once a commit follows
//! commit 42 40,41 LOG CHAINED DIGEST
//!                                 all so far is the state at revision 42, of which 40 and 41 are left out
//! ```
//!
//! LOG and CHAINED are the id of the log and the digest of revision 42 in it, or `-`. Version 1 has neither.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, Read as _, Seek as _};
use std::sync::Arc;

use midflight_core::{Digest, DocumentId, LogHead, RevisionNumber, canonical_json};
use serde_json::Value;

use super::KeptAt;

const FIRST: &[u8] = b"midflight last-good 2\n";
const FIRST_OF_BEFORE: &[u8] = b"midflight last-good 1\n";
/// How much of the end is searched for the last commit, in bytes.
const END_BYTES_MAX: u64 = 1 << 16;

pub(super) fn begin(batch: &mut Vec<u8>) {
    batch.extend_from_slice(FIRST);
}

/// Neither a document's id nor canonical JSON has a line break in it.
pub(super) fn put(batch: &mut Vec<u8>, id: &DocumentId, body: Option<&Value>) {
    let line = match body {
        Some(body) => format!("put {id} {}\n", canonical_json(body)),
        None => format!("delete {id}\n"),
    };
    batch.extend_from_slice(line.as_bytes());
}

pub(super) fn part(batch: &mut Vec<u8>) {
    let digest = Digest::of_bytes(batch);
    batch.extend_from_slice(format!("part {digest}\n").as_bytes());
}

pub(super) fn commit(batch: &mut Vec<u8>, at: &KeptAt) {
    let left_out: Vec<_> = at.left_out.iter().map(ToString::to_string).collect();
    let head = at.head.map_or_else(|| "- -".to_owned(), |head| format!("{} {}", head.log, head.digest));
    batch.extend_from_slice(format!("commit {} {} {head} ", at.position, left_out.join(",")).as_bytes());
    let digest = Digest::of_bytes(batch);
    batch.extend_from_slice(format!("{digest}\n").as_bytes());
}

/// A state of a file: every document of it with a `T`, and how far into the file it goes.
#[derive(Debug)]
pub(super) struct Whole<T> {
    pub(super) at: KeptAt,
    pub(super) documents: BTreeMap<DocumentId, T>,
    pub(super) bytes: u64,
}

/// The newest state that is whole, with the bodies parsed; none when there is none.
pub(super) fn read(file: impl BufRead) -> io::Result<Option<Whole<Arc<Value>>>> {
    scan(file, |body, _| serde_json::from_str(body).ok().map(Arc::new))
}

/// The newest state that is whole, with what `take` makes of each body and of the place of its first byte. A body of
/// which it makes nothing ends what is whole.
pub(super) fn scan<T>(
    mut file: impl BufRead,
    take: impl Fn(&str, u64) -> Option<T>,
) -> io::Result<Option<Whole<T>>> {
    let (mut whole, mut documents) = (None, BTreeMap::new());
    let (mut batch, mut line, mut length) = (Vec::new(), Vec::new(), 0_u64);
    // A line counts once a commit with the right digest follows.
    let mut output: Vec<(DocumentId, Option<T>)> = Vec::new();
    loop {
        line.clear();
        let count = file.read_until(b'\n', &mut line)?;
        length += count as u64;
        let meant = line.ends_with(b"\n").then(|| meaning(&line, length, &take)).flatten();
        match meant {
            Some(FileLine::First) => batch.extend_from_slice(&line),
            Some(FileLine::Body(id, body)) => {
                batch.extend_from_slice(&line);
                output.push((id, body));
            }
            Some(FileLine::Ends { state, signed, digest }) if is_of(&mut batch, &line[..signed], digest) => {
                let Some(state) = state else { continue };
                for (id, body) in output.drain(..) {
                    match body {
                        Some(body) => documents.insert(id, body),
                        None => documents.remove(&id),
                    };
                }
                whole = Some((state, length));
            }
            // The end of the file, or of what is whole in it.
            _ => {
                return Ok(whole.map(|(at, bytes)| Whole { at, documents, bytes }));
            }
        }
    }
}

/// The last commit of a file, if it is complete and near the end. Its digest is of a batch that is not read here.
pub(super) fn read_end(mut file: File) -> io::Result<Option<KeptAt>> {
    let length = file.seek(io::SeekFrom::End(0))?;
    file.seek(io::SeekFrom::Start(length.saturating_sub(END_BYTES_MAX)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let whole = end.iter().rposition(|&byte| byte == b'\n').map_or(0, |place| place + 1);
    let commits = end[..whole].rsplit(|&byte| byte == b'\n').filter_map(|line| line.strip_prefix(b"commit "));
    let last = commits.map(std::str::from_utf8).next();
    let message = last.and_then(Result::ok).and_then(|line| line.rsplit_once(' '));
    Ok(message.and_then(|(state, _)| kept_at(state)))
}

/// The part of a commit before its digest. In a file of before that is the position and what is left out.
fn kept_at(text: &str) -> Option<KeptAt> {
    let number = |text: &str| text.parse().ok().map(RevisionNumber::new);
    let mut words = text.split(' ');
    let position = number(words.next()?)?;
    let left_out = words.next()?.split(',').filter(|text| !text.is_empty()).map(number);
    let left_out = left_out.collect::<Option<_>>()?;
    let head = match (words.next(), words.next(), words.next()) {
        (None, None, None) | (Some("-"), Some("-"), None) => None,
        (Some(log), Some(digest), None) => {
            Some(LogHead { log: log.parse().ok()?, number: position, digest: digest.parse().ok()? })
        }
        _ => return None,
    };
    Some(KeptAt { position, head, left_out })
}

/// Whether a batch that ends with `last` has this digest. The next one begins empty.
fn is_of(batch: &mut Vec<u8>, last: &[u8], digest: Digest) -> bool {
    batch.extend_from_slice(last);
    let found = Digest::of_bytes(batch);
    batch.clear();
    found == digest
}

enum FileLine<T> {
    First,
    Body(DocumentId, Option<T>),
    /// The end of a batch, and the state that it completes; `signed` bytes of the line itself belong to what the digest
    /// is of.
    Ends {
        state: Option<KeptAt>,
        signed: usize,
        digest: Digest,
    },
}

/// What a line that ends at `length` means; none for one that was not written by this format.
fn meaning<T>(line: &[u8], length: u64, take: impl Fn(&str, u64) -> Option<T>) -> Option<FileLine<T>> {
    if length == FIRST.len() as u64 {
        return (line == FIRST || line == FIRST_OF_BEFORE).then_some(FileLine::First);
    }
    let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (word, rest) = text.split_once(' ')?;
    match word {
        "put" => {
            let (id, body) = rest.split_once(' ')?;
            // The body ends where the line does.
            let place = length - body.len() as u64 - 1;
            Some(FileLine::Body(id.parse().ok()?, Some(take(body, place)?)))
        }
        "delete" => Some(FileLine::Body(rest.parse().ok()?, None)),
        "part" => Some(FileLine::Ends { state: None, signed: 0, digest: rest.parse().ok()? }),
        "commit" => {
            let (state, digest) = rest.rsplit_once(' ')?;
            let state = kept_at(state)?;
            let signed = line.len() - digest.len() - 1;
            Some(FileLine::Ends { state: Some(state), signed, digest: digest.parse().ok()? })
        }
        _ => None,
    }
}
