//! How signatures of tokens are verified: by ring, which is in the program for TLS already. Nothing is signed here.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use signature::{Error, Verifier};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    // Keys of sets are read here and not by the library.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has tokens verified so in this process. A program that has chosen otherwise before keeps what it chose.
pub(super) fn install() {
    PROVIDER.install_default().ok();
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let (algorithm, key) = (*algorithm, key.clone());
    match algorithm {
        Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA | Algorithm::HS256 => {
            Ok(Box::new(OneKey { algorithm, key }))
        }
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    }
}

/// Verifies by one key and one algorithm.
struct OneKey {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl OneKey {
    /// Verifies by the bytes of a key.
    fn by_bytes(
        &self,
        algorithm: &'static dyn VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> std::result::Result<(), Error> {
        let key = self.key.try_get_as_bytes().map_err(|_| Error::new())?;
        UnparsedPublicKey::new(algorithm, key).verify(message, signature).map_err(|_| Error::new())
    }
}

impl Verifier<Vec<u8>> for OneKey {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        match (self.algorithm, self.key.kind()) {
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).map_err(|_| Error::new())
            }
            (Algorithm::RS256, _) => self.by_bytes(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            (Algorithm::ES256, _) => self.by_bytes(&ECDSA_P256_SHA256_FIXED, message, signature),
            (Algorithm::EdDSA, _) => self.by_bytes(&ED25519, message, signature),
            (Algorithm::HS256, _) => {
                let secret = self.key.try_get_as_bytes().map_err(|_| Error::new())?;
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
                // In constant time.
                ring::hmac::verify(&key, message, signature).map_err(|_| Error::new())
            }
            _ => Err(Error::new()),
        }
    }
}

impl JwtVerifier for OneKey {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
