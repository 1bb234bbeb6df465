//! Replicas that classify, learn and count, on one log, with an LLM that does as it is told.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod bad_input;
mod bounds;
mod feedback;
mod learn;
mod log;
mod misbehaviour;
mod performance;
mod policy;
mod replicas;
mod stop;
mod support;
mod usage;
