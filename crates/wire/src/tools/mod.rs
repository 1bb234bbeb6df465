//! The kind `tools`: the catalogue, selections, formulas, imports, telemetry, figures.

mod evaluate;
mod figures;
mod import;
mod lint;
mod reload;
mod select;
mod telemetry;
mod tool;
mod version;

pub use evaluate::{EvaluateBody, EvaluatedAnswer, EvaluatedVariable};
pub use figures::{
    PerformanceStats, ReloadTimes, SelectionCounts, StoreFigures, TableFigures, ToolFigures, ToolsHealth,
    ToolsMetricsAnswer,
};
pub use import::{ExportedTools, ImportFailure, ImportToolsBody, ImportedTools};
pub use lint::{LintItem, LintList, LintMembers, ToolValidation};
pub use reload::{ReloadHistory, ReloadHistoryItem, ReloadStatistics, ReloadToolsBody, ReloadedTools};
pub use select::{SelectBody, SelectionAnswer};
pub use telemetry::{
    FactorsAnswer, ObservationBody, ObservedAnswer, PatternTelemetryAnswer, TelemetryBody, TelemetryList,
};
pub use tool::{
    CapabilityItem, CapabilityTool, CapabilityTools, CategoryTools, FoundTool, FoundTools, PlatformTools,
    ToolAnswer, ToolBasis, ToolDetail, ToolList, WriteToolAnswer,
};
pub use version::{
    ComparedVersion, RollbackBody, ToolDiffAnswer, ToolDifferenceAnswer, VersionItem, Versions,
};
