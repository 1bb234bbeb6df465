//! The files of TLS that a URL of Redis or NATS names, as those of PostgreSQL do.

use std::path::{Path, PathBuf};

use crate::BusError;

/// The files, by the names that `libpq` gives them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct TlsFilesOfUrl {
    /// `sslrootcert`: the authorities that alone are trusted, in PEM.
    pub(super) authorities: Option<PathBuf>,
    /// `sslcert` and `sslkey`: the certificate to present and its key, in PEM.
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

impl TlsFilesOfUrl {
    /// Takes them out of a URL, which is answered without them. `schemes` are those of the URL that mean TLS.
    ///
    /// # Errors
    /// [`BusError::Options`] for files without TLS, and for a certificate without its key.
    pub(super) fn take(url: &str, schemes: &[&str]) -> Result<(String, Self), BusError> {
        let Some((place, query)) = url.split_once('?') else {
            return Ok((url.to_owned(), Self::default()));
        };
        let (mut authorities, mut cert, mut key) = (None, None, None);
        let mut rest = Vec::new();
        for parameter in query.split('&') {
            match parameter.split_once('=') {
                Some(("sslrootcert", file)) => authorities = Some(PathBuf::from(file)),
                Some(("sslcert", file)) => cert = Some(PathBuf::from(file)),
                Some(("sslkey", file)) => key = Some(PathBuf::from(file)),
                _ => rest.push(parameter),
            }
        }
        let client = match (cert, key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert, key)),
            _ => return Err(BusError::Options("give sslcert and sslkey together".to_owned())),
        };
        let files = Self { authorities, client };
        let is_encrypted =
            place.split(',').all(|one| schemes.iter().any(|scheme| one.trim().starts_with(scheme)));
        if files != Self::default() && !is_encrypted {
            let schemes = schemes.join(" or ");
            return Err(BusError::Options(format!("sslrootcert and sslcert need TLS: write {schemes}")));
        }
        let url = if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
        Ok((url, files))
    }
}

/// Reads one of them.
///
/// # Errors
/// [`BusError::Options`] names the file and why it cannot be read.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, BusError> {
    std::fs::read(file)
        .map_err(|error| BusError::Options(format!("cannot read {} of the URL: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_out_and_everything_else_stays() {
        let take = |url: &str| TlsFilesOfUrl::take(url, &["rediss://"]).map_err(|error| error.to_string());
        let none = TlsFilesOfUrl::default();
        assert_eq!(take("redis://a:1/0?protocol=resp3"), Ok(("redis://a:1/0?protocol=resp3".into(), none)));
        let (url, files) =
            take("rediss://a?sslrootcert=/ca.pem&protocol=resp3&sslcert=/c&sslkey=/k").unwrap();
        assert_eq!(url, "rediss://a?protocol=resp3");
        assert_eq!(files.authorities, Some("/ca.pem".into()));
        assert_eq!(files.client, Some(("/c".into(), "/k".into())));
        assert!(take("redis://a?sslrootcert=/ca.pem").unwrap_err().contains("rediss://"));
        assert!(take("rediss://a,redis://b?sslrootcert=/ca.pem").is_err());
        assert!(take("rediss://a?sslcert=/c").unwrap_err().contains("together"));
    }
}
