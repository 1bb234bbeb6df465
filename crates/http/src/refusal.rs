//! What the engine and the store refuse, as the caller sees it.

use midflight_core::{NameError, Problem, Problems};
use midflight_engine::{Refusal, Refused};
use midflight_store::StoreError;

use crate::code::Code;
use crate::diff_maker::of_refused;
use crate::kind::Kinds;
use crate::problem::ApiError;

/// The answer to an edit that was refused: with the code that a kind has for these problems, if one has.
pub fn refused(kinds: &Kinds, refused: Refused) -> ApiError {
    let own = match &refused.refusal {
        Refusal::Invalid(problems) => {
            let first = problems.iter().next().map_or_else(String::new, ToString::to_string);
            kinds.iter().find_map(|kind| kind.refusal(problems)).map(|code| (code, first))
        }
        _ => None,
    };
    let error = ApiError::from(refused);
    match own {
        Some((code, first)) => error.with_code(code, first),
        None => error,
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let has_secret = refused
            .refusal
            .problems()
            .is_some_and(|problems| problems.iter().any(|problem| problem.code == Problem::LITERAL_SECRET));
        let mut error = Self::from(refused.refusal);
        let body = error.body_mut();
        body.diff = refused.diff.as_ref().filter(|_| !has_secret).map(of_refused);
        body.reload_id = refused.event.map(|event| event.id.0);
        error
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let output = refusal.to_string();
        let listed = |code, detail: &str, problems: &Problems| Self::new(code, detail).with(problems);
        match &refusal {
            Refusal::Invalid(problems) => {
                let detail = format!("{} found; nothing was changed", counted(problems.count()));
                listed(Code::INVALID_DOCUMENT, &detail, problems)
            }
            Refusal::Rejected(problems) => listed(Code::REJECTED, "nothing was changed", problems),
            Refusal::RolledBack(problems) => listed(
                Code::ROLLED_BACK,
                "the edit failed verification; the previous revision is served",
                problems,
            ),
            Refusal::Precondition(_) => Self::new(Code::PRECONDITION_FAILED, output),
            Refusal::Owned { .. } => Self::new(Code::OWNED, format!("{output} (?take_over=true)")),
            Refusal::TooManyDocuments(_) => Self::new(Code::TOO_MANY_DOCUMENTS, output),
            Refusal::Busy { .. } | Refusal::CallerBusy { .. } => Self::new(Code::BUSY, output),
            Refusal::Contended { .. } | Refusal::Stale { .. } => Self::new(Code::CONTENDED, output),
            Refusal::Stopping => Self::new(Code::STOPPING, output),
            Refusal::Unknown { revision, why } => {
                tracing::warn!(%revision, why, "unknown whether the log appended an edit");
                let detail = format!("check whether it is revision {revision} before sending it again");
                Self::new(Code::OUTCOME_UNKNOWN, detail)
            }
            Refusal::KeyReused { .. } => Self::new(Code::IDEMPOTENCY_KEY_REUSED, output),
            Refusal::LogDiverged(_) => Self::new(Code::LOG_DIVERGED, output),
            Refusal::Store(error) => Self::of_store(error),
            _ => Self::internal(&output),
        }
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "one problem was".to_owned() } else { format!("{count} problems were") }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::of_store(&error)
    }
}

impl ApiError {
    fn of_store(error: &StoreError) -> Self {
        // The store's own messages (paths, SQL) are for the log; the caller learns the class and what to do.
        let logged = |code: Code, detail: &str| {
            tracing::warn!(%error, code = code.as_str(), "the store did not answer");
            Self::new(code, detail)
        };
        match error {
            StoreError::Unavailable(_) | StoreError::InUse(_) => logged(
                Code::STORE_UNAVAILABLE,
                "log unavailable; keeping current revision; try again in a moment",
            ),
            StoreError::Full(_) => logged(
                Code::STORE_FULL,
                "log full; keeping current revision; free disk space, or compact the log",
            ),
            StoreError::ReadOnly(_) => logged(
                Code::STORE_READ_ONLY,
                "log is read-only; keeping current revision; nothing can be changed",
            ),
            StoreError::Corrupt(_) => logged(
                Code::STORE_CORRUPT,
                "log corrupt; keeping current revision; check the file of the log",
            ),
            StoreError::Compacted { first, .. } => {
                let mut api = Self::new(Code::COMPACTED, error.to_string());
                api.body_mut().first_revision = Some(first.get());
                api
            }
            StoreError::NoSuchRevision { .. } => Self::new(Code::NOT_FOUND, error.to_string()),
            other => Self::internal(other),
        }
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::new(Code::INVALID_NAME, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_messages_stay_here_and_the_class_is_reported() {
        let secret = || "/home/anna/midflight.db".to_owned();
        for (error, status, code) in [
            (StoreError::Unavailable(secret()), 503, "store_unavailable"),
            (StoreError::InUse(secret()), 503, "store_unavailable"),
            (StoreError::Full(secret()), 507, "store_full"),
            (StoreError::ReadOnly(secret()), 503, "store_read_only"),
            (StoreError::Corrupt(secret()), 500, "store_corrupt"),
            (StoreError::TooNew { found: 9, known: 1 }, 500, "internal"),
        ] {
            let answered = ApiError::from(Refusal::Store(error));
            let body = answered.body();
            assert_eq!((body.status, answered.code()), (status, code));
            assert!(!body.detail.contains("anna"), "{}", body.detail);
        }
    }
}
