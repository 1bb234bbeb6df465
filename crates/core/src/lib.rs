//! What should be: the inert data of Midflight and the pure functions on it.
//!
//! Nothing here knows a clock, a runtime, a file or a random number; time comes in as an argument. Types do not
//! serialise themselves: what goes over a wire or into a store has a twin type at that edge.

mod body;
mod chain;
mod change;
mod diff;
mod digest;
mod document;
mod edit_builder;
mod event;
mod json_path;
mod json_pointer;
mod key;
mod name;
mod open;
mod outcome;
mod parts;
mod patch;
mod phase;
mod plan;
mod problem;
mod reader;
mod revision;
mod suggest;
mod wildcard;

pub use body::{BODY_DEPTH_MAX, check_body};
pub use chain::{LogHead, LogId, ParseLogIdError, RevisionHasher};
pub use change::{
    AUTHOR_BYTES_MAX, Change, Edit, Op, PRINCIPAL_BYTES_MAX, Precondition, PreconditionFailed,
    REASON_BYTES_MAX, check_texts, cut_reason,
};
pub use diff::{Diff, DocumentDiff, Effect};
pub use digest::{Digest, ParseDigestError, canonical_json};
pub use document::{Document, Head, Owner, PrincipalId};
pub use edit_builder::{EditBuilder, IntoEdit};
pub use event::{ComponentState, ComponentTime, PhaseTime, ReloadEvent, ReloadId};
pub use json_path::JsonPath;
pub use json_pointer::JsonPointer;
pub use key::{EditKey, KEY_BYTES_MAX, KEY_HOURS_MAX, is_key_valid};
pub use name::{
    CHECKS_FOLDER, DOCUMENT_NAME_PATTERN, DocumentId, DocumentName, KIND_BYTES_MAX, KIND_NAME_PATTERN,
    KindName, NAME_BYTES_MAX, NameError,
};
pub use open::{InvalidWord, Open, OpenWord, Vocabulary, WORD_BYTES_MAX};
pub use outcome::{Outcome, Trigger, UnknownWord};
pub use parts::in_parts;
pub use patch::{PatchBounds, PatchOp, json_bytes, patch};
pub use phase::{Phase, ReloadStatus, StatusEvent, next_status};
pub use plan::{Plan, PlanStep, PlannedDocument};
pub use problem::{Problem, Problems};
pub use reader::{JsonType, ObjectReader, TAGS_MAX, TEXT_BYTES_MAX};
pub use revision::{Appended, ChangeSummary, Revision, RevisionNumber};
pub use suggest::{clip, hint, nearest};
pub use wildcard::matches_wildcard;
