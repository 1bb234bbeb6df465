//! Errors, by what the caller can do next.

use std::borrow::Cow;

use midflight_core::DocumentName;

use crate::code::{ModuleFailure, Trap};
use crate::phase::ModulePhase;

/// Why something is refused: a stable word, and a text with the cure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ModuleRefusal {
    /// A stable word for the class, as `digest_mismatch`.
    pub code: Cow<'static, str>,
    /// What is wrong, and what to do.
    pub message: String,
}

impl ModuleRefusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// A trap in one of the exports.
    pub(crate) fn trap(export: &str, trap: &Trap) -> Self {
        let code = match trap {
            Trap::Deadline { .. } => "deadline_exceeded",
            Trap::Fuel { .. } => "fuel_exceeded",
            Trap::Code(_) => "trapped",
            Trap::WrongWorld(_) => "wrong_world",
        };
        Self::new(code, format!("{export} {trap}"))
    }

    /// A failure that one of the exports answered.
    pub(crate) fn failure(code: &'static str, export: &str, failure: &ModuleFailure) -> Self {
        Self::new(code, format!("{export} failed: {failure}"))
    }

    pub(crate) fn in_phase(self, module: &DocumentName, phase: ModulePhase) -> ReloadFailure {
        ReloadFailure { module: module.clone(), phase, code: self.code, message: self.message }
    }
}

/// A reload that failed. The module serves what it served before, and can be reloaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot reload {module} ({phase}): {message}")]
pub struct ReloadFailure {
    /// The module.
    pub module: DocumentName,
    /// The phase in which it failed.
    pub phase: ModulePhase,
    /// A stable word for the class, as `check_failed`.
    pub code: Cow<'static, str>,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Why a message has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// No module has that name.
    #[error("no module {0:?}; put its manifest first")]
    NoModule(String),
    /// The mailbox is full; the message was not accepted.
    #[error("the mailbox of {module} is full; try again later, or raise mailbox_messages_max")]
    Full {
        /// The module.
        module: DocumentName,
    },
    /// The payload is too large; the message was not accepted.
    #[error("the payload has {bytes} bytes and may have {max}; send less, or raise message_bytes_max")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        max: u64,
    },
    /// The module answered with a failure.
    #[error("{0}")]
    Failed(ModuleFailure),
    /// The message trapped two instances; it is parked, and not tried again.
    #[error("the message trapped two instances of {module} and is not tried again: {trap}")]
    Poisoned {
        /// The module.
        module: DocumentName,
        /// How it trapped last.
        trap: Trap,
    },
    /// The module was unloaded; the message was not accepted.
    #[error("{0} is unloaded")]
    Unloaded(DocumentName),
    /// The module cannot be restarted after a trap; the message was not worked on.
    #[error("{module} cannot be restarted: {why}; reload it")]
    Unavailable {
        /// The module.
        module: DocumentName,
        /// Why.
        why: String,
    },
    /// The message was accepted, and then lost. This is a defect of the host, and is counted.
    #[error("the message to {0} was abandoned; report this as a defect")]
    Abandoned(DocumentName),
}

/// Why a host cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the host of modules: {0}")]
pub struct HostError(pub(crate) String);
