//! The server of the protocol from outside: raw messages in the process, and the client of `rmcp` over loopback and
//! streams.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it fails")]

mod asks;
mod bounds;
mod calls;
mod clients;
mod conformance;
#[cfg(feature = "forward")]
mod forward;
mod headers;
mod lists;
mod meta_tools;
mod meter;
mod notices;
mod sessions;
mod support;
