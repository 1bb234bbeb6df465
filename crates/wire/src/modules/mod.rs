//! The kind `modules`: calls, modules as they run, reloads.

mod call;
mod module;
mod reload;

pub use call::{BlobAnswer, CallAnswer, CallBody};
pub use module::{
    ModuleAnswer, ModuleCounters, ModuleItem, ModuleList, ModulesHealth, ModulesMembers, ParkedAnswer,
};
pub use reload::{
    ModulePhaseAnswer, ModulePreCopyAnswer, ModuleReloadAnswer, ModuleReloadBody, ModuleReloadItem,
    ModuleReloadList, ModuleRollbackBody,
};
