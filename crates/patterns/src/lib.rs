//! The kind `patterns`: queries are classified by their keys, by texts within them and by regular expressions, compiled
//! at load; and the answer of an LLM to a query that nothing matched can become a pattern.
//!
//! Four sorts of document, distinguished by name: `{pattern}`, and of each profile of queries `profiles/{profile}` (how
//! they are made comparable), `learning/{profile}` (what is learned from them) and `prompts/{profile}` (the prompt for
//! the LLM). [`Patterns`] is the kind that the engine runs; [`PatternsSnapshot::classify`] answers a query; [`import`]
//! reads the files of another classifier. Nothing here asks an LLM or counts: that is the business of who serves it.
//!
//! Exact patterns are in a persistent map, by key. All others are in automata, one pass over the query for each
//! (`literals`, `expressions`), in parts of growing size so that a change rebuilds a small one (`tiers`). Of all that
//! match, the declared order decides.

mod compile;
mod document;
mod expressions;
mod fields;
pub mod import;
mod index;
mod kind;
mod learning;
pub mod limits;
mod literals;
mod needs;
mod normalize;
mod pattern;
mod profile;
mod prompt;
mod read_pattern;
mod redact;
mod schema;
mod snapshot;
mod tiers;
mod wilson;
mod words;

pub use compile::DUPLICATE_PATTERN;
pub use document::{LEARNING_FOLDER, PROFILES_FOLDER, PROMPTS_FOLDER, PatternsDocument};
pub use index::PatternMatch;
pub use kind::Patterns;
pub use learning::{LearnFrom, LearningMode, LearningPolicy, LearningProposal, NotLearned};
pub use pattern::Pattern;
pub use profile::{DEFAULT_PROFILE, Profile};
pub use prompt::{Category, Prompt, Reply, ReplyError};
pub use redact::{Personal, Redaction};
pub use snapshot::{Classification, ClassifyError, PatternsSnapshot};
pub use wilson::wilson_lower_bound;
pub use words::{Action, CreatedBy, Match, PatternStatus};
