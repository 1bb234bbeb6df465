//! The state: a bucket of tokens for each key. All numbers are integers, so that every replica counts in the same way.

use std::collections::BTreeMap;

use midflight_guest::{Decoder, Encoder, Failure, NoState, VersionedState};

/// A token in the unit of the buckets: so many are added each millisecond at one token a minute.
const TOKEN: u64 = 60_000;

/// What the config says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens that a bucket gets each minute.
    pub per_minute: u64,
    /// Tokens that a bucket holds.
    pub burst: u64,
    /// The most keys.
    pub keys_max: u64,
}

impl Limits {
    pub const DEFAULT: Self = Self { per_minute: 60, burst: 10, keys_max: 100_000 };
}

/// What became of a wish for a token.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    Allowed { left: u64 },
    Refused { retry_after_ms: u64 },
    TooManyKeys,
}

/// What a bucket held, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    /// In units of which a token has [`TOKEN`].
    held: u64,
    at_ms: u64,
}

impl Bucket {
    /// What it holds at a time. A clock that goes back adds nothing.
    fn refilled(self, now_ms: u64, limits: Limits) -> u64 {
        let added = now_ms.saturating_sub(self.at_ms).saturating_mul(limits.per_minute);
        self.held.saturating_add(added).min(full(limits))
    }
}

fn full(limits: Limits) -> u64 {
    limits.burst.saturating_mul(TOKEN)
}

/// Schema 1: the buckets by key.
#[derive(Debug, Default, PartialEq)]
pub struct Buckets(BTreeMap<String, Bucket>);

impl Buckets {
    /// Takes a token of a key's bucket.
    pub fn take(&mut self, key: &str, now_ms: u64, limits: Limits) -> Taken {
        if !self.0.contains_key(key) && self.len() as u64 >= limits.keys_max {
            // A full bucket says no more than one that is not there.
            self.0.retain(|_, bucket| bucket.refilled(now_ms, limits) < full(limits));
            if self.len() as u64 >= limits.keys_max {
                return Taken::TooManyKeys;
            }
        }
        let held = self.0.get(key).map_or(full(limits), |bucket| bucket.refilled(now_ms, limits));
        let Some(left) = held.checked_sub(TOKEN) else {
            return Taken::Refused { retry_after_ms: (TOKEN - held).div_ceil(limits.per_minute) };
        };
        self.0.insert(key.to_owned(), Bucket { held: left, at_ms: now_ms });
        Taken::Allowed { left: left / TOKEN }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl VersionedState for Buckets {
    const SCHEMA: u32 = 1;
    type Previous = NoState;

    fn from_previous(previous: NoState) -> Result<Self, Failure> {
        match previous {}
    }

    fn encode(&self, out: &mut Encoder) {
        out.list(&self.0, |out, (key, bucket)| {
            out.text(key);
            out.number(bucket.held);
            out.number(bucket.at_ms);
        });
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure> {
        let items = input.list(|input| {
            let key = input.text()?.to_owned();
            Ok((key, Bucket { held: input.number()?, at_ms: input.number()? }))
        })?;
        Ok(Self(items.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { per_minute: 60, burst: 2, keys_max: 2 };

    #[test]
    fn a_bucket_is_emptied_and_refilled_with_time() {
        let mut buckets = Buckets::default();
        assert_eq!(buckets.take("a", 1_000, LIMITS), Taken::Allowed { left: 1 });
        assert_eq!(buckets.take("a", 1_000, LIMITS), Taken::Allowed { left: 0 });
        assert_eq!(buckets.take("a", 1_400, LIMITS), Taken::Refused { retry_after_ms: 600 });
        // A clock that went back adds nothing.
        assert_eq!(buckets.take("a", 500, LIMITS), Taken::Refused { retry_after_ms: 1_000 });
        assert_eq!(buckets.take("a", 2_000, LIMITS), Taken::Allowed { left: 0 });
        assert_eq!(buckets.take("a", 1_000_000, LIMITS), Taken::Allowed { left: 1 });
    }

    #[test]
    fn full_buckets_make_room_for_another_key() {
        let mut buckets = Buckets::default();
        buckets.take("a", 0, LIMITS);
        buckets.take("b", 900, LIMITS);
        assert_eq!(buckets.take("c", 900, LIMITS), Taken::TooManyKeys);
        assert_eq!(buckets.take("c", 1_000, LIMITS), Taken::Allowed { left: 1 });
        assert_eq!(buckets.len(), 2);
    }

    #[test]
    fn the_state_goes_out_and_in() {
        let mut buckets = Buckets::default();
        buckets.take("b", 7, LIMITS);
        buckets.take("a", 9, LIMITS);
        let (loaded, hops) = midflight_guest::load::<Buckets>(1, &midflight_guest::save(&buckets)).unwrap();
        assert_eq!((loaded, hops), (buckets, 0));
    }
}
