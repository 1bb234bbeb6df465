//! The three versions of the state. The newest one that a feature asks for is [`Sessions`]; those before it stay,
//! because a state of theirs may be loaded.

use std::collections::BTreeMap;

use midflight_guest::{Decoder, Encoder, Failure, NoState, VersionedState};

#[cfg(feature = "v1")]
pub use V1 as Sessions;
#[cfg(all(feature = "v2", not(feature = "v1")))]
pub use V2 as Sessions;
#[cfg(not(any(feature = "v1", feature = "v2")))]
pub use V3 as Sessions;

/// Schema 1: counts.
#[derive(Default)]
pub struct V1(BTreeMap<String, u64>);

/// Schema 2: counts, and the id of the message with which a session was last seen.
#[derive(Default)]
pub struct V2(BTreeMap<String, (u64, u64)>);

/// Schema 3: also the total.
#[derive(Default)]
pub struct V3 {
    sessions: BTreeMap<String, (u64, u64)>,
    total: u64,
}

impl VersionedState for V1 {
    const SCHEMA: u32 = 1;
    type Previous = NoState;

    fn from_previous(previous: NoState) -> Result<Self, Failure> {
        match previous {}
    }

    fn encode(&self, out: &mut Encoder) {
        out.list(&self.0, |out, (name, count)| {
            out.text(name);
            out.number(*count);
        });
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure> {
        let items = input.list(|input| Ok((input.text()?.to_owned(), input.number()?)))?;
        Ok(Self(items.into_iter().collect()))
    }
}

fn encode_seen(sessions: &BTreeMap<String, (u64, u64)>, out: &mut Encoder) {
    out.list(sessions, |out, (name, (count, seen))| {
        out.text(name);
        out.number(*count);
        out.number(*seen);
    });
}

fn decode_seen(input: &mut Decoder<'_>) -> Result<BTreeMap<String, (u64, u64)>, Failure> {
    let items = input.list(|input| Ok((input.text()?.to_owned(), (input.number()?, input.number()?))))?;
    Ok(items.into_iter().collect())
}

impl VersionedState for V2 {
    const SCHEMA: u32 = 2;
    type Previous = V1;

    fn from_previous(V1(counts): V1) -> Result<Self, Failure> {
        Ok(Self(counts.into_iter().map(|(name, count)| (name, (count, 0))).collect()))
    }

    fn encode(&self, out: &mut Encoder) {
        encode_seen(&self.0, out);
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure> {
        decode_seen(input).map(Self)
    }
}

impl VersionedState for V3 {
    const SCHEMA: u32 = 3;
    type Previous = V2;

    fn from_previous(V2(sessions): V2) -> Result<Self, Failure> {
        let total = sessions.values().map(|(count, _)| count).sum();
        Ok(Self { sessions, total })
    }

    fn encode(&self, out: &mut Encoder) {
        out.number(self.total);
        encode_seen(&self.sessions, out);
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure> {
        let total = input.number()?;
        Ok(Self { sessions: decode_seen(input)?, total })
    }
}

#[allow(dead_code, reason = "each version is used under its own feature")]
impl V1 {
    pub fn hit(&mut self, name: &str, _: u64) -> u64 {
        let count = self.0.entry(name.to_owned()).or_default();
        *count += 1;
        *count
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn check(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[allow(dead_code, reason = "each version is used under its own feature")]
impl V2 {
    pub fn hit(&mut self, name: &str, id: u64) -> u64 {
        let (count, seen) = self.0.entry(name.to_owned()).or_default();
        (*count, *seen) = (*count + 1, id);
        *count
    }

    pub fn total(&self) -> u64 {
        self.0.values().map(|(count, _)| count).sum()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn check(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[allow(dead_code, reason = "each version is used under its own feature")]
impl V3 {
    pub fn hit(&mut self, name: &str, id: u64) -> u64 {
        let (count, seen) = self.sessions.entry(name.to_owned()).or_default();
        (*count, *seen) = (*count + 1, id);
        self.total += 1;
        *count
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn check(&self) -> Result<(), Failure> {
        let sum: u64 = self.sessions.values().map(|(count, _)| count).sum();
        if sum == self.total {
            Ok(())
        } else {
            Err(Failure::new("wrong_total", format!("the total is {}, and the sum of all sessions {sum}", self.total)))
        }
    }
}
