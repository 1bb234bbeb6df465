//! Several `midflight serve` on one log in PostgreSQL, with real servers that carry their hints.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "what is not there fails the test; and what it measures on the way is told"
)]

mod acks;
mod adopt;
mod agents;
mod bursts;
#[cfg(feature = "otlp")]
mod collector;
mod config;
mod cuts;
mod faults;
mod guide;
mod harness;
mod kills;
mod mixed;
mod modules;
#[cfg(feature = "otlp")]
mod otlp;
mod patterns;
mod reads;
mod schedules;
mod secrets;
mod tokens;
