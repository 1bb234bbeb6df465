//! Hints: "the log is at 42". A hint may be lost, repeated, late or forged; it triggers a look at the log, and may save
//! a follower the look, but it never misleads one (HR-4).
//!
//! [`MemoryBus`] carries hints within one process. Over a network they go by what a fleet has already, each behind the
//! feature of its name: `RedisBus`, `NatsBus`, `PostgresBus`. Those reconnect by themselves, without limit, and return
//! [`HintEvent::Look`] whenever something may have been missed meanwhile.

mod bus;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod hint;
mod joined;
mod latest_slot;
mod memory;
#[cfg(feature = "wire")]
#[cfg_attr(
    not(any(feature = "nats", feature = "redis")),
    allow(dead_code, reason = "a fuzzer reads messages and connects to nothing")
)]
mod network;
mod status;
mod subscribers;

pub use bus::{Bus, BusError, Hints};
pub use hint::{Hint, HintEvent};
pub use joined::JoinedBus;
pub use latest_slot::{Coalesce, LatestSlot};
pub use memory::MemoryBus;
#[cfg(feature = "nats")]
pub use network::nats::{NatsBus, NatsOptions, NatsTransport};
#[cfg(feature = "postgres")]
pub use network::postgres::{PostgresBus, PostgresBusOptions, PostgresTransport};
#[cfg(feature = "redis")]
pub use network::redis::{RedisBus, RedisOptions, RedisTransport};
#[cfg(feature = "wire")]
pub use network::{NetworkBus, OtherServer, Seal, Timing};
pub use status::BusStatus;
