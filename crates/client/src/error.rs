//! What went wrong, by what the caller can do about it.

use std::time::Duration;

use reqwest::StatusCode;

use midflight_wire::problem::ProblemBody;

/// How much of an answer that is not understood is kept, in characters.
const SHOWN_CHARS_MAX: usize = 400;

/// Why a request failed. Requests that may be sent again were (see [`RetryPolicy`](crate::RetryPolicy)), so what
/// arrives here did not get better in that time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// An argument is invalid: an address, a token, a file of certificates. Correct it; nothing was sent.
    #[error("{0}")]
    Invalid(String),
    /// The server refused the request. Correct the request, by `code` and `errors` of the problem.
    #[error("{title}: {detail}", title = .0.title, detail = .0.detail)]
    Refused(Box<ProblemBody>),
    /// Another writer was first: the state that the request requires is not the current one. Read it again, and decide
    /// again.
    #[error("{title}: {detail}", title = .0.title, detail = .0.detail)]
    Conflict(Box<ProblemBody>),
    /// The server cannot do it now: it is busy, stops, or its log is unavailable. Try again later.
    #[error("{title}: {detail}", title = .0.title, detail = .0.detail)]
    Unavailable(Box<ProblemBody>),
    /// There is no connection to the server, or it broke. Check the address and the server.
    #[error("{}", .0.kind.text(&.0.address))]
    Unreachable(#[source] Box<Unreachable>),
    /// What answered is not a Midflight server, or one of another version. Check the address and the versions.
    #[error("{address} does not respond like a Midflight server: {why}")]
    NotUnderstood {
        /// The address of the server.
        address: String,
        /// What is wrong with the answer.
        why: String,
    },
}

/// A connection that failed.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Unreachable {
    /// The address of the server.
    pub address: String,
    /// In which way it failed.
    pub kind: UnreachableKind,
    /// The deepest cause, as the system reports it.
    pub cause: String,
}

/// In which way a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnreachableKind {
    /// It did not come about: no request was sent.
    NotConnected,
    /// The answer did not come in time: whether the request was done is not known.
    TimedOut,
    /// It broke: whether the request was done is not known.
    Broken,
}

impl UnreachableKind {
    fn text(self, address: &str) -> String {
        match self {
            Self::NotConnected => format!("cannot connect to {address}"),
            Self::TimedOut => format!("{address} did not respond in time"),
            Self::Broken => format!("the connection to {address} failed"),
        }
    }
}

impl ClientError {
    /// The problem document, when the server answered with one.
    #[must_use]
    pub fn problem(&self) -> Option<&ProblemBody> {
        match self {
            Self::Refused(problem) | Self::Conflict(problem) | Self::Unavailable(problem) => Some(problem),
            Self::Invalid(_) | Self::Unreachable(_) | Self::NotUnderstood { .. } => None,
        }
    }

    /// The stable code of the server's problem.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| &*problem.code)
    }

    /// Whether what was asked for does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code() == Some("not_found")
    }

    /// The error of an answer with a status that is no success.
    pub(crate) fn of_answer(address: &str, status: StatusCode, text: &str) -> Self {
        let problem = serde_json::from_str::<ProblemBody>(text).ok().filter(|it| !it.code.is_empty());
        let Some(problem) = problem.map(Box::new) else {
            let shown: String = text.trim().chars().take(SHOWN_CHARS_MAX).collect();
            let why = format!("it answered {status}: {shown}");
            return Self::NotUnderstood { address: address.to_owned(), why };
        };
        match (&*problem.code, status) {
            ("precondition_failed" | "contended", _) => Self::Conflict(problem),
            // Waiting does not make a store writable.
            ("store_read_only", _) => Self::Refused(problem),
            (_, StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT) => Self::Unavailable(problem),
            _ => Self::Refused(problem),
        }
    }

    /// The error of a request without an answer.
    pub(crate) fn of_connection(address: &str, error: &reqwest::Error) -> Self {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let kind = match error {
            error if error.is_connect() => UnreachableKind::NotConnected,
            error if error.is_timeout() => UnreachableKind::TimedOut,
            _ => UnreachableKind::Broken,
        };
        Self::broken(address, kind, cause.to_string())
    }

    pub(crate) fn broken(address: &str, kind: UnreachableKind, cause: String) -> Self {
        Self::Unreachable(Box::new(Unreachable { address: address.to_owned(), kind, cause }))
    }

    /// The error of a stream without a sign of life.
    pub(crate) fn silent(address: &str, after: Duration) -> Self {
        let cause = format!("no data for {} s", after.as_secs());
        Self::broken(address, UnreachableKind::TimedOut, cause)
    }
}

/// An attempt that failed, and whether another one may help.
#[derive(Debug)]
pub(crate) struct FailedAttempt {
    pub(crate) error: ClientError,
    /// Whether the request may have reached the server.
    pub(crate) was_sent: bool,
    /// Whether another attempt may have another result.
    pub(crate) is_transient: bool,
    /// The pause that the server asks for.
    pub(crate) retry_after: Option<Duration>,
}

impl FailedAttempt {
    pub(crate) fn of_connection(address: &str, error: &reqwest::Error) -> Self {
        let error = ClientError::of_connection(address, error);
        let kind = match &error {
            ClientError::Unreachable(it) => it.kind,
            _ => UnreachableKind::Broken,
        };
        Self {
            error,
            was_sent: kind != UnreachableKind::NotConnected,
            // What takes longer than the caller allows does so again.
            is_transient: kind != UnreachableKind::TimedOut,
            retry_after: None,
        }
    }

    pub(crate) fn of_answer(
        address: &str,
        status: StatusCode,
        text: &str,
        retry_after: Option<Duration>,
    ) -> Self {
        let error = ClientError::of_answer(address, status, text);
        let is_busy = matches!(status, StatusCode::BAD_GATEWAY | StatusCode::TOO_MANY_REQUESTS);
        let is_transient =
            is_busy || status == StatusCode::SERVICE_UNAVAILABLE && error.code() != Some("store_read_only");
        Self { error, was_sent: true, is_transient, retry_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, text: &str) -> FailedAttempt {
        FailedAttempt::of_answer("http://host", StatusCode::from_u16(status).unwrap(), text, None)
    }

    fn problem(status: u16, code: &str) -> FailedAttempt {
        let body = format!(
            r#"{{"type": "/docs/errors/{code}", "title": "t", "status": {status}, "code": "{code}", "detail": "d"}}"#
        );
        of(status, &body)
    }

    #[test]
    fn errors_are_sorted_by_what_the_caller_can_do() {
        let refused = problem(422, "invalid_document");
        assert!(matches!(refused.error, ClientError::Refused(_)) && !refused.is_transient);
        let conflict = problem(412, "precondition_failed");
        assert!(matches!(conflict.error, ClientError::Conflict(_)) && !conflict.is_transient);
        let busy = problem(503, "busy");
        assert!(matches!(busy.error, ClientError::Unavailable(_)) && busy.is_transient);
        let read_only = problem(503, "store_read_only");
        assert!(matches!(read_only.error, ClientError::Refused(_)) && !read_only.is_transient);
        let proxy = of(502, "<html>bad gateway</html>");
        assert!(matches!(proxy.error, ClientError::NotUnderstood { .. }) && proxy.is_transient);
        assert!(proxy.error.to_string().contains("502 Bad Gateway: <html>"), "{}", proxy.error);
    }
}
