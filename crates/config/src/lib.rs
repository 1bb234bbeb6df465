//! The kind `config`: what a program is to do, as named documents.

mod secret;

pub use secret::{REDACTED, Secret};
