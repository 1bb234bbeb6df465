//! The address of a server, as a caller writes it.

use reqwest::Url;

use crate::error::ClientError;

/// Reads `http://host:port`, `https://host:port` or `host:port`, which is one of http.
pub(crate) fn parse(address: &str) -> Result<Url, ClientError> {
    let whole = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let invalid = |why: &str| {
        ClientError::Invalid(format!(
            "invalid address {address:?}: {why}; write http://host:port, https://host:port or host:port"
        ))
    };
    let parsed = Url::parse(&whole).map_err(|error| invalid(&error.to_string()))?;
    match parsed.scheme() {
        "http" | "https" if parsed.has_host() => Ok(parsed),
        scheme => Err(invalid(&format!("{scheme} is neither http nor https"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_or_is_one_of_http() {
        for (written, expected) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("https://host", "https://host/"),
            ("host", "http://host/"),
            ("http://host:1/base/", "http://host:1/base/"),
        ] {
            assert_eq!(parse(written).unwrap().as_str(), expected);
        }
        for (wrong, why) in
            [("ftp://x", "neither http nor https"), ("http://", "empty host"), ("a b", "invalid")]
        {
            let error = parse(wrong).unwrap_err();
            assert!(matches!(&error, ClientError::Invalid(text) if text.contains(why)), "{error:?}");
        }
    }
}
