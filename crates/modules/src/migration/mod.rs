//! Declarative migrations: how a state that is JSON becomes one of the next schema, without code.
//!
//! A migration is one hop, from a schema to the next or the one before. A [`MigrationPlan`] is a chain of hops without
//! gaps; there is no search, so the same manifest migrates the same state in the same way everywhere. Where a manifest
//! has no hop, the component itself must accept the schema that was reached.
//!
//! Each hop may have a JSON Schema for the state before and after it. Steps work on paths (JSON Pointers). With `each`,
//! a step works on every member of the array or object at that path, and its own paths begin there. What is absent is
//! skipped; what would be overwritten, or cannot be converted, fails the migration with its place.

mod apply;
mod convert;
mod path;
mod plan;
mod read;
mod state_schema;

use midflight_core::JsonPointer;
use serde_json::Value;

pub use apply::migrate;
pub(crate) use convert::CONVERT_WORDS;
pub use convert::ConvertTo;
pub(crate) use path::StatePath;
pub use plan::MigrationPlan;
pub(crate) use read::read_migrations;
pub(crate) use state_schema::StateSchema;

/// One hop.
#[derive(Debug)]
pub struct Migration {
    /// The schema it takes.
    pub from: u32,
    /// The schema it makes: one more, or one less.
    pub to: u32,
    pub(crate) steps: Vec<MigrationStep>,
    pub(crate) before: Option<StateSchema>,
    pub(crate) after: Option<StateSchema>,
}

/// One step of a migration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MigrationStep {
    /// The collection whose members it works on, rather than the whole state.
    pub(crate) each: Option<StatePath>,
    pub(crate) action: MigrationAction,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum MigrationAction {
    /// Puts a value where there is none.
    Add { path: StatePath, default: Value },
    /// Removes a value.
    Remove { path: StatePath },
    /// Moves a value, within its object or elsewhere.
    Move { path: StatePath, to: StatePath },
    /// Makes another type of a value.
    Convert { path: StatePath, into: ConvertTo },
    /// Makes several texts of one, beside it, and removes it.
    Split { path: StatePath, separator: String, into: Vec<String> },
    /// Makes one text of several, and removes them.
    Merge { paths: Vec<StatePath>, separator: String, to: StatePath },
}

/// Why a state cannot be migrated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MigrationError {
    /// No hop, and the code does not accept the schema.
    #[error(
        "no migration from schema {at} to {next}, and the code does not accept schema {at}; add a migration to the \
         manifest, or accept {at} in the code"
    )]
    NoHop {
        /// The schema that was reached.
        at: u32,
        /// The one that was wanted next.
        next: u32,
    },
    /// The state is not JSON, which only the code can migrate.
    #[error(
        "cannot migrate from schema {from}: the state is not JSON: {why}; migrate it in the code instead"
    )]
    NotJson {
        /// The schema of the state.
        from: u32,
        /// The message of the parser.
        why: String,
    },
    /// The state is invalid by the hop's schema.
    #[error("the state is invalid {moment} the migration from schema {from}, at {path}: {why}")]
    Invalid {
        /// `before` or `after`.
        moment: &'static str,
        /// The schema that the hop takes.
        from: u32,
        /// The place in the state.
        path: JsonPointer,
        /// The message of the schema.
        why: String,
    },
    /// A step cannot be done.
    #[error("step {step} of the migration from schema {from} failed at {path}: {why}")]
    Step {
        /// The schema that the hop takes.
        from: u32,
        /// The step, counted from 0.
        step: usize,
        /// The place in the state.
        path: JsonPointer,
        /// Why.
        why: String,
    },
}
