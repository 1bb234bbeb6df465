//! How often something happened with documents: counted beside the log, without a revision for it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use midflight_core::{DocumentName, KindName};

use crate::StoreError;

/// The longest name of a counter, in bytes.
const COUNTER_BYTES_MAX: usize = 32;
/// The longest name of a source, in bytes.
const SOURCE_BYTES_MAX: usize = 256;
/// The most that is counted, and the highest number of a batch: databases have 63 bits for it.
pub(crate) const COUNT_MAX: u64 = i64::MAX.unsigned_abs();

/// How often something happened with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The document's kind.
    pub kind: KindName,
    /// The document's name. There need not be such a document.
    pub name: DocumentName,
    /// What is counted, as `used`: 1 to 32 of `a-z`, `0-9` and `_`.
    pub counter: String,
    /// How often; at most 2⁶³ - 1, which more than that stays at.
    pub count: u64,
    /// When it last happened, by the clock of the counter. Kept to the nanosecond, of the years 1678 to 2261; a time
    /// out of them is kept as the nearest that can be.
    pub last_at: Timestamp,
}

impl Tally {
    /// The most tallies that one batch may have: a batch is one short transaction, which delays no other writer.
    pub const BATCH_MAX: usize = 10_000;
}

/// Which tallies to list, ordered by name (as bytes) and counter.
#[derive(Debug, Clone)]
pub struct TallyQuery {
    /// Only of this kind.
    pub kind: KindName,
    /// Only of these documents, in whatever order; none for all of the kind.
    pub names: Option<Vec<DocumentName>>,
    /// Only those after this name and counter.
    pub after: Option<(DocumentName, String)>,
    /// At most this many.
    pub limit: u32,
}

/// What to ask for the tallies after this one with.
pub(crate) fn cursor(tally: &Tally) -> (DocumentName, String) {
    (tally.name.clone(), tally.counter.clone())
}

/// A batch as the stores take it: looked at, each key once, in the order of the keys. Transactions that change several
/// rows in one order never wait for each other in a circle.
pub(crate) fn batch(source: &str, number: u64, tallies: &[Tally]) -> Result<Vec<Tally>, StoreError> {
    let invalid = |what: String| Err(StoreError::Invalid(what));
    if source.is_empty() || source.len() > SOURCE_BYTES_MAX || source.contains('\0') {
        return invalid(format!("a source has 1 to {SOURCE_BYTES_MAX} bytes and no NUL"));
    }
    if number > COUNT_MAX {
        return invalid(format!("the number of a batch is at most {COUNT_MAX}"));
    }
    if tallies.len() > Tally::BATCH_MAX {
        let (count, max) = (tallies.len(), Tally::BATCH_MAX);
        return invalid(format!("a batch has {count} tallies and may have {max}; send it as several"));
    }
    let mut by_key = BTreeMap::new();
    for tally in tallies {
        if !is_counter(&tally.counter) {
            let (counter, max) = (&tally.counter, COUNTER_BYTES_MAX);
            return invalid(format!("the counter {counter:?} is not 1 to {max} of a-z, 0-9 and _"));
        }
        let kept = Tally { count: 0, last_at: keepable(tally.last_at), ..tally.clone() };
        let key = (&tally.kind, &tally.name, &tally.counter);
        add(by_key.entry(key).or_insert(kept), tally.count, keepable(tally.last_at));
    }
    Ok(by_key.into_values().collect())
}

/// Adds to what was counted.
pub(crate) fn add(tally: &mut Tally, count: u64, last_at: Timestamp) {
    tally.count = tally.count.saturating_add(count).min(COUNT_MAX);
    tally.last_at = tally.last_at.max(last_at);
}

fn is_counter(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=COUNTER_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_one)
}

/// A time as it is kept: nanoseconds since 1970 sort, which texts with more digits and fewer do not.
pub(crate) fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

/// The time of so many nanoseconds since 1970.
pub(crate) fn at(nanoseconds: i64) -> Timestamp {
    // 64 bits of nanoseconds are some centuries, and a Timestamp has millennia.
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn keepable(time: Timestamp) -> Timestamp {
    at(nanoseconds(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_they_are_stored() {
        let texts = [
            "-009999-01-02T01:59:59Z",
            "1970-01-01T00:00:00Z",
            "1970-01-01T00:00:00.000000001Z",
            "2026-01-31T12:00:00.1Z",
            "2026-01-31T12:00:00.123456789Z",
            "9999-12-30T22:00:00Z",
        ];
        let kept: Vec<_> = texts.iter().map(|text| nanoseconds(text.parse().unwrap())).collect();
        assert!(kept.is_sorted_by(|one, next| one < next), "{kept:?}");
        assert_eq!((kept[0], kept[5]), (i64::MIN, i64::MAX));
        assert_eq!(at(kept[4]).to_string(), texts[4]);
        assert_eq!((nanoseconds(at(i64::MIN)), nanoseconds(at(i64::MAX))), (i64::MIN, i64::MAX));
    }
}
