//! Classifies queries by the patterns that are live, asks an LLM about what nothing matches, and makes patterns of its
//! answers: a query that was new a moment ago is answered from a pattern, on every replica.
//!
//! [`Classifier`] is all of it. An answer is never delayed by what comes of it: uses and feedback are counted in memory
//! and written in batches (`usage`, `flush`), and what an LLM said is learned after its answer went out (`learner`). Of
//! many equal queries at once, one is asked and learned (`flights`).

mod answer;
mod ask;
mod classifier;
mod demotion;
mod eviction;
mod feedback;
mod flights;
mod flush;
mod learner;
mod lesson;
mod performance;
mod rates;
mod taken;
mod usage;

pub use answer::{Answer, Matched, Source};
pub use classifier::{AskedBy, Classifier, Counts, LearningOptions, Looked};
pub use feedback::{Corrected, Correction, Feedback, FeedbackAnswer, FeedbackError, Sender};
pub use learner::Learned;
pub use performance::{PatternPerformance, Performance, Savings};
pub use taken::ForeignCount;
pub use usage::Usage;
