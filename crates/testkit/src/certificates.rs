//! Certificates for tests: an authority of its own, and what it signs.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// An authority that only its own test trusts.
#[derive(Debug)]
pub struct CertificateAuthority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub struct IssuedCertificate {
    /// The certificate.
    pub chain: String,
    /// Its private key.
    pub key: String,
}

impl Default for CertificateAuthority {
    fn default() -> Self {
        Self::new()
    }
}

impl CertificateAuthority {
    /// Makes a new one. Each has a name of its own, so that a certificate of another one is of an unknown issuer, and not
    /// one with a wrong signature.
    #[must_use]
    pub fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("authority {number} of a test"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its own certificate, as a client takes it that trusts it.
    #[must_use]
    pub fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// Writes its own certificate into a folder.
    #[must_use]
    pub fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join("ca.pem");
        std::fs::write(&file, self.pem()).unwrap();
        file
    }

    /// A certificate of a server with these names and addresses.
    #[must_use]
    pub fn server(&self, names: &[&str]) -> IssuedCertificate {
        self.issue(server(names))
    }

    /// A certificate of a server that expired years ago.
    #[must_use]
    pub fn expired_server(&self, names: &[&str]) -> IssuedCertificate {
        self.issue(expired(server(names)))
    }

    /// A certificate of a client with a common name, and names beside it.
    #[must_use]
    pub fn client(&self, common_name: &str, names: &[&str]) -> IssuedCertificate {
        self.issue(client(common_name, names))
    }

    /// A certificate of a client that expired years ago.
    #[must_use]
    pub fn expired_client(&self, common_name: &str) -> IssuedCertificate {
        self.issue(expired(client(common_name, &[])))
    }

    fn issue(&self, params: CertificateParams) -> IssuedCertificate {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        IssuedCertificate { chain: certificate.pem(), key: key.serialize_pem() }
    }
}

impl IssuedCertificate {
    /// The certificate as it is sent.
    #[must_use]
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.chain.as_bytes()).unwrap()
    }

    /// Writes certificate and key into a folder, replacing those that are there, the certificate first.
    #[must_use]
    pub fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (chain, key) = places(folder);
        for (file, text) in [(&chain, &self.chain), (&key, &self.key)] {
            let beside = file.with_extension("new");
            std::fs::write(&beside, text).unwrap();
            #[cfg(unix)]
            std::fs::set_permissions(&beside, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            std::fs::rename(&beside, file).unwrap();
        }
        (chain, key)
    }
}

fn places(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("tls.crt"), folder.join("tls.key"))
}

/// The certificate and the key that were written into a folder, if they were.
pub(crate) fn written(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let (chain, key) = places(folder);
    chain.exists().then_some((chain, key))
}

fn names(names: &[&str]) -> Vec<SanType> {
    let name = |name: &&str| match name.parse::<IpAddr>() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) if name.contains("://") => SanType::URI((*name).try_into().unwrap()),
        Err(_) => SanType::DnsName((*name).try_into().unwrap()),
    };
    names.iter().map(name).collect()
}

fn server(sans: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names(sans);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn client(common_name: &str, sans: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.subject_alt_names = names(sans);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn expired(mut params: CertificateParams) -> CertificateParams {
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 2, 1));
    params
}
