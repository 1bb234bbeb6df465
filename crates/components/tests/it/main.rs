//! Every component by itself, on real servers where it has one.
#![cfg(all(feature = "postgres", feature = "redis", feature = "llm", feature = "log", feature = "cache"))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod cache;
mod database;
mod exchange;
mod llm;
mod llm_bounds;
mod logger;
mod redis;
mod secrets;
mod support;
