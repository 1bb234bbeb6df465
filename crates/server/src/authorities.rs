//! The authorities by which a server that is called is trusted, from a file.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::bounded_file::read;

/// The certificates of a file in PEM, or why there are none, with its path.
pub(crate) fn read_authorities(file: &Path) -> Result<RootCertStore, String> {
    let message = |why: String| format!("{}: {why}", file.display());
    let text = read(file).map_err(|error| message(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| message(error.to_string()))?;
        roots.add(certificate).map_err(|error| message(error.to_string()))?;
    }
    match roots.is_empty() {
        true => Err(message("no certificate in PEM".to_owned())),
        false => Ok(roots),
    }
}
