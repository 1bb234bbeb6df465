//! The kind `config`: what programs are to do, as named documents with a schema, in layers, with the origin of each
//! value.
//!
//! A config is made of layers, each covering the one before: defaults, the document, variables of the environment, flags.
//! Secrets may refer to `${env:NAME}` and `${file:PATH}`, as far as the process allows it
//! ([`midflight_engine::Environment`]); what those give is known to the process that uses it and shown to nobody
//! ([`Redactor`]). What is not known, does not fit or is a secret written out is refused, all of it at once, each with its
//! path.
//!
//! - A program's own config is declared as a [`Shape`] of a serde type.
//! - Any other config may have a JSON Schema, the document `schemas/{name}`.

mod draft;
mod duration;
mod entry;
mod infer;
mod keys;
mod kind;
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
mod shape;
mod snapshot;
mod tree;

pub use duration::DurationText;
pub use entry::{Entry, KeyChange, KeyDifference, differences};
pub use infer::{InferredSchema, infer_schema};
pub use keys::Takes;
pub use kind::{Config, ConfigDocument, ConfigValues, SCHEMAS_FOLDER};
pub use operator::OperatorContents;
pub use origin::{Masked, Origin, Override};
pub use redactor::Redactor;
pub use reference::REFERENCED_BYTES_MAX;
pub use secret::{REDACTED, Secret};
pub use shape::Shape;
pub use snapshot::Configs;
