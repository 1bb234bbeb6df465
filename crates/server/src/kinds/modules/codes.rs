//! The error codes of modules.

use axum::http::StatusCode;
use midflight_http::code::Code;

/// Declares the codes once: name, word, status, title.
macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident => $word:literal, $status:ident, $title:literal;)+) => {
        $($(#[$meta])* pub(super) const $name: Code = Code::new(
            $word,
            StatusCode::$status,
            $title,
            include_str!(concat!("../../../../../docs/errors/", $word, ".md")),
        );)+

        /// All of them.
        pub(super) const ALL: &[Code] = &[$($name,)+];
    };
}

codes! {
    /// The bytes have another digest than the address says.
    BLOB_DIGEST_MISMATCH => "blob_digest_mismatch", UNPROCESSABLE_ENTITY, "Digest mismatch";
    /// The blobs in the store have all the bytes that they may have.
    BLOBS_FULL => "blobs_full", INSUFFICIENT_STORAGE, "Blob storage full";
    /// The module answered with a failure of its own.
    MODULE_FAILED => "module_failed", UNPROCESSABLE_ENTITY, "Module failure";
    /// As many messages wait for the module as may.
    MODULE_MAILBOX_FULL => "module_mailbox_full", SERVICE_UNAVAILABLE, "Mailbox full";
    /// A return or a restore is not possible.
    MODULE_NOT_RETURNED => "module_not_returned", CONFLICT, "Return not possible";
    /// The reload failed, and the module serves what it served before.
    MODULE_RELOAD_FAILED => "module_reload_failed", UNPROCESSABLE_ENTITY, "Module reload failed";
    /// Another reload of the module is under way.
    MODULE_RELOAD_IN_PROGRESS => "module_reload_in_progress", CONFLICT, "Module reload in progress";
    /// The message ran longer than its budget on two instances.
    MODULE_TIMEOUT => "module_timeout", GATEWAY_TIMEOUT, "Module time limit exceeded";
    /// The message trapped two instances.
    MODULE_TRAPPED => "module_trapped", UNPROCESSABLE_ENTITY, "Message trapped the module";
    /// The module is in the log and does not answer here.
    MODULE_UNAVAILABLE => "module_unavailable", SERVICE_UNAVAILABLE, "Module unavailable";
}
