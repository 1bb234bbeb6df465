//! What a replica serves of a log that it cannot serve as it is: one that has invalid revisions, or another history.

mod divergence;
mod quarantine;
#[path = "../support/mod.rs"]
mod support;
