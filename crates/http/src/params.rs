//! Reads the address and the headers: query parameters, pages, names, preconditions.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use jiff::Timestamp;
use midflight_core::{DocumentId, KindName, Precondition, RevisionNumber};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::code::Code;
use crate::problem::ApiError;

/// The header with the revision of an answer whose body cannot have it.
pub const REVISION: HeaderName = HeaderName::from_static("x-midflight-revision");

/// The header beside it with the revisions up to it that are left out of it on this replica, separated by commas.
pub const QUARANTINED: HeaderName = HeaderName::from_static("x-midflight-quarantined");

/// How many revisions that header names: the first ones; `/api/v1/status` has all.
const QUARANTINED_SHOWN_MAX: usize = 500;

/// The headers of an answer whose body cannot have the revision that it is of, nor what is left out of that.
pub fn basis_headers(
    revision: RevisionNumber,
    quarantined: &[RevisionNumber],
) -> [(HeaderName, HeaderValue); 2] {
    let numbers: Vec<_> =
        quarantined.iter().take(QUARANTINED_SHOWN_MAX).map(|revision| revision.get().to_string()).collect();
    let numbers = HeaderValue::from_str(&numbers.join(",")).unwrap_or_else(|_| HeaderValue::from_static(""));
    [(REVISION, HeaderValue::from(revision.get())), (QUARANTINED, numbers)]
}

/// How many items a page has unless asked.
const LIMIT_DEFAULT: u32 = 50;
/// How many items a page has at most.
pub(crate) const LIMIT_MAX: u32 = 500;

/// Query parameters of a known type; unknown ones are refused when the type requires it.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(&parts.uri)
    }
}

impl<T: DeserializeOwned> Params<T> {
    /// Those of an address.
    pub(crate) fn of(uri: &Uri) -> Result<Self, ApiError> {
        Query::<T>::try_from_uri(uri).map(|Query(query)| Self(query)).map_err(|rejection| {
            let text = rejection.body_text();
            let output = text.split_once(": ").map_or(text.as_str(), |(_, output)| output);
            ApiError::new(Code::INVALID_PARAMETER, output)
        })
    }
}

/// The variable parts of a path.
#[derive(Debug)]
pub struct InPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        let wrong = |error: axum::extract::rejection::PathRejection| {
            ApiError::new(Code::INVALID_NAME, error.body_text())
        };
        path.map(|Path(path)| Self(path)).map_err(wrong)
    }
}

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// How many items at most; 50 by default, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before; the first page without.
    cursor: Option<String>,
}

/// The bound of a page.
pub fn limit(asked: Option<u32>) -> Result<u32, ApiError> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        limit => {
            let detail = format!("invalid limit {limit}: expected 1 to {LIMIT_MAX}");
            Err(ApiError::new(Code::INVALID_PARAMETER, detail))
        }
    }
}

/// A cursor that is a number.
///
/// # Errors
/// `invalid_parameter` when it is none.
pub fn number_cursor(cursor: Option<&str>) -> Result<Option<u64>, ApiError> {
    let wrong = |_| ApiError::new(Code::INVALID_PARAMETER, "invalid cursor: it is not from this list");
    cursor.map(str::parse).transpose().map_err(wrong)
}

impl PageParams {
    /// The bound of the page.
    pub fn limit(&self) -> Result<u32, ApiError> {
        limit(self.limit)
    }

    /// The bound of the page, another one unless asked.
    pub fn limit_or(&self, default: u32) -> Result<u32, ApiError> {
        limit(Some(self.limit.unwrap_or(default)))
    }

    /// The cursor, which is a number.
    pub fn number(&self) -> Result<Option<u64>, ApiError> {
        number_cursor(self.cursor.as_deref())
    }

    /// The cursor as it is.
    pub fn text(&self) -> Option<&str> {
        self.cursor.as_deref()
    }
}

/// A time to filter by.
///
/// # Errors
/// `invalid_parameter` when it is none.
pub fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, ApiError> {
    let wrong = |_| {
        let detail = format!("invalid {name}: expected a time, as 2026-01-31T03:00:00Z");
        ApiError::new(Code::INVALID_PARAMETER, detail)
    };
    text.map(|text| text.parse::<Timestamp>().map_err(wrong)).transpose()
}

