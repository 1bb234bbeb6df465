//! The patterns on the wire.

mod body;
mod classification;
mod feedback;
mod item;
mod performance;
mod reload;
mod table;

pub(super) use body::PatternBody;
pub(super) use classification::{ClassificationAnswer, ClassifyBody, NormalizeBody, NormalizedAnswer};
pub(super) use feedback::{FeedbackBody, FeedbackDone, FeedbackWord};
pub(super) use item::{PatternItem, PatternList};
pub(super) use performance::PerformanceAnswer;
pub(super) use reload::{HotReloadMetrics, ReloadPatterns, ReloadedPattern, ReloadedPatterns};
pub(super) use table::{UsageBody, UsageTaken};
