//! The kind `config`, asked as its users ask it: layers, references, secrets, schemas, and what is refused.
#![expect(clippy::unwrap_used, reason = "a test that does not get what it asks for has failed")]

mod budget;
mod kind;
mod schemas;
mod secrets;
mod shapes;
mod support;
