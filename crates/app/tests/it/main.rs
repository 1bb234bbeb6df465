//! A program on one config, as its owner uses it: files that change in every way that files change, triggers that come
//! all at once, and everything that can be wrong.
#![expect(clippy::unwrap_used, reason = "a test that does not get what it asks for has failed")]

mod bad;
mod contract;
mod support;
mod swaps;
mod triggers;
