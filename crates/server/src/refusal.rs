//! What the engine and the store refuse, as the caller sees it.

use midflight_config::LITERAL_SECRET;
use midflight_core::{NameError, Problems};
use midflight_engine::{Refusal, Refused};
use midflight_patterns::DUPLICATE_PATTERN;
use midflight_store::StoreError;

use crate::diff_maker::of_refused;
use crate::problem::{ApiError, Code};

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        let has_secret = refused
            .refusal
            .problems()
            .is_some_and(|problems| problems.iter().any(|problem| problem.code == LITERAL_SECRET));
        let mut error = Self::from(refused.refusal);
        let body = error.body_mut();
        body.diff = refused.diff.as_ref().filter(|_| !has_secret).map(of_refused);
        body.reload_id = refused.event.map(|event| event.id.0);
        error
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let said = refusal.to_string();
        let listed = |code, detail: &str, problems: &Problems| Self::new(code, detail).with(problems);
        match &refusal {
            Refusal::Invalid(problems)
                if problems.iter().all(|problem| problem.code == DUPLICATE_PATTERN) =>
            {
                let first = problems.iter().next().map_or_else(String::new, ToString::to_string);
                listed(Code::DuplicatePattern, &first, problems)
            }
            Refusal::Invalid(problems) => {
                let detail = format!("{} found; nothing was changed", counted(problems.count()));
                listed(Code::InvalidDocument, &detail, problems)
            }
            Refusal::Rejected(problems) => listed(Code::Rejected, "nothing was changed", problems),
            Refusal::RolledBack(problems) => {
                listed(Code::RolledBack, "what was served is served again", problems)
            }
            Refusal::Precondition(_) => Self::new(Code::PreconditionFailed, said),
            Refusal::Owned { .. } => Self::new(Code::Owned, format!("{said} (?take_over=true)")),
            Refusal::TooManyDocuments(_) => Self::new(Code::TooManyDocuments, said),
            Refusal::Busy { .. } | Refusal::CallerBusy { .. } => Self::new(Code::Busy, said),
            Refusal::Contended { .. } | Refusal::Stale { .. } => Self::new(Code::Contended, said),
            Refusal::Stopping => Self::new(Code::Stopping, said),
            Refusal::Unknown { revision, why } => {
                tracing::warn!(%revision, why, "it is not known whether the log took an edit");
                let detail = format!("look whether it is revision {revision} before sending it again");
                Self::new(Code::OutcomeUnknown, detail)
            }
            Refusal::LogDiverged(_) => Self::new(Code::LogDiverged, said),
            Refusal::Store(error) => Self::of_store(error),
            _ => Self::internal(&said),
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
        // What the store says of itself (paths, SQL) is for the log; the caller learns the class and what to do.
        let logged = |code: Code, detail: &str| {
            tracing::warn!(%error, code = code.as_str(), "the store did not answer");
            Self::new(code, detail)
        };
        match error {
            StoreError::Unavailable(_) | StoreError::InUse(_) => logged(
                Code::StoreUnavailable,
                "log unavailable; keeping current revision; try again in a moment",
            ),
            StoreError::Full(_) => logged(
                Code::StoreFull,
                "log full; keeping current revision; free disk space, or compact the log",
            ),
            StoreError::ReadOnly(_) => logged(
                Code::StoreReadOnly,
                "log is read-only; keeping current revision; nothing can be changed",
            ),
            StoreError::Corrupt(_) => {
                logged(Code::StoreCorrupt, "log corrupt; keeping current revision; check the file of the log")
            }
            StoreError::Compacted { first, .. } => {
                let mut api = Self::new(Code::Compacted, error.to_string());
                api.body_mut().first_revision = Some(first.get());
                api
            }
            StoreError::NoSuchRevision { .. } => Self::new(Code::NotFound, error.to_string()),
            other => Self::internal(other),
        }
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::new(Code::InvalidName, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_store_says_of_itself_stays_here_and_the_class_is_told() {
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
            assert_eq!((body.status, body.code), (status, code));
            assert!(!body.detail.contains("anna"), "{}", body.detail);
        }
    }
}
