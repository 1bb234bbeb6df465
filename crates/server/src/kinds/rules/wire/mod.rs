//! The rules on the wire.

mod compat;
mod execution;
mod history;
mod list;

pub(crate) use compat::{
    FilteredBy, InvalidRule, MonitoringAnswer, MonitoringBody, RegistryAnswer, ReloadBody, ReloadDone,
    ValidationAnswer,
};
pub(crate) use execution::{BatchAnswer, BatchBody, BatchItem, BatchSummary, ExecuteBody, ExecutionAnswer};
pub(crate) use history::{RulesReloadHistory, RulesReloadItem};
pub(crate) use list::{
    ConditionInfoAnswer, ConditionList, RuleInfoAnswer, RuleList, RulesetInfoAnswer, RulesetList,
};
