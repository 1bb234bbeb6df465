//! The kind `rules`: executions, lists, and the compatibility API.

mod compat;
mod execution;
mod list;

pub use compat::{
    FilteredBy, InvalidRule, MonitoringAnswer, MonitoringBody, RegistryAnswer, ReloadBody, ReloadDone,
    RulesChecks, RulesHealth, RulesReloadHistory, RulesReloadItem, ValidationAnswer,
};
pub use execution::{
    BatchAnswer, BatchBody, BatchItem, BatchSummary, EvaluationAnswer, ExecuteBody, ExecutionAnswer,
};
pub use list::{
    ConditionInfoAnswer, ConditionList, RuleInfoAnswer, RuleList, RulesetInfoAnswer, RulesetList,
};
