//! Edits that leave out what does not hold, for who asks for that: `Prefer: handling=lenient` (RFC 7240, section 4.4).

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use midflight_core::{DocumentId, Edit, Problems};

use crate::app::App;
use crate::code::Code;
use crate::problem::ApiError;
use crate::wire::ProblemItem;
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
    edit: Edit,
) -> Result<(Submitted, Vec<ProblemItem>), ApiError> {
    let (made, skipped) = what_holds(app, params, edit).await;
    let mut error = match made {
        Ok(submitted) => return Ok((submitted, skipped)),
        Err(error) => error,
    };
    error.body_mut().errors.splice(0..0, skipped);
    Err(error)
}

/// What is wrong with an edit that was refused, also what only shows between documents that are right by themselves: those
/// that are not are looked at first, and hide it.
pub(super) async fn all_that_is_wrong(
    app: &App,
    params: &WriteParams,
    mut edit: Edit,
    mut error: ApiError,
) -> ApiError {
    let bad = bad_documents(&error);
    edit.changes.retain(|change| !bad.contains(&change.id));
    let is_all = error.body().code != Code::INVALID_DOCUMENT.as_str()
        || error.body().errors.len() > Problems::LISTED_MAX
        || edit.changes.is_empty();
    if is_all || bad.is_empty() || bad.iter().any(others_need) {
        return error;
    }
    let (rest, mut more) = what_holds(app, &params.only_tried(), edit).await;
    if let Some(mut last) = rest.err().filter(|last| !bad_documents(last).is_empty()) {
        more.append(&mut last.body_mut().errors);
    }
    if !more.is_empty() {
        let body = error.body_mut();
        body.errors.append(&mut more);
        body.detail = format!("{} problems were found; nothing was changed", body.errors.len());
    }
    error
}

/// Whether others may not hold for want of this document alone, as rules without their condition.
fn others_need(id: &DocumentId) -> bool {
    id.kind.as_str() != "patterns" || id.name.as_str().contains('/')
}

/// Tries an edit, each time without the documents that were found not to hold, and tells what was wrong with those.
async fn what_holds(
    app: &App,
    params: &WriteParams,
    mut edit: Edit,
) -> (Result<Submitted, ApiError>, Vec<ProblemItem>) {
    let mut skipped = Vec::new();
    for _ in 0..TRIES_MAX {
        let error = match submit(app, params, edit.clone()).await {
            Ok(submitted) => return (Ok(submitted), skipped),
            Err(error) => error,
        };
        let mut bad = bad_documents(&error);
        let ids: BTreeSet<_> = edit.changes.iter().map(|change| &change.id).collect();
        bad.retain(|id| ids.contains(id));
        if bad.is_empty() || bad.len() == edit.changes.len() {
            return (Err(error), skipped);
        }
        edit.changes.retain(|change| !bad.contains(&change.id));
        let of_bad = |item: &&ProblemItem| document(item).is_some_and(|id| bad.contains(&id));
        skipped.extend(error.body().errors.iter().filter(of_bad).cloned());
    }
    let detail = format!("more than {TRIES_MAX} times some documents did not hold; look at them first");
    (Err(ApiError::new(Code::INVALID_DOCUMENT, detail)), skipped)
}

/// The documents in which the problems of a refused edit are.
fn bad_documents(error: &ApiError) -> BTreeSet<DocumentId> {
    let is_about_documents =
        [Code::INVALID_DOCUMENT.as_str(), "duplicate_pattern"].contains(&error.body().code);
    let documents = error.body().errors.iter().filter_map(document);
    if is_about_documents { documents.collect() } else { BTreeSet::new() }
}

fn document(item: &ProblemItem) -> Option<DocumentId> {
    item.document.as_ref()?.parse().ok()
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
