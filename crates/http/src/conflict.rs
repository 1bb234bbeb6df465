//! Edits that are computed from the newest state of the log, and computed again when another writer was faster.

use midflight_core::{Edit, RevisionNumber};

use crate::app::AppState;
use crate::code::Code;
use crate::problem::ApiError;
use crate::write::{Submitted, WriteParams, submit};

/// How often an edit is computed from the whole state when the log moves meanwhile.
const COMPUTED_TRIES_MAX: u32 = 16;

/// Why an edit was refused that may be accepted when it is made again on the newest state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditConflict {
    /// A precondition of the edit failed: another writer changed the document.
    Document,
    /// The log moved: another writer changed anything.
    Log,
}

/// Makes an edit again when another writer was faster, up to a bound. Each time, one of the other writers made its own
/// edit, so that many edits in a row would have to be faster.
///
/// ```
/// # use midflight_http::conflict::{ConflictRetry, EditConflict};
/// # use midflight_http::{code::Code, problem::ApiError};
/// # fn main() -> Result<(), ApiError> {
/// # let mut others = 2;
/// # let mut make = || match others {
/// #     0 => Ok(42),
/// #     _ => {
/// #         others -= 1;
/// #         Err(ApiError::new(Code::PRECONDITION_FAILED, "changed").because_of(EditConflict::Document))
/// #     }
/// # };
/// let mut retry = ConflictRetry::new("the patch", 64);
/// let revision = loop {
///     // What the edit is computed from is read again each time.
///     if let Some(revision) = retry.settle(make())? {
///         break revision;
///     }
/// };
/// assert_eq!(revision, 42);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ConflictRetry {
    what: &'static str,
    tries: u32,
    tries_max: u32,
}

impl ConflictRetry {
    /// `what` is what the caller has to send again after as many conflicts as are tried, as "the patch".
    #[must_use]
    pub fn new(what: &'static str, tries_max: u32) -> Self {
        Self { what, tries: 0, tries_max }
    }

    /// What was made; none when it is to be made again.
    ///
    /// # Errors
    /// What was refused for another reason, and `contended` after too many conflicts.
    pub fn settle<T>(&mut self, made: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
        self.settle_if(made, |_| true)
    }

    /// The same, where only some conflicts are a reason to make it again.
    fn settle_if<T>(
        &mut self,
        made: Result<T, ApiError>,
        is_retried: impl Fn(EditConflict) -> bool,
    ) -> Result<Option<T>, ApiError> {
        self.tries += 1;
        match made {
            Err(error) if error.conflict().is_some_and(is_retried) => {
                if self.tries < self.tries_max {
                    return Ok(None);
                }
                let Self { what, tries_max, .. } = self;
                let detail = format!("conflict with other edits, {tries_max} times; send {what} again");
                Err(ApiError::new(Code::CONTENDED, detail))
            }
            made => made.map(Some),
        }
    }
}

/// An edit that is computed from the state at the head of the log, as a restore is: what is made is right for the state
/// that it is made on, or it is computed again.
#[derive(Debug)]
pub struct ComputedEdit(ConflictRetry);

impl ComputedEdit {
    /// `what` is what the caller has to send again after too many conflicts.
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        Self(ConflictRetry::new(what, COMPUTED_TRIES_MAX))
    }

    /// The head to compute from.
    ///
    /// # Errors
    /// The store is unavailable.
    pub async fn head(&self, app: &AppState) -> Result<RevisionNumber, ApiError> {
        Ok(app.engine.store().head().await?.number)
    }

    /// Makes the edit if `head` is the newest still; none when it is to be computed again.
    ///
    /// # Errors
    /// What was refused. A precondition of the caller that fails is not a reason to compute it again.
    pub async fn submit(
        &mut self,
        app: &AppState,
        params: &WriteParams,
        head: RevisionNumber,
        edit: Edit,
    ) -> Result<Option<Submitted>, ApiError> {
        let made = submit(app, params, Edit { computed_at: Some(head), ..edit }).await;
        self.settle(made)
    }

    /// What was made; none when it is to be computed again, since the log moved.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub(crate) fn settle<T>(&mut self, made: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
        self.0.settle_if(made, |conflict| conflict == EditConflict::Log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(conflict: Option<EditConflict>) -> Result<(), ApiError> {
        let error = ApiError::new(Code::PRECONDITION_FAILED, "changed");
        Err(conflict.into_iter().fold(error, ApiError::because_of))
    }

    #[test]
    fn conflicts_are_retried_up_to_the_bound_and_other_refusals_are_not() {
        let mut retry = ConflictRetry::new("the patch", 3);
        for conflict in [EditConflict::Document, EditConflict::Log] {
            assert_eq!(retry.settle(refused(Some(conflict))).unwrap(), None);
        }
        let error = retry.settle(refused(Some(EditConflict::Log))).unwrap_err();
        let detail = "conflict with other edits, 3 times; send the patch again";
        assert_eq!((error.code(), error.body().detail.as_str()), ("contended", detail));

        let mut retry = ConflictRetry::new("the patch", 3);
        assert_eq!(retry.settle(refused(None)).unwrap_err().body().detail, "changed");
        assert_eq!(retry.settle(Ok(())).unwrap(), Some(()));
        let of_log = |conflict| conflict == EditConflict::Log;
        let error = retry.settle_if(refused(Some(EditConflict::Document)), of_log).unwrap_err();
        assert_eq!(error.body().detail, "changed", "of an edit that is computed from the log");
    }
}
