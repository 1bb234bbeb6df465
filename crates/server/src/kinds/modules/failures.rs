//! What the host refuses, as the caller sees it.

use midflight_core::DocumentName;
use midflight_http::code::Code;
use midflight_http::problem::ApiError;
use midflight_module_host::{CallError, ModuleRefusal, ReloadFailure, Trap};
use midflight_wire::problem::ProblemItem;

use super::codes::{
    MODULE_FAILED, MODULE_MAILBOX_FULL, MODULE_NOT_RETURNED, MODULE_RELOAD_FAILED, MODULE_RELOAD_IN_PROGRESS,
    MODULE_TIMEOUT, MODULE_TRAPPED, MODULE_UNAVAILABLE,
};

/// The error of a message that has no result.
pub(super) fn of_call(error: &CallError) -> ApiError {
    let code = match error {
        CallError::NoModule(_) => Code::NOT_FOUND,
        CallError::Full { .. } => MODULE_MAILBOX_FULL,
        CallError::TooLarge { .. } => Code::TOO_LARGE,
        CallError::Failed(failure) => {
            return with_item(
                ApiError::new(MODULE_FAILED, error.to_string()),
                &failure.code,
                &failure.message,
            );
        }
        CallError::Poisoned { trap: Trap::Deadline { .. }, .. } => MODULE_TIMEOUT,
        CallError::Poisoned { .. } => MODULE_TRAPPED,
        CallError::Unloaded(_) | CallError::Unavailable { .. } => MODULE_UNAVAILABLE,
        // One that was abandoned is a defect, and may have been worked on.
        _ => return ApiError::internal(error),
    };
    ApiError::new(code, error.to_string())
}

/// The error of a reload that failed.
pub(super) fn of_reload(failure: &ReloadFailure) -> ApiError {
    let code = match &*failure.code {
        "no_module" | "unknown_generation" => Code::NOT_FOUND,
        "reload_in_progress" | "superseded" => MODULE_RELOAD_IN_PROGRESS,
        _ => MODULE_RELOAD_FAILED,
    };
    with_item(ApiError::new(code, failure.to_string()), &failure.code, &failure.message)
}

/// The error of a return that is not possible.
pub(super) fn of_return(name: &DocumentName, refusal: &ModuleRefusal) -> ApiError {
    let code = match &*refusal.code {
        "no_module" => Code::NOT_FOUND,
        _ => MODULE_NOT_RETURNED,
    };
    let detail = format!("cannot return {name}: {}", refusal.message);
    with_item(ApiError::new(code, detail), &refusal.code, &refusal.message)
}

/// The error of a state that cannot be saved.
pub(super) fn of_state(name: &DocumentName, refusal: &ModuleRefusal) -> ApiError {
    let code = match &*refusal.code {
        "no_module" => Code::NOT_FOUND,
        "unloaded" => MODULE_UNAVAILABLE,
        _ => MODULE_FAILED,
    };
    let detail = format!("cannot save the state of {name}: {}", refusal.message);
    with_item(ApiError::new(code, detail), &refusal.code, &refusal.message)
}

/// The error with the stable word of what is wrong.
fn with_item(mut error: ApiError, code: &str, message: &str) -> ApiError {
    let item =
        ProblemItem { code: Some(code.to_owned()), message: message.to_owned(), ..ProblemItem::default() };
    error.body_mut().errors.push(item);
    error
}
