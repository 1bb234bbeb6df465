//! The preference of a caller for an edit without its invalid documents: `Prefer: handling=lenient` (RFC 7240, section
//! 4.4).

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use midflight_engine::InvalidPolicy;

/// The header that confirms the preference.
pub(super) const APPLIED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("preference-applied"), HeaderValue::from_static("handling=lenient"));

/// What a request wants of invalid documents.
pub(super) fn preference(headers: &HeaderMap) -> InvalidPolicy {
    let output = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
    let mut preferences = output.flat_map(|value| value.split([',', ';'])).map(|part| part.replace(' ', ""));
    match preferences.any(|preference| preference.eq_ignore_ascii_case("handling=lenient")) {
        true => InvalidPolicy::LeaveOut,
        false => InvalidPolicy::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &'static str, is_lenient: bool) {
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static("prefer"), HeaderValue::from_static(value))]);
        assert_eq!(preference(&headers) == InvalidPolicy::LeaveOut, is_lenient, "{value}");
    }

    #[test]
    fn the_preference_is_read_as_the_standard_writes_it() {
        check("handling=lenient", true);
        check("respond-async, handling=lenient; wait=10", true);
        check("Handling = Lenient", true);
        check("handling=strict", false);
        check("lenient", false);
        assert_eq!(preference(&HeaderMap::new()), InvalidPolicy::Refuse);
    }
}
