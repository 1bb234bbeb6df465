//! The three versions of the state. The newest one that a feature asks for is [`Sessions`]; those before it stay,
//! because a state of theirs may be loaded.
//!
//! No session is ever removed, so what changed in a state is itself a state: of the sessions that were counted since.

use std::collections::BTreeMap;

use midflight_guest::{ChangedKeys, Decoder, Encoder, Failure, NoState, VersionedState};

#[cfg(feature = "v1")]
pub use V1 as Sessions;
#[cfg(all(feature = "v2", not(feature = "v1")))]
pub use V2 as Sessions;
#[cfg(not(any(feature = "v1", feature = "v2")))]
pub use V3 as Sessions;

/// Schema 1: counts.
#[derive(Default)]
pub struct V1 {
    counts: BTreeMap<String, u64>,
    changed: ChangedKeys<String>,
}

/// Schema 2: counts, and the id of the message with which a session was last seen.
#[derive(Default)]
pub struct V2 {
    sessions: BTreeMap<String, (u64, u64)>,
    changed: ChangedKeys<String>,
}

/// Schema 3: also the total.
#[derive(Default)]
pub struct V3 {
    sessions: BTreeMap<String, (u64, u64)>,
    total: u64,
    changed: ChangedKeys<String>,
}

impl VersionedState for V1 {
    const SCHEMA: u32 = 1;
    type Previous = NoState;

    fn from_previous(previous: NoState) -> Result<Self, Failure> {
        match previous {}
    }

    fn encode(&self, out: &mut Encoder) {
        out.list(&self.counts, |out, (name, count)| {
            out.text(name);
            out.number(*count);
        });
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure> {
        let items = input.list(|input| Ok((input.text()?.to_owned(), input.number()?)))?;
        Ok(Self::of(items.into_iter().collect()))
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

    fn from_previous(V1 { counts, .. }: V1) -> Result<Self, Failure> {
        Ok(Self::of(counts.into_iter().map(|(name, count)| (name, (count, 0))).collect()))
    }

    fn encode(&self, out: &mut Encoder) {
        encode_seen(&self.sessions, out);
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure> {
        decode_seen(input).map(Self::of)
    }
}

impl VersionedState for V3 {
    const SCHEMA: u32 = 3;
    type Previous = V2;

    fn from_previous(V2 { sessions, .. }: V2) -> Result<Self, Failure> {
        Ok(Self::of(sessions))
    }

    fn encode(&self, out: &mut Encoder) {
        out.number(self.total);
        encode_seen(&self.sessions, out);
    }

    fn decode(input: &mut Decoder<'_>) -> Result<Self, Failure> {
        let total = input.number()?;
        Ok(Self { sessions: decode_seen(input)?, total, changed: ChangedKeys::default() })
    }
}

#[allow(dead_code, reason = "each version is used under its own feature")]
impl V1 {
    fn of(counts: BTreeMap<String, u64>) -> Self {
        Self { counts, changed: ChangedKeys::default() }
    }

    pub fn mark(&mut self) -> u64 {
        self.changed.mark()
    }

    pub fn changes_since(&self, mark: u64) -> Option<Self> {
        let names = self.changed.since(mark)?;
        let changed = names.iter().filter_map(|name| self.counts.get_key_value(name));
        Some(Self::of(changed.map(|(name, value)| (name.clone(), *value)).collect()))
    }

    pub fn apply(&mut self, changes: Self) {
        self.counts.extend(changes.counts);
    }

    pub fn hit(&mut self, name: &str, _: u64) -> u64 {
        let name = name.to_owned();
        self.changed.changed(&name);
        let count = self.counts.entry(name).or_default();
        *count += 1;
        *count
    }

    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    pub fn len(&self) -> usize {
        self.counts.len()
    }

    pub fn check(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[allow(dead_code, reason = "each version is used under its own feature")]
impl V2 {
    fn of(sessions: BTreeMap<String, (u64, u64)>) -> Self {
        Self { sessions, changed: ChangedKeys::default() }
    }

    pub fn mark(&mut self) -> u64 {
        self.changed.mark()
    }

    pub fn changes_since(&self, mark: u64) -> Option<Self> {
        let names = self.changed.since(mark)?;
        let changed = names.iter().filter_map(|name| self.sessions.get_key_value(name));
        Some(Self::of(changed.map(|(name, value)| (name.clone(), *value)).collect()))
    }

    pub fn apply(&mut self, changes: Self) {
        self.sessions.extend(changes.sessions);
    }

    pub fn hit(&mut self, name: &str, id: u64) -> u64 {
        let name = name.to_owned();
        self.changed.changed(&name);
        let (count, seen) = self.sessions.entry(name).or_default();
        (*count, *seen) = (*count + 1, id);
        *count
    }

    pub fn total(&self) -> u64 {
        self.sessions.values().map(|(count, _)| count).sum()
    }

    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    pub fn check(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[allow(dead_code, reason = "each version is used under its own feature")]
impl V3 {
    fn of(sessions: BTreeMap<String, (u64, u64)>) -> Self {
        let total = sessions.values().map(|(count, _)| count).sum();
        Self { sessions, total, changed: ChangedKeys::default() }
    }

    pub fn mark(&mut self) -> u64 {
        self.changed.mark()
    }

    pub fn changes_since(&self, mark: u64) -> Option<Self> {
        let names = self.changed.since(mark)?;
        let changed = names.iter().filter_map(|name| self.sessions.get_key_value(name));
        Some(Self::of(changed.map(|(name, value)| (name.clone(), *value)).collect()))
    }

    pub fn apply(&mut self, changes: Self) {
        for (name, session) in changes.sessions {
            self.total += session.0;
            if let Some((count, _)) = self.sessions.insert(name, session) {
                self.total -= count;
            }
        }
    }

    pub fn hit(&mut self, name: &str, id: u64) -> u64 {
        let name = name.to_owned();
        self.changed.changed(&name);
        let (count, seen) = self.sessions.entry(name).or_default();
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
