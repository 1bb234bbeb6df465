//! What a replica serves of a log that it cannot serve as it is: one that has invalid revisions, or another history.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod divergence;
mod keys;
mod quarantine;
mod rehearsal;
#[path = "../support/mod.rs"]
mod support;
