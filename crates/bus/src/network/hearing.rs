//! What is made of what comes in: who is believed, what brings a look, and how many looks there can be.
//!
//! Whoever reaches the bus can say anything, so what is not proved must cost a fleet next to nothing; and it may come
//! from a replica that does not know the key yet, so it must not be lost either (HR-4). Hence what looks like a hint
//! and is not proved brings a look at most once a second, at once or when that second is over.

use std::time::Duration;

use midflight_core::RevisionNumber;
use serde::Deserialize;
use tokio::time::Instant;

use super::Seal;
use super::codec::{Decoded, MESSAGE_BYTES_MAX, decode};
use crate::{Heard, Hint};

/// How far apart the looks are that messages without proof bring.
const DOUBTFUL_LOOKS: Duration = Duration::from_secs(1);

/// How long a bare number waits for the proved hint that tells more of the same revision. A program that edits sends
/// that hint a round trip after its commit; a row added by hand has none, and is followed this much later.
const NUMBER_WAITS: Duration = Duration::from_millis(25);

/// What came in on a channel, by what that channel is for.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    not(all(feature = "redis", feature = "nats", feature = "postgres")),
    expect(dead_code, reason = "each server has some of these channels")
)]
pub(crate) enum Received {
    /// What should be a hint.
    Message(Vec<u8>),
    /// What should be the number of the newest revision, as the trigger in a PostgreSQL log says it.
    Number(Vec<u8>),
    /// What should be an order to reload, of the programs that Midflight replaces.
    Legacy(Vec<u8>),
    /// A replica reported something new of itself.
    Report,
    /// The client let messages drop.
    Missed,
}

/// What was made of it.
#[derive(Debug, PartialEq)]
pub(crate) struct Judged {
    /// What is to be said at once.
    pub(crate) heard: Option<Heard>,
    /// Whether it was what should come on that channel.
    pub(crate) is_hint: bool,
}

/// Listens to one connection.
#[derive(Debug)]
pub(crate) struct Hearing {
    seal: Seal,
    /// The newest revision that a proved hint has named.
    newest: RevisionNumber,
    /// A bare number, and until when it waits.
    number: Option<(RevisionNumber, Instant)>,
    /// When the newest look for something without proof was or is to be, and whether it is still to come.
    doubtful_look: Option<Instant>,
    look_is_to_come: bool,
}

impl Hearing {
    pub(crate) fn new(seal: Seal) -> Self {
        Self { seal, newest: RevisionNumber::ZERO, number: None, doubtful_look: None, look_is_to_come: false }
    }

    pub(crate) fn hear(&mut self, received: &Received, now: Instant) -> Judged {
        match received {
            Received::Message(message) => match decode(message, &self.seal) {
                Decoded::Hint(hint) => {
                    self.newest = self.newest.max(hint.head);
                    self.number = self.number.filter(|(number, _)| *number > self.newest);
                    Judged { heard: Some(Heard::Hint(hint)), is_hint: true }
                }
                Decoded::Doubtful => Judged { heard: self.doubtful(now), is_hint: false },
                Decoded::Garbage => Judged { heard: None, is_hint: false },
            },
            Received::Number(text) => {
                let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                if let Some(number) = number.map(RevisionNumber::new) {
                    self.number(number, now);
                }
                Judged { heard: None, is_hint: number.is_some() }
            }
            Received::Legacy(text) => {
                let is_hint = is_order_to_reload(text);
                Judged { heard: if is_hint { self.doubtful(now) } else { None }, is_hint }
            }
            // Whoever can notify in that database can have a few rows read of it, at a bounded rate.
            Received::Report => Judged { heard: Some(Heard::Reported), is_hint: true },
            Received::Missed => Judged { heard: Some(Heard::Look), is_hint: false },
        }
    }

    /// A bare number is not proved, and is passed on as a hint without a change all the same: whoever can notify in that
    /// database can open connections to it, which costs it more. A follower that is there already does nothing about
    /// it; for one that is too high the log is asked, which knows better, and numbers that wait are one.
    fn number(&mut self, number: RevisionNumber, now: Instant) {
        let (waits, until) = self.number.unwrap_or((RevisionNumber::ZERO, now + NUMBER_WAITS));
        let newer = number.max(waits);
        self.number = (newer > self.newest).then_some((newer, until));
    }

    /// The first of some is a look at once, and all that come within a second of a look are one more after it.
    fn doubtful(&mut self, now: Instant) -> Option<Heard> {
        if self.look_is_to_come {
            return None;
        }
        let at = self.doubtful_look.map_or(now, |last| now.max(last + DOUBTFUL_LOOKS));
        self.doubtful_look = Some(at);
        self.look_is_to_come = at > now;
        (!self.look_is_to_come).then_some(Heard::Look)
    }

    /// When [`Self::ripe`] is to be asked.
    pub(crate) fn due(&self) -> Option<Instant> {
        let look = self.doubtful_look.filter(|_| self.look_is_to_come);
        let number = self.number.map(|(_, until)| until);
        look.into_iter().chain(number).min()
    }

    /// What has waited long enough.
    pub(crate) fn ripe(&mut self, now: Instant) -> Option<Heard> {
        if self.look_is_to_come && self.doubtful_look.is_some_and(|at| at <= now) {
            self.look_is_to_come = false;
            return Some(Heard::Look);
        }
        let (head, _) = self.number.take_if(|(_, until)| *until <= now)?;
        Some(Heard::Hint(Hint { head, said: None, change: None, awaited: false }))
    }
}

#[derive(Deserialize)]
struct Order {
    action: String,
}

fn is_order_to_reload(text: &[u8]) -> bool {
    // An array would be read as an object by the order of its fields.
    let is_object = text.trim_ascii_start().starts_with(b"{") && text.len() <= MESSAGE_BYTES_MAX;
    is_object && serde_json::from_slice::<Order>(text).is_ok_and(|order| order.action == "reload")
}

#[cfg(test)]
mod tests;
