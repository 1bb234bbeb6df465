//! What is made of what comes in: who is believed, what brings a look, and how many looks there can be.
//!
//! Any client of the bus can send anything, so an unverified message must cost a fleet next to nothing; and it may come
//! from a replica that does not know the key yet, so it must not be lost either (HR-4). Hence what looks like a hint
//! and is not proved brings a look at most once a second, at once or when that second is over.

use std::borrow::Cow;
use std::time::Duration;

#[cfg(feature = "redis")]
use midflight_core::DocumentName;
use midflight_core::RevisionNumber;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::Seal;
use super::codec::{Decoded, MESSAGE_BYTES_MAX, decode};
use crate::{Hint, HintEvent};

/// How far apart the looks are that messages without proof bring.
const DOUBTFUL_LOOKS: Duration = Duration::from_secs(1);

/// How long a bare number waits for the signed hint with the rest of the same revision. A program that edits sends that
/// hint a round trip after its commit; a row added by hand has none, and is followed this much later.
const NUMBER_WAITS: Duration = Duration::from_millis(25);

/// What came in on a channel, by what that channel is for.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(
    not(all(feature = "redis", feature = "nats", feature = "postgres")),
    expect(dead_code, reason = "each server has some of these channels")
)]
pub(crate) enum ReceivedMessage {
    /// What should be a hint.
    Message(Vec<u8>),
    /// What should be the number of the newest revision, as the trigger in a PostgreSQL log sends it.
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
pub(crate) struct MessageVerdict {
    /// What is to be sent at once.
    pub(crate) heard: Option<HintEvent>,
    /// Whether it was what should come on that channel.
    pub(crate) is_hint: bool,
    /// Whether a program that Midflight replaces ordered a reload.
    pub(crate) is_order: bool,
}

impl MessageVerdict {
    fn hint(heard: Option<HintEvent>) -> Self {
        Self { heard, is_hint: true, is_order: false }
    }

    fn no_hint(heard: Option<HintEvent>) -> Self {
        Self { heard, is_hint: false, is_order: false }
    }
}

/// Listens to one connection.
#[derive(Debug)]
pub(crate) struct MessageFilter {
    seal: Seal,
    /// The newest revision that a proved hint has named.
    newest: RevisionNumber,
    /// A bare number, and until when it waits.
    number: Option<(RevisionNumber, Instant)>,
    /// When the newest look for something without proof was or is to be, and whether it is still to come.
    doubtful_look: Option<Instant>,
    look_is_to_come: bool,
}

impl MessageFilter {
    pub(crate) fn new(seal: Seal) -> Self {
        Self { seal, newest: RevisionNumber::ZERO, number: None, doubtful_look: None, look_is_to_come: false }
    }

    pub(crate) fn receive(&mut self, received: &ReceivedMessage, now: Instant) -> MessageVerdict {
        match received {
            ReceivedMessage::Message(message) => match decode(message, &self.seal) {
                Decoded::Hint(hint) => {
                    self.newest = self.newest.max(hint.head);
                    self.number = self.number.filter(|(number, _)| *number > self.newest);
                    MessageVerdict::hint(Some(HintEvent::Hint(hint)))
                }
                Decoded::Doubtful => MessageVerdict::no_hint(self.doubtful(now)),
                Decoded::Garbage => MessageVerdict::no_hint(None),
            },
            ReceivedMessage::Number(text) => {
                let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                match number.map(RevisionNumber::new) {
                    Some(number) => {
                        self.number(number, now);
                        MessageVerdict::hint(None)
                    }
                    None => MessageVerdict::no_hint(None),
                }
            }
            ReceivedMessage::Legacy(text) => match order_to_reload(text) {
                // Every replica sees what one of them says there for the others: what they need has gone by their own channel.
                Some(OrderSender::Midflight) => MessageVerdict::hint(None),
                Some(OrderSender::Other) => {
                    MessageVerdict { is_order: true, ..MessageVerdict::hint(self.doubtful(now)) }
                }
                None => MessageVerdict::no_hint(None),
            },
            // A client that may notify in that database can cause a few rows of it to be read, at a bounded rate.
            ReceivedMessage::Report => MessageVerdict::hint(Some(HintEvent::Reported)),
            ReceivedMessage::Missed => MessageVerdict::no_hint(Some(HintEvent::Look)),
        }
    }

    /// A bare number is not verified, and is passed on as a hint without a change all the same: a client that may
    /// notify in that database may open connections to it, which costs it more. A follower that is there already does
    /// nothing about it; for one that is too high the log is asked, which knows better, and numbers that wait are one.
    fn number(&mut self, number: RevisionNumber, now: Instant) {
        let (waits, until) = self.number.unwrap_or((RevisionNumber::ZERO, now + NUMBER_WAITS));
        let newer = number.max(waits);
        self.number = (newer > self.newest).then_some((newer, until));
    }

    /// The first of some is a look at once, and all that come within a second of a look are one more after it.
    fn doubtful(&mut self, now: Instant) -> Option<HintEvent> {
        if self.look_is_to_come {
            return None;
        }
        let at = self.doubtful_look.map_or(now, |last| now.max(last + DOUBTFUL_LOOKS));
        self.doubtful_look = Some(at);
        self.look_is_to_come = at > now;
        (!self.look_is_to_come).then_some(HintEvent::Look)
    }

    /// When [`Self::ripe`] is to be asked.
    pub(crate) fn due(&self) -> Option<Instant> {
        let look = self.doubtful_look.filter(|_| self.look_is_to_come);
        let number = self.number.map(|(_, until)| until);
        look.into_iter().chain(number).min()
    }

    /// What has waited long enough.
    pub(crate) fn ripe(&mut self, now: Instant) -> Option<HintEvent> {
        if self.look_is_to_come && self.doubtful_look.is_some_and(|at| at <= now) {
            self.look_is_to_come = false;
            return Some(HintEvent::Look);
        }
        let (head, _) = self.number.take_if(|(_, until)| *until <= now)?;
        Some(HintEvent::Hint(Hint { head, announced: None, change: None, awaited: false }))
    }
}

/// Who ordered a reload on the legacy channel, as the message says: it can be forged, and brings a look or none.
enum OrderSender {
    Midflight,
    Other,
}

/// What a replica calls itself on the legacy channel, whose programs do not read this member.
const SENDER: &str = "midflight";

#[derive(Serialize, Deserialize)]
struct ReloadOrder<'a> {
    action: Cow<'a, str>,
    #[serde(default, skip_deserializing)]
    pattern_id: Option<i64>,
    #[serde(default)]
    sender: Option<Value>,
}

fn order_to_reload(text: &[u8]) -> Option<OrderSender> {
    // An array would be read as an object by the order of its fields.
    let is_object = text.trim_ascii_start().starts_with(b"{") && text.len() <= MESSAGE_BYTES_MAX;
    let order: ReloadOrder<'_> = if is_object { serde_json::from_slice(text).ok()? } else { return None };
    let is_own = order.sender.is_some_and(|sender| sender == SENDER);
    (order.action == "reload").then_some(if is_own { OrderSender::Midflight } else { OrderSender::Other })
}

/// The order to reload that programs on the legacy channel understand, of one document if they know it by a number.
#[cfg(feature = "redis")]
pub(super) fn order(document: Option<&DocumentName>) -> String {
    let pattern_id = document.and_then(|name| name.as_str().parse().ok());
    let order = ReloadOrder { action: "reload".into(), pattern_id, sender: Some(SENDER.into()) };
    serde_json::to_string(&order).unwrap_or_default()
}

#[cfg(test)]
mod tests;
