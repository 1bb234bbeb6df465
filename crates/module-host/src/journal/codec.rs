//! How a record is written: a frame of its length, a header in JSON, the bytes of the state, and the digest of all
//! that.

use std::sync::Arc;

use midflight_core::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{JournalRecord, PreparedRecord};
use crate::code::StateSnapshot;

const DIGEST_BYTES: usize = 32;
const LENGTH_BYTES: usize = 4;

/// The header of a record. Words that a later version adds are read as an unknown record, and skipped.
#[derive(Serialize, Deserialize)]
struct Header {
    record: String,
    #[serde(default)]
    generation: u64,
    #[serde(default)]
    manifest: Option<String>,
    #[serde(default)]
    body: Option<Arc<Value>>,
    #[serde(default)]
    schema: Option<u32>,
    #[serde(default)]
    acknowledged: u64,
    #[serde(default)]
    plan: Option<(Option<u32>, u32, u32)>,
    #[serde(default)]
    phase: Option<String>,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    reason: String,
}

impl Header {
    fn new(record: &str) -> Self {
        Self {
            record: record.to_owned(),
            generation: 0,
            manifest: None,
            body: None,
            schema: None,
            acknowledged: 0,
            plan: None,
            phase: None,
            why: None,
            reason: String::new(),
        }
    }
}

/// The frame of a record.
pub(crate) fn encode(record: &JournalRecord) -> Result<Vec<u8>, String> {
    let mut state: Option<&StateSnapshot> = None;
    let mut header = match record {
        JournalRecord::Prepared(prepared) => Header {
            generation: prepared.generation,
            manifest: Some(prepared.manifest.to_string()),
            plan: Some((prepared.from, prepared.loads, prepared.to)),
            ..Header::new("prepared")
        },
        JournalRecord::Snapshotted { generation, state: saved, acknowledged } => {
            state = Some(saved);
            Header { generation: *generation, acknowledged: *acknowledged, ..Header::new("snapshotted") }
        }
        JournalRecord::Checkpoint { generation, state: saved, acknowledged } => {
            state = Some(saved);
            Header { generation: *generation, acknowledged: *acknowledged, ..Header::new("checkpoint") }
        }
        JournalRecord::Committed { generation, manifest, body, state: saved, reason } => {
            state = Some(saved);
            Header {
                generation: *generation,
                manifest: Some(manifest.to_string()),
                body: Some(Arc::clone(body)),
                reason: reason.clone(),
                ..Header::new("committed")
            }
        }
        JournalRecord::Returned { generation } => {
            Header { generation: *generation, ..Header::new("returned") }
        }
        JournalRecord::Failed { manifest, phase, why } => Header {
            manifest: Some(manifest.to_string()),
            phase: Some(phase.clone()),
            why: Some(why.clone()),
            ..Header::new("failed")
        },
    };
    header.schema = state.map(|state| state.schema);
    let header = serde_json::to_vec(&header).map_err(|error| error.to_string())?;
    let bytes = state.map_or(&[][..], |state| &state.bytes);
    let length = u32::try_from(LENGTH_BYTES + header.len() + bytes.len() + DIGEST_BYTES)
        .map_err(|_| "the record has more than 4 GiB".to_owned())?;
    let header_length = u32::try_from(header.len()).map_err(|error| error.to_string())?;
    let mut frame = Vec::with_capacity(LENGTH_BYTES + length as usize);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&header_length.to_le_bytes());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(bytes);
    let digest = Digest::of_bytes(&frame);
    frame.extend_from_slice(digest.as_bytes());
    Ok(frame)
}

/// The records of a file, and how many of its bytes are whole frames: what follows was not written completely.
pub(crate) fn decode(mut bytes: &[u8]) -> (Vec<JournalRecord>, usize) {
    let (mut records, mut whole) = (Vec::new(), 0);
    while let Some((record, length)) = decode_frame(bytes) {
        records.extend(record);
        whole += length;
        bytes = bytes.get(length..).unwrap_or_default();
    }
    (records, whole)
}

