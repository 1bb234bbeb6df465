//! `module test-stateful-reload` and `test-concurrent-reload`: reloads in this process, counted by what they may lose.

mod concurrent;
mod guests;
mod stateful;
mod tally;

pub(crate) use concurrent::ConcurrentArgs;
pub(super) use concurrent::run as concurrent;
pub(crate) use stateful::StatefulArgs;
pub(super) use stateful::run as stateful;
