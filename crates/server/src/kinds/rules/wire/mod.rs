//! The rules on the wire.

mod execution;
mod history;
mod list;
mod seed;

pub(crate) use execution::{BatchAnswer, BatchBody, BatchItem, BatchSummary, ExecuteBody, ExecutionAnswer};
pub(crate) use history::{RulesReloadHistory, RulesReloadItem};
pub(crate) use list::{
    ConditionInfoAnswer, ConditionList, RuleInfoAnswer, RuleList, RulesetInfoAnswer, RulesetList,
};
pub(crate) use seed::{
    FilteredBy, InvalidRule, MonitoringAnswer, MonitoringBody, RegistryAnswer, ReloadBody, ReloadDone,
    ValidationAnswer,
};
