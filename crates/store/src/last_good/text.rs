//! The lines of the file: what is put, what is deleted, and the digest of each batch.
//!
//! ```text
//! midflight last-good 1
//! put rules/loans {"default":true}
//! delete rules/old
//! part DIGEST                     a batch ends; what it says counts once a commit follows
//! commit 42 40,41 DIGEST          all so far is the state at revision 42, of which 40 and 41 are left out
//! ```

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::sync::Arc;

use midflight_core::{Digest, DocumentId, RevisionNumber, canonical_json};
use serde_json::Value;

use super::LastGood;

const FIRST: &[u8] = b"midflight last-good 1\n";

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

pub(super) fn commit(batch: &mut Vec<u8>, position: RevisionNumber, left_out: &[RevisionNumber]) {
    let left_out: Vec<_> = left_out.iter().map(ToString::to_string).collect();
    batch.extend_from_slice(format!("commit {position} {} ", left_out.join(",")).as_bytes());
    let digest = Digest::of_bytes(batch);
    batch.extend_from_slice(format!("{digest}\n").as_bytes());
}

/// The newest state that is whole, and how far into the file it goes; none when there is none.
pub(super) fn read(mut file: impl BufRead) -> io::Result<Option<(LastGood, u64)>> {
    let (mut whole, mut documents) = (None, BTreeMap::new());
    let (mut batch, mut line, mut length) = (Vec::new(), Vec::new(), 0_u64);
    // What was said counts once a commit whose digest is right follows.
    let mut said: Vec<(DocumentId, Option<Arc<Value>>)> = Vec::new();
    loop {
        line.clear();
        let count = file.read_until(b'\n', &mut line)?;
        length += count as u64;
        let meant = line.ends_with(b"\n").then(|| meaning(&line, length)).flatten();
        match meant {
            Some(Line::First) => batch.extend_from_slice(&line),
            Some(Line::Says(id, body)) => {
                batch.extend_from_slice(&line);
                said.push((id, body));
            }
            Some(Line::Ends { state, signed, digest }) if is_of(&mut batch, &line[..signed], digest) => {
                let Some(state) = state else { continue };
                for (id, body) in said.drain(..) {
                    match body {
                        Some(body) => documents.insert(id, body),
                        None => documents.remove(&id),
                    };
                }
                whole = Some((state, length));
            }
            // The end of the file, or of what is whole in it.
            _ => {
                let kept = whole.map(|((position, left_out), length)| {
                    (LastGood { position, left_out, documents }, length)
                });
                return Ok(kept);
            }
        }
    }
}

/// Whether a batch that ends with `last` has this digest. The next one begins empty.
fn is_of(batch: &mut Vec<u8>, last: &[u8], digest: Digest) -> bool {
    batch.extend_from_slice(last);
    let found = Digest::of_bytes(batch);
    batch.clear();
    found == digest
}

enum Line {
    First,
    Says(DocumentId, Option<Arc<Value>>),
    /// The end of a batch, and the state that it completes; `signed` bytes of the line itself belong to what the digest
    /// is of.
    Ends {
        state: Option<(RevisionNumber, Vec<RevisionNumber>)>,
        signed: usize,
        digest: Digest,
    },
}

/// What a line means; none for one that nobody wrote.
fn meaning(line: &[u8], length: u64) -> Option<Line> {
    if length == FIRST.len() as u64 {
        return (line == FIRST).then_some(Line::First);
    }
    let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (word, rest) = text.split_once(' ')?;
    match word {
        "put" => {
            let (id, body) = rest.split_once(' ')?;
            Some(Line::Says(id.parse().ok()?, Some(Arc::new(serde_json::from_str(body).ok()?))))
        }
        "delete" => Some(Line::Says(rest.parse().ok()?, None)),
        "part" => Some(Line::Ends { state: None, signed: 0, digest: rest.parse().ok()? }),
        "commit" => {
            let (position, rest) = rest.split_once(' ')?;
            let (left_out, digest) = rest.split_once(' ')?;
            let number = |text: &str| text.parse().ok().map(RevisionNumber::new);
            let numbers = left_out.split(',').filter(|text| !text.is_empty()).map(number);
            let state = (number(position)?, numbers.collect::<Option<_>>()?);
            let signed = line.len() - digest.len() - 1;
            Some(Line::Ends { state: Some(state), signed, digest: digest.parse().ok()? })
        }
        _ => None,
    }
}
