//! Edits that leave out what does not hold, for who asks for that: `Prefer: handling=lenient` (RFC 7240, section 4.4).

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use midflight_core::{DocumentId, Edit};

use crate::app::App;
use crate::problem::{ApiError, Code, ProblemItem};
use crate::write::{Submitted, WriteParams, submit};

/// How often an edit is tried with less; each time at least one document less, and up to a hundred.
const TRIES_MAX: usize = 50;

/// The header that says that the preference was heeded.
pub(super) const APPLIED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("preference-applied"), HeaderValue::from_static("handling=lenient"));

/// Whether a request wants what holds, even if not all of it does.
pub(super) fn is_lenient(headers: &HeaderMap) -> bool {
    let said = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    let mut preferences = said.flat_map(|value| value.split([',', ';'])).map(|part| part.replace(' ', ""));
    preferences.any(|preference| preference.eq_ignore_ascii_case("handling=lenient"))
}

/// Makes an edit of those documents that hold together, and says what is wrong with the others.
///
/// # Errors
/// What is wrong, when it is not in documents of the edit, or in all of them.
pub(super) async fn submit_what_holds(
    app: &App,
    params: &WriteParams,
    mut edit: Edit,
) -> Result<(Submitted, Vec<ProblemItem>), ApiError> {
    let mut skipped = Vec::new();
    for _ in 0..TRIES_MAX {
        let error = match submit(app, params, edit.clone()).await {
            Ok(submitted) => return Ok((submitted, skipped)),
            Err(error) => error,
        };
        let bad = bad_documents(&error);
        let before = edit.changes.len();
        edit.changes.retain(|change| !bad.contains(&change.id));
        if edit.changes.len() == before || edit.changes.is_empty() {
            return Err(error);
        }
        let of_edit = error.body().errors.iter().filter(|item| item.document.is_some()).cloned();
        skipped.extend(of_edit);
    }
    let detail = format!("more than {TRIES_MAX} times some documents did not hold; look at them first");
    let mut error = ApiError::new(Code::InvalidDocument, detail);
    error.body_mut().errors = skipped;
    Err(error)
}

/// The documents in which the problems of a refused edit are.
fn bad_documents(error: &ApiError) -> BTreeSet<DocumentId> {
    let is_about_documents =
        [Code::InvalidDocument, Code::DuplicatePattern].iter().any(|code| code.as_str() == error.body().code);
    let documents = error.body().errors.iter().filter_map(|item| item.document.as_ref()?.parse().ok());
    if is_about_documents { documents.collect() } else { BTreeSet::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &'static str, expected: bool) {
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static("prefer"), HeaderValue::from_static(value))]);
        assert_eq!(is_lenient(&headers), expected, "{value}");
    }

    #[test]
    fn the_preference_is_read_as_the_standard_writes_it() {
        check("handling=lenient", true);
        check("respond-async, handling=lenient; wait=10", true);
        check("Handling = Lenient", true);
        check("handling=strict", false);
        check("lenient", false);
        assert!(!is_lenient(&HeaderMap::new()));
    }
}
