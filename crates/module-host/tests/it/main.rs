//! The host with real components, built in the process: what a reload keeps, refuses and takes back.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "a test stops where it fails")]

mod bad;
mod basics;
mod chains;
mod concurrency;
mod crash;
mod describe;
mod engine;
mod groups;
mod natives;
mod phases;
mod pre_copy;
mod restarts;
mod reverts;
mod stateless;
mod support;
