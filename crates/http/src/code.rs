//! Error codes: what a program that calls this server may rely on.

use axum::http::StatusCode;

/// A code that an answer can carry, with the status and the page that go with it. A kind may have codes of its own.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    word: &'static str,
    status: StatusCode,
    title: &'static str,
    page: &'static str,
}

impl Code {
    /// A code: the stable word, the HTTP status, what it means in a few words, and the page that explains it, in Markdown.
    #[must_use]
    pub const fn new(
        word: &'static str,
        status: StatusCode,
        title: &'static str,
        page: &'static str,
    ) -> Self {
        Self { word, status, title, page }
    }

    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.word
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.status
    }

    /// What it means, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.title
    }

    /// The page that explains it, in Markdown.
    #[must_use]
    pub const fn page(self) -> &'static str {
        self.page
    }
}

/// Declares the codes once: name, word, status, title.
macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident => $word:literal, $status:ident, $title:literal;)+) => {
        impl Code {
            /// Those that every kind has. Each has a page under `docs/errors/`.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            $($(#[$meta])* pub const $name: Self = Self::new(
                $word,
                StatusCode::$status,
                $title,
                include_str!(concat!("../../../docs/errors/", $word, ".md")),
            );)+
        }
    };
}

codes! {
    /// The body is not JSON (or YAML).
    MALFORMED_BODY => "malformed_body", BAD_REQUEST, "The body cannot be read";
    /// The body is JSON of another shape than the endpoint takes.
    INVALID_BODY => "invalid_body", UNPROCESSABLE_ENTITY, "The body has the wrong shape";
    /// A query parameter has a value it cannot have.
    INVALID_PARAMETER => "invalid_parameter", BAD_REQUEST, "A parameter of the address is wrong";
    /// A header has a value it cannot have.
    INVALID_HEADER => "invalid_header", BAD_REQUEST, "A header is wrong";
    /// A name in the address is not a name.
    INVALID_NAME => "invalid_name", BAD_REQUEST, "Not a name";
    /// The documents of the edit do not hold.
    INVALID_DOCUMENT => "invalid_document", UNPROCESSABLE_ENTITY, "The documents do not hold";
    /// The input cannot be executed.
    INVALID_INPUT => "invalid_input", UNPROCESSABLE_ENTITY, "The input cannot be answered";
    /// There is no token, or it is not known.
    UNAUTHENTICATED => "unauthenticated", UNAUTHORIZED, "A token is needed";
    /// The token may not do this.
    FORBIDDEN => "forbidden", FORBIDDEN, "The token's role does not allow this";
    /// The request names another host than this server's.
    FOREIGN_HOST => "foreign_host", FORBIDDEN, "The Host header names another host";
    /// A web page of another host sent the request.
    FOREIGN_ORIGIN => "foreign_origin", FORBIDDEN, "The request comes from another origin";
    /// There is no such thing.
    NOT_FOUND => "not_found", NOT_FOUND, "There is no such thing";
    /// There is no such path.
    NO_SUCH_PATH => "no_such_path", NOT_FOUND, "There is no such path";
    /// The path has other methods.
    METHOD_NOT_ALLOWED => "method_not_allowed", METHOD_NOT_ALLOWED, "The path does not have this method";
    /// The document belongs to somebody else.
    OWNED => "owned", CONFLICT, "The document belongs to somebody else";
    /// Other writers were faster.
    CONTENDED => "contended", CONFLICT, "Other writers were faster";
    /// The log is not the one that this replica followed.
    LOG_DIVERGED => "log_diverged", CONFLICT, "The log is not the one that was followed";
    /// A revision that was compacted away.
    COMPACTED => "compacted", GONE, "The revision was compacted away";
    /// The document is not what the edit was made on.
    PRECONDITION_FAILED => "precondition_failed", PRECONDITION_FAILED, "The document changed meanwhile";
    /// More than a bound allows.
    TOO_LARGE => "too_large", PAYLOAD_TOO_LARGE, "Larger than the bound";
    /// The body came too slowly.
    TOO_SLOW => "too_slow", REQUEST_TIMEOUT, "The body came too slowly";
    /// An answer was not computed within its time limit.
    TOO_EXPENSIVE => "too_expensive", UNPROCESSABLE_ENTITY, "The request needs more time than it may have";
    /// The body is of a type that is not read here.
    UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body's type is not read here";
    /// Another request was sent under the same key.
    IDEMPOTENCY_KEY_REUSED => "idempotency_key_reused", UNPROCESSABLE_ENTITY, "Another request had this key";
    /// A component could not prepare for the edit.
    REJECTED => "rejected", UNPROCESSABLE_ENTITY, "A component could not prepare for the edit";
    /// It was live, did not verify, and was taken back.
    ROLLED_BACK => "rolled_back", UNPROCESSABLE_ENTITY, "The edit was taken back";
    /// The log holds as many documents as it may.
    TOO_MANY_DOCUMENTS => "too_many_documents", UNPROCESSABLE_ENTITY, "The log is as full as it may be";
    /// Too much is waiting.
    BUSY => "busy", SERVICE_UNAVAILABLE, "Too much is waiting";
    /// The server stops.
    STOPPING => "stopping", SERVICE_UNAVAILABLE, "The server is stopping";
    /// The log was asked to take the edit and did not answer.
    OUTCOME_UNKNOWN => "outcome_unknown", SERVICE_UNAVAILABLE, "It is not known whether the log took it";
    /// The store is out of reach for now.
    STORE_UNAVAILABLE => "store_unavailable", SERVICE_UNAVAILABLE, "The store does not answer";
    /// The disk is full.
    STORE_FULL => "store_full", INSUFFICIENT_STORAGE, "The store has no room left";
    /// The store cannot be written.
    STORE_READ_ONLY => "store_read_only", SERVICE_UNAVAILABLE, "The store is read-only";
    /// The store is not what was put there.
    STORE_CORRUPT => "store_corrupt", INTERNAL_SERVER_ERROR, "The store is damaged";
    /// There was no answer in time.
    TIMED_OUT => "timed_out", GATEWAY_TIMEOUT, "The request took too long";
    /// A defect of this server.
    INTERNAL => "internal", INTERNAL_SERVER_ERROR, "Something went wrong in the server";
}
