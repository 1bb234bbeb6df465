//! Hints: "the log is at 42". A hint may be lost, repeated, late or forged; it says when to look at the log, and may
//! spare a follower the look, but it never misleads one (HR-4).
//!
//! [`MemoryBus`] carries hints within one process. Over a network they go by what a fleet has already, each behind the
//! feature of its name: `RedisBus`, `NatsBus`, `PostgresBus`. Those reach their server by themselves, for ever, and say
//! [`Heard::Look`] whenever something may have been missed meanwhile.

mod audience;
mod bus;
#[cfg(feature = "conformance")]
pub mod conformance;
mod hint;
mod joined;
mod memory;
#[cfg(feature = "wire")]
mod network;
mod slot;
mod status;

pub use bus::{Bus, BusError, Hints};
pub use hint::{Heard, Hint};
pub use joined::JoinedBus;
pub use memory::MemoryBus;
#[cfg(feature = "nats")]
pub use network::nats::{Nats, NatsBus, NatsOptions};
#[cfg(feature = "postgres")]
pub use network::postgres::{Postgres, PostgresBus, PostgresOptions};
#[cfg(feature = "redis")]
pub use network::redis::{Redis, RedisBus, RedisOptions};
#[cfg(feature = "wire")]
pub use network::{NetworkBus, OtherServer, Seal, Timing};
pub use status::BusStatus;
