//! From the types of the patterns to those on the wire.

mod body;
mod classification;
mod feedback;
mod item;
mod performance;
mod reload;
mod table;

pub(super) use body::PatternBody;
pub(super) use classification::classification_answer;
pub(super) use feedback::feedback_done;
pub(super) use item::{count_usage, pattern_item};
pub(super) use performance::performance_answer;
pub(super) use reload::{classification_counts, llm_answer};
pub(super) use table::table_answer;