/// The first frame, with its length. A frame that is whole and of an unknown kind has no record.
fn decode_frame(bytes: &[u8]) -> Option<(Option<JournalRecord>, usize)> {
    let (length, _) = bytes.split_first_chunk::<LENGTH_BYTES>()?;
    let length = LENGTH_BYTES.checked_add(u32::from_le_bytes(*length) as usize)?;
    let frame = bytes.get(..length)?;
    let (sealed, digest) = frame.split_last_chunk::<DIGEST_BYTES>()?;
    if Digest::of_bytes(sealed).as_bytes() != digest {
        return None;
    }
    let (header_length, rest) = sealed.get(LENGTH_BYTES..)?.split_first_chunk::<LENGTH_BYTES>()?;
    let (header, state) = rest.split_at_checked(u32::from_le_bytes(*header_length) as usize)?;
    let record = serde_json::from_slice(header).ok().and_then(|header| record_of(header, state));
    Some((record, length))
}

fn record_of(header: Header, bytes: &[u8]) -> Option<JournalRecord> {
    let manifest = header.manifest.as_ref().and_then(|text| text.parse::<Digest>().ok());
    let state = header.schema.map(|schema| Arc::new(StateSnapshot { schema, bytes: bytes.to_vec() }));
    let (generation, acknowledged) = (header.generation, header.acknowledged);
    Some(match header.record.as_str() {
        "prepared" => {
            let (from, loads, to) = header.plan?;
            JournalRecord::Prepared(PreparedRecord { generation, manifest: manifest?, from, loads, to })
        }
        "snapshotted" => JournalRecord::Snapshotted { generation, state: state?, acknowledged },
        "checkpoint" => JournalRecord::Checkpoint { generation, state: state?, acknowledged },
        "committed" => JournalRecord::Committed {
            generation,
            manifest: manifest?,
            body: header.body?,
            state: state?,
            reason: header.reason,
        },
        "returned" => JournalRecord::Returned { generation },
        "failed" => JournalRecord::Failed { manifest: manifest?, phase: header.phase?, why: header.why? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::ModuleHistory;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn state(bytes: &[u8]) -> Arc<StateSnapshot> {
        Arc::new(StateSnapshot { schema: 3, bytes: bytes.to_vec() })
    }

    fn records() -> Vec<JournalRecord> {
        let manifest = Digest::of_bytes(b"m");
        let committed = |generation| JournalRecord::Committed {
            generation,
            manifest,
            body: Arc::new(json!({"version": "1"})),
            state: state(b"start"),
            reason: if generation == 1 { String::new() } else { "too many sessions".to_owned() },
        };
        vec![
            JournalRecord::Prepared(PreparedRecord { generation: 1, manifest, from: None, loads: 1, to: 2 }),
            committed(1),
            JournalRecord::Checkpoint { generation: 1, state: state(b""), acknowledged: 7 },
            JournalRecord::Snapshotted { generation: 1, state: state(&[0; 300]), acknowledged: 9 },
            committed(2),
            JournalRecord::Returned { generation: 1 },
            JournalRecord::Failed {
                manifest: Digest::of_bytes(b"x"),
                phase: "verify".into(),
                why: "a: b".into(),
            },
        ]
    }

    fn fold(records: Vec<JournalRecord>) -> ModuleHistory {
        let mut history = ModuleHistory::default();
        records.into_iter().for_each(|record| history.apply(record));
        history
    }

    #[test]
    fn records_are_read_as_they_were_written_and_their_fewest_come_to_the_same() {
        let frames: Vec<u8> = records().iter().flat_map(|record| encode(record).unwrap()).collect();
        assert_eq!(decode(&frames), (records(), frames.len()));
        let history = fold(records());
        assert_eq!(history.live, Some(1));
        assert_eq!(history.live().unwrap().acknowledged, 9);
        assert_eq!(fold(history.records()), history);
    }

    proptest! {
        /// Wherever the file ends or a bit changes, what is before it is read and nothing else.
        #[test]
        fn what_is_torn_or_changed_ends_the_file(at in 0_usize..2_000, bit in 0_u8..8, cut in any::<bool>()) {
            let frames: Vec<Vec<u8>> = records().iter().map(|record| encode(record).unwrap()).collect();
            let mut bytes: Vec<u8> = frames.concat();
            let at = at % bytes.len();
            if cut {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << bit;
            }
            let mut before = 0;
            let intact = frames.iter().take_while(|frame| { before += frame.len(); before <= at }).count();
            let (read, whole) = decode(&bytes);
            prop_assert_eq!(read.len(), intact);
            prop_assert_eq!(whole, frames[..intact].iter().map(Vec::len).sum::<usize>());
        }
    }
}
