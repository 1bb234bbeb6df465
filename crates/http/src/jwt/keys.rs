//! The keys that verify tokens, each pinned to one algorithm.

use std::str::FromStr;

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// How many keys there may be. 100: providers publish a handful.
const KEYS_MAX: usize = 100;
/// The shortest secret, in bytes: as long as the hash of HS256 (RFC 7518, 3.2).
const SECRET_BYTES_MIN: usize = 32;
/// The shortest modulus of an RSA key, in bytes: 2,048 bits (RFC 7518, 3.3).
const MODULUS_BYTES_MIN: usize = 256;

/// An algorithm that tokens may be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// RSA with SHA-256 (PKCS #1 v1.5).
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// HMAC with SHA-256: who can verify can sign too.
    Hs256,
}

impl JwtAlgorithm {
    /// As it is written in tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    pub(super) const fn algorithm(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Hs256 => Algorithm::HS256,
        }
    }
}

impl FromStr for JwtAlgorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Rs256, Self::Es256, Self::EdDsa, Self::Hs256];
        let found = all.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| format!("unknown algorithm {text:?}: expected RS256, ES256, EdDSA or HS256"))
    }
}

/// A key, with the one algorithm that it verifies.
#[derive(Clone)]
pub(super) struct VerifyKey {
    pub(super) kid: Option<String>,
    pub(super) algorithm: JwtAlgorithm,
    pub(super) key: DecodingKey,
}

/// Keys that verify tokens.
#[derive(Clone, Default)]
pub struct VerifyKeys(pub(super) Vec<VerifyKey>);

/// Not the keys, of which one may be a secret.
impl std::fmt::Debug for VerifyKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.0.iter().map(|key| (key.kid.as_deref(), key.algorithm.as_str()));
        f.debug_list().entries(shown).finish()
    }
}

/// Why keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A PEM file has no public key.
    #[error("no public key of RSA, P-256 or Ed25519 in PEM; write one with `openssl pkey -pubout`")]
    NoKey,
    /// A PEM file has a private key.
    #[error("it is a private key; give the public one, as `openssl pkey -in FILE -pubout` writes it")]
    Private,
    /// A key of RSA is too short to be trusted.
    #[error("an RSA key takes at least 2048 bits; make one with `openssl genpkey -algorithm RSA`")]
    ShortModulus,
    /// A secret is too short to be one.
    #[error(
        "a secret of HS256 takes at least {SECRET_BYTES_MIN} bytes; make one with `openssl rand -hex 32`"
    )]
    ShortSecret,
    /// A document is no set of keys.
    #[error("not a JSON Web Key Set (RFC 7517): {0}")]
    NotASet(String),
    /// A set has no key that can be used.
    #[error("no key for RS256, ES256 or EdDSA in the set")]
    NoneUsable,
    /// A set has too many keys.
    #[error("more than {KEYS_MAX} keys in the set")]
    TooMany,
}

/// A set of keys, as RFC 7517 writes it. Each key is read by itself: one of a sort that is not known spoils no other.
#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// What is looked at of a key.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    used_for: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

impl VerifyKeys {
    /// The key of a PEM file.
    ///
    /// # Errors
    /// [`KeyError`] when it has no public key that can be used.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        if pem.windows(12).any(|window| window == b"PRIVATE KEY-") {
            return Err(KeyError::Private);
        }
        let found = [
            (JwtAlgorithm::Rs256, DecodingKey::from_rsa_pem(pem)),
            (JwtAlgorithm::Es256, DecodingKey::from_ec_pem(pem)),
            (JwtAlgorithm::EdDsa, DecodingKey::from_ed_pem(pem)),
        ];
        let found = found.into_iter().find_map(|(algorithm, key)| Some((algorithm, key.ok()?)));
        let (algorithm, key) = found.ok_or(KeyError::NoKey)?;
        // The encoded key is longer than its modulus, by less than a shorter modulus is shorter.
        let is_short = || key.try_get_as_bytes().is_ok_and(|bytes| bytes.len() < MODULUS_BYTES_MIN);
        if algorithm == JwtAlgorithm::Rs256 && is_short() {
            return Err(KeyError::ShortModulus);
        }
        Ok(Self(vec![VerifyKey { kid: None, algorithm, key }]))
    }

    /// The key that a secret is, for HS256 alone.
    ///
    /// # Errors
    /// [`KeyError::ShortSecret`].
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::ShortSecret);
        }
        let key = DecodingKey::from_secret(secret);
        Ok(Self(vec![VerifyKey { kid: None, algorithm: JwtAlgorithm::Hs256, key }]))
    }

    /// The keys of a JSON Web Key Set. Secrets in it are passed over: a set is public, and a secret that everybody
    /// knows signs nothing.
    ///
    /// # Errors
    /// [`KeyError`] when it is none, or has no key that can be used.
    pub fn from_key_set(text: &[u8]) -> Result<Self, KeyError> {
        let set: KeySet =
            serde_json::from_slice(text).map_err(|error| KeyError::NotASet(error.to_string()))?;
        if set.keys.len() > KEYS_MAX {
            return Err(KeyError::TooMany);
        }
        let keys: Vec<_> = set.keys.into_iter().filter_map(key_of_set).collect();
        if keys.is_empty() { Err(KeyError::NoneUsable) } else { Ok(Self(keys)) }
    }

    /// Adds keys.
    pub fn add(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The keys of a file: a PEM, or a JSON Web Key Set.
    ///
    /// # Errors
    /// [`KeyError`] when it is neither.
    pub fn from_file(text: &[u8]) -> Result<Self, KeyError> {
        match text.trim_ascii_start().starts_with(b"{") {
            true => Self::from_key_set(text),
            false => Self::from_pem(text),
        }
    }
}

/// A key of a set; none if it is not for verifying, or of a sort that is not known.
fn key_of_set(value: Value) -> Option<VerifyKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let verifies = jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if jwk.used_for.as_deref().is_some_and(|used_for| used_for != "sig") || !verifies {
        return None;
    }
    let (algorithm, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let (n, e) = (jwk.n?, jwk.e?);
            if n.trim_end_matches('=').len() * 3 / 4 < MODULUS_BYTES_MIN {
                return None;
            }
            (JwtAlgorithm::Rs256, DecodingKey::from_rsa_components(&n, &e).ok()?)
        }
        ("EC", Some("P-256")) => {
            (JwtAlgorithm::Es256, DecodingKey::from_ec_components(&jwk.x?, &jwk.y?).ok()?)
        }
        ("OKP", Some("Ed25519")) => (JwtAlgorithm::EdDsa, DecodingKey::from_ed_components(&jwk.x?).ok()?),
        _ => return None,
    };
    // A key that says of which algorithm it is is of no other.
    let is_its = jwk.alg.as_deref().is_none_or(|named| named == algorithm.as_str());
    is_its.then_some(VerifyKey { kid: jwk.kid, algorithm, key })
}
