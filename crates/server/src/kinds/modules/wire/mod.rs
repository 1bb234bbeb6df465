//! The modules on the wire.

mod blob;
mod call;
mod module;
mod reload;

pub(super) use blob::BlobAnswer;
pub(super) use call::{CallAnswer, CallBody};
pub(super) use module::{ModuleAnswer, ModuleCounters, ModuleItem, ModuleList, ParkedAnswer};
pub(super) use reload::{
    ModuleReloadAnswer, ModuleReloadBody, ModuleReloadItem, ModuleReloadList, ModuleRollbackBody, Served,
};
