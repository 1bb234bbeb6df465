//! JSON Web Tokens and keys.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use midflight_http::jwt::{JwtAlgorithm, JwtOptions, JwtVerifier, VerifyKeys};
use midflight_http::tokens::{KnownTokens, Tokens};
use ring::hmac;

const SECRET: &[u8] = b"a-secret-of-the-fuzz-targets-that-opens-nothing";

/// A token as it comes, claims that are signed, and a set of keys.
pub fn jwt(bytes: &[u8]) {
    static TOKENS: OnceLock<Option<Tokens>> = OnceLock::new();
    let Some(tokens) = TOKENS.get_or_init(tokens) else { return };
    for token in [String::from_utf8_lossy(bytes).into_owned(), signed(bytes)] {
        let Ok(value) = HeaderValue::try_from(format!("Bearer {token}")) else { continue };
        drop(tokens.principal(&HeaderMap::from_iter([(AUTHORIZATION, value)])));
    }
    drop(VerifyKeys::from_key_set(bytes));
    drop(VerifyKeys::from_file(bytes));
}

fn tokens() -> Option<Tokens> {
    let options = JwtOptions {
        issuer: "https://issuer.example".to_owned(),
        audiences: vec!["midflight".to_owned()],
        algorithms: vec![JwtAlgorithm::Hs256],
        leeway: Duration::from_secs(30),
        role_claim: "groups".to_owned(),
        roles: ["a=editor@rules/*", "*=viewer"].iter().filter_map(|rule| rule.parse().ok()).collect(),
        name_claim: "sub".to_owned(),
    };
    let verifier = JwtVerifier::new(options).ok()?;
    verifier.set_keys(VerifyKeys::from_secret(SECRET).ok()?);
    Some(Tokens::new(KnownTokens::default()).with_jwt(Arc::new(verifier)))
}

/// The bytes as the claims of a token that is signed.
fn signed(claims: &[u8]) -> String {
    let head = URL_SAFE_NO_PAD.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
