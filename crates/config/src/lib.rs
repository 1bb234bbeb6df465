//! The kind `config`: what programs are to do, as named documents with a schema, in layers, with the origin of each
//! value.
//!
//! A config is made of layers, each covering the one before: defaults, the document, variables of the environment,
//! flags. Secrets may refer to `${env:NAME}` and `${file:PATH}`, as far as the process allows it
//! ([`midflight_engine::Environment`]); their values are known to the process that uses them and never shown
//! ([`Redactor`]). What is not known, does not fit or is a secret written out is refused, all of it at once, each with
//! its path.
//!
//! - A program's own config is declared as a [`ConfigSchema`] of a serde type.
//! - Any other config may have a JSON Schema, the document `schemas/{name}`.

mod config_schema;
mod duration;
mod entry;
mod infer;
mod keys;
mod kind;
mod layered_value;
pub mod limits;
mod named_secrets;
mod operator;
mod origin;
mod pace;
mod parse;
mod redactor;
mod reference;
mod schema;
mod secret;
mod snapshot;
mod tree;

pub use config_schema::ConfigSchema;
pub use duration::DurationText;
pub use entry::{ConfigEntry, KeyChange, KeyDifference, differences};
pub use infer::{InferredSchema, infer_schema};
pub use keys::ApplyMode;
pub use kind::{Config, ConfigDocument, ConfigValues, SCHEMAS_FOLDER};
pub use operator::OperatorContents;
pub use origin::{Masked, Origin, Override};
pub use redactor::Redactor;
pub use reference::REFERENCED_BYTES_MAX;
pub use secret::{REDACTED, Secret};
pub use snapshot::Configs;
