//! The events of reloads: their contents, and the WebSocket that clients get them by.

pub(crate) mod broadcaster;
pub mod event;
pub mod run;
pub(crate) mod socket;