/// A kind to filter by.
pub fn kind(kind: Option<&str>) -> Result<Option<KindName>, ApiError> {
    let wrong = |error: midflight_core::NameError| ApiError::new(Code::INVALID_PARAMETER, error.to_string());
    kind.map(KindName::new).transpose().map_err(wrong)
}

/// A word of a vocabulary to filter by.
pub fn word<T: std::str::FromStr>(word: Option<&str>, name: &str) -> Result<Option<T>, ApiError>
where
    T::Err: std::fmt::Display,
{
    let wrong = |error: T::Err| ApiError::new(Code::INVALID_PARAMETER, format!("{name}: {error}"));
    word.map(str::parse).transpose().map_err(wrong)
}

/// What `If-Match` and `If-None-Match` ask of a document.
///
/// # Errors
/// 400 when they are malformed, or both are there.
pub fn precondition(headers: &HeaderMap) -> Result<Precondition, ApiError> {
    let wrong = |detail: &str| Err(ApiError::new(Code::INVALID_HEADER, detail));
    let text =
        |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or("?").trim());
    match (text(header::IF_MATCH), text(header::IF_NONE_MATCH)) {
        (None, None) => Ok(Precondition::None),
        (Some(_), Some(_)) => wrong("send If-Match or If-None-Match, not both"),
        (None, Some("*")) => Ok(Precondition::Absent),
        (None, Some(_)) => wrong("If-None-Match takes * (create, and fail if it exists)"),
        (Some("*"), None) => Ok(Precondition::Present),
        (Some(tag), None) => {
            match tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(tagged) {
                Some(precondition) => Ok(precondition),
                None => wrong("If-Match takes a version as \"3\", a revision as \"r42\", or *"),
            }
        }
    }
}

fn tagged(tag: &str) -> Option<Precondition> {
    // A sign or a space would pass u64's parser or be trimmed somewhere; a tag is digits only.
    let number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?;
    match tag.strip_prefix('r') {
        Some(revision) => number(revision).map(|it| Precondition::UnchangedSince(RevisionNumber::new(it))),
        None => number(tag).map(Precondition::Version),
    }
}

/// The `ETag` of a document at a version.
pub fn etag(version: u64) -> axum::http::HeaderValue {
    let tag = axum::http::HeaderValue::from_str(&format!("\"{version}\""));
    tag.unwrap_or_else(|_| axum::http::HeaderValue::from_static("\"0\""))
}

/// A document named in an address.
pub fn document(kind: &str, name: &str) -> Result<DocumentId, ApiError> {
    Ok(DocumentId::new(kind, name)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: header::HeaderName, value: &str, expected: Result<Precondition, &str>) {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        assert_eq!(precondition(&headers).map_err(|error| error.code()), expected, "{value}");
    }

    #[test]
    fn preconditions_are_read_or_refused() {
        let since = Precondition::UnchangedSince(RevisionNumber::new(42));
        check(header::IF_MATCH, "\"3\"", Ok(Precondition::Version(3)));
        check(header::IF_MATCH, "\"r42\"", Ok(since));
        check(header::IF_MATCH, "*", Ok(Precondition::Present));
        check(header::IF_NONE_MATCH, "*", Ok(Precondition::Absent));
        check(header::IF_NONE_MATCH, "\"3\"", Err("invalid_header"));
        for bad in ["3", "\"\"", "\"+3\"", "\"r\"", "W/\"3\"", "\"3\", \"4\"", "\"99999999999999999999\""] {
            check(header::IF_MATCH, bad, Err("invalid_header"));
        }
    }

    #[test]
    fn pages_have_bounds() {
        assert_eq!((limit(None).ok(), limit(Some(500)).ok()), (Some(50), Some(500)));
        assert!(limit(Some(0)).is_err() && limit(Some(501)).is_err() && number_cursor(Some("x")).is_err());
    }
}
