//! The service as people run it: alone, with the real sidecar beside it, under load, and as its README says.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what does not work fails the test, and what is left out is told"
)]

mod contract;
mod load;
mod many;
mod namespace;
mod readme;
mod restarts;
mod support;
