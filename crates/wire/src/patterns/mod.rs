//! The kind `patterns`: queries, feedback, lists, reloads, the followed table.

mod classification;
mod feedback;
mod list;
mod reload;
mod table;

pub use classification::{
    ClassificationAnswer, ClassifyBody, MatchedAnswer, NormalizeBody, NormalizedAnswer,
};
pub use feedback::{CorrectionAnswer, FeedbackBody, FeedbackDone, FeedbackWord};
pub use list::{
    PatternItem, PatternList, PatternPerformanceAnswer, PerformanceAnswer, SavingsAnswer, UsageAnswer,
};
pub use reload::{
    ClassificationCounts, HotReloadMetrics, LlmAnswer, ReloadPatterns, ReloadedPattern, ReloadedPatterns,
};
pub use table::{RowProblemAnswer, TableAnswer, UsageBody, UsageItem, UsageTaken};
