//! What a certificate says about its subject. rustls verifies certificates; only those that it accepted are read here.

use std::net::IpAddr;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::asn1::{
    Ia5StringRef, ObjectIdentifier, PrintableStringRef, TeletexStringRef, Utf8StringRef,
};
use x509_cert::der::{Any, Decode as _, Tagged as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The attribute of a subject that is its common name (RFC 5280, A.1).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// The longest name that is taken from a certificate, in bytes, as of a JSON Web Token.
const NAME_BYTES_MAX: usize = 256;

/// The names and the end of validity of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CertificateNames {
    /// The common name of the subject, if it has one that can be shown.
    pub(super) common_name: Option<String>,
    /// The alternative names: DNS names, addresses, URIs and mail addresses, in their order.
    pub(super) alternative: Vec<String>,
    /// Until when it is valid.
    pub(super) not_after: Timestamp,
}

impl CertificateNames {
    /// Those of a certificate; none when it cannot be read.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?.tbs_certificate;
        let attributes = certificate.subject.0.iter().flat_map(|set| set.0.iter());
        // The most specific one is the last (RFC 4514, 2.1).
        let common_name =
            attributes.filter(|it| it.oid == COMMON_NAME).filter_map(|it| text(&it.value)).next_back();
        let names = certificate.get::<SubjectAltName>().ok()?.map(|(_, names)| names.0).unwrap_or_default();
        let alternative = names.iter().filter_map(|name| match name {
            GeneralName::DnsName(text)
            | GeneralName::UniformResourceIdentifier(text)
            | GeneralName::Rfc822Name(text) => shown(text.as_str()),
            GeneralName::IpAddress(octets) => address(octets.as_bytes()),
            _ => None,
        });
        let seconds = certificate.validity.not_after.to_unix_duration().as_secs();
        let not_after = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        Some(Self {
            common_name,
            alternative: alternative.collect(),
            not_after: not_after.unwrap_or(Timestamp::MAX),
        })
    }
}

/// An address, as it is written.
fn address(octets: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from));
    address.ok().map(|address| address.to_string())
}

/// The text of an attribute, of the types that names are written in.
fn text(value: &Any) -> Option<String> {
    use x509_cert::der::Tag;
    let text = match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok()?.as_str().to_owned(),
        Tag::TeletexString => value.decode_as::<TeletexStringRef<'_>>().ok()?.as_str().to_owned(),
        _ => return None,
    };
    shown(&text)
}

/// A name that can be the author of a revision.
fn shown(text: &str) -> Option<String> {
    let shows = (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    shows.then(|| text.to_owned())
}

/// The certificate of a client, which an authority of `--tls-client-ca` signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub(crate) names: Vec<String>,
    /// Distinguishes certificates: a hash of the whole.
    pub(crate) hash: [u8; 32],
    pub(crate) not_after: Timestamp,
}

impl ClientCertificate {
    /// What it says; none for one without a name.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let read = CertificateNames::of(certificate)?;
        let names: Vec<_> = read.common_name.into_iter().chain(read.alternative).collect();
        let hash = *blake3::hash(certificate).as_bytes();
        (!names.is_empty()).then_some(Self { names, hash, not_after: read.not_after })
    }

    /// The name of its subject: the common name, else the first alternative name.
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_testkit::CertificateAuthority;

    #[test]
    fn names_and_the_end_are_read() {
        let authority = CertificateAuthority::new();
        let issued = authority
            .client("deploy", &["spiffe://cluster/ns/shop", "deploy.shop.example", "10.0.0.7", "::1"]);
        let der = issued.der();
        let read = ClientCertificate::of(&der).unwrap();
        assert_eq!(
            read.names,
            ["deploy", "spiffe://cluster/ns/shop", "deploy.shop.example", "10.0.0.7", "::1"]
        );
        assert_eq!(read.name(), "deploy");
        assert!(read.not_after > Timestamp::now());
        assert_eq!(ClientCertificate::of(&CertificateDer::from(vec![0x30, 0])), None);
        let odd = authority.client("a\nb", &[]);
        assert_eq!(ClientCertificate::of(&odd.der()), None, "control characters are no name");
    }
}
