//! The tools on the wire.

mod body;
mod capability;
mod diff;
mod evaluate;
mod figures;
mod import;
mod lint;
mod reload;
mod select;
mod telemetry;
mod tool;
mod validate;
mod version;

pub(super) use body::{ToolBody, ToolUpdate};
pub(super) use capability::{CapabilityItem, CapabilityTool, CapabilityTools};
pub(super) use diff::{ComparedVersion, ToolDiffAnswer, ToolDifferenceAnswer};
pub(super) use evaluate::{EvaluateBody, EvaluatedAnswer, EvaluatedVariable};
pub(super) use figures::{
    PerformanceStats, ReloadTimes, SelectionCounts, StoreFigures, TableFigures, ToolFigures, ToolsHealth,
    ToolsMetricsAnswer,
};
pub(super) use import::{ExportedTools, ImportFailure, ImportToolsBody, ImportedTools};
pub(super) use lint::{LintItem, LintList, LintMembers};
pub(super) use reload::{ReloadHistory, ReloadHistoryItem, ReloadStatistics, ReloadToolsBody, ReloadedTools};
pub(super) use select::{SelectBody, SelectionAnswer};
pub(super) use telemetry::{
    FactorsAnswer, ObservationBody, ObservedAnswer, PatternTelemetryAnswer, TelemetryBody, TelemetryList,
};
pub(super) use tool::{
    CategoryTools, FoundTool, FoundTools, PlatformTools, ToolAnswer, ToolBasis, ToolDetail, ToolList,
    WriteToolAnswer, tool_id, version_text,
};
pub(super) use validate::ToolValidation;
pub(super) use version::{VersionItem, Versions};
