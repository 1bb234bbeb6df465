//! The sidecar beside an app that is made for being watched: a double that reads a file, and says what became of it.
#![expect(clippy::unwrap_used, reason = "what does not work fails the test")]

mod bad_input;
mod contract;
mod double;
mod follow;
mod last_good;
mod manual;
mod many;
mod measure;
mod server;
mod sidecar;
mod start;
mod support;
