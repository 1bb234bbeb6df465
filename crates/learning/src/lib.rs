//! Classifies queries by the patterns that are live, asks an LLM about what nothing matches, and makes patterns of its
//! answers: a query that was new a moment ago is answered from a pattern, on every replica.
//!
//! [`Classifier`] is all of it. An answer is never delayed by its effects: uses and feedback are counted in memory and
//! written in batches (`usage`, `flush`), and the answer of an LLM is learned after it was sent (`learner`). Of many
//! equal queries at once, one is asked and learned (`single_flight`).

mod answer;
mod ask;
mod classifier;
mod demotion;
mod eviction;
mod feedback;
mod flush;
mod learned_pattern;
mod learner;
mod performance;
mod rates;
mod single_flight;
mod taken;
mod usage;

pub use answer::{AnswerSource, Matched, QueryAnswer};
pub use classifier::{AskedBy, Classifier, Counts, LearningOptions, PatternLookup};
pub use feedback::{Corrected, Correction, Feedback, FeedbackAnswer, FeedbackError, Sender};
pub use learner::Learned;
pub use performance::{PatternPerformance, Performance, Savings};
pub use taken::ForeignCount;
pub use usage::PatternUsage;
