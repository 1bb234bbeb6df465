//! Signatures by the Standard Webhooks specification (1.0.0, `v1`): HMAC-SHA256 of `ID.TIMESTAMP.BODY`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// How many bytes a key has, as the specification recommends: 192 to 512 bits.
const KEY_BYTES: (usize, usize) = (24, 64);
/// The beginning of a secret in base64.
const PREFIX: &str = "whsec_";

/// A key that requests are signed with. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// The key of a secret of any length: `whsec_` and its bytes in base64, or the bytes of the text itself. None for one
    /// that is not base64.
    #[must_use]
    pub fn of(secret: &str) -> Option<Self> {
        match secret.strip_prefix(PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).ok().map(Self),
            None => Some(Self(secret.as_bytes().to_vec())),
        }
    }

    /// The key of a secret that is long enough to sign with.
    ///
    /// # Errors
    /// What is wrong with it, without any of it.
    pub fn new(secret: &str) -> Result<Self, String> {
        let (min, max) = KEY_BYTES;
        let cure = format!("use {PREFIX} and {min} to {max} random bytes in base64");
        match Self::of(secret) {
            None => Err(format!("the secret is not base64; {cure}")),
            Some(Self(key)) if !(min..=max).contains(&key.len()) => {
                Err(format!("the secret has {} bytes; {cure}", key.len()))
            }
            Some(key) => Ok(key),
        }
    }

    /// The authentication code of a request. `sent` is its time in seconds since 1970.
    #[must_use]
    pub fn code(&self, id: &str, sent: &str, body: &[u8]) -> Vec<u8> {
        // HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return Vec::new() };
        for part in [id.as_bytes(), b".", sent.as_bytes(), b".", body] {
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    }

    /// The value of `webhook-signature`.
    #[must_use]
    pub fn signature(&self, id: &str, sent: &str, body: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(self.code(id, sent, body)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own documents.
    #[test]
    fn a_request_is_signed_as_the_specification_defines() {
        let key = SigningKey::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            key.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{key:?}"), "SigningKey(***)");
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused() {
        for (secret, part) in [
            ("", "has 0 bytes"),
            ("hunter2", "has 7 bytes"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La", "has 21 bytes"),
            ("whsec_!", "not base64"),
            (&"x".repeat(65), "has 65 bytes"),
        ] {
            let refused = SigningKey::new(secret).unwrap_err();
            assert!(refused.contains(part) && !refused.contains("hunter2"), "{refused}");
        }
        assert!(SigningKey::new(&"x".repeat(24)).is_ok());
    }
}
