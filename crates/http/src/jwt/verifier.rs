//! From a signed token to who sent it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::claims::{RoleRule, claim, granted, known_values};
use super::crypto;
use super::keys::{JwtAlgorithm, VerifyKey, VerifyKeys};
use crate::code::Code;
use crate::principal::{Principal, Role, TokenId};
use crate::problem::ApiError;

/// The longest token, in bytes. 16 KiB: one with many groups.
const TOKEN_BYTES_MAX: usize = 16 << 10;
/// The longest name that is taken from a token, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// How many tokens are known to be good, so that their signatures are not computed for each request.
const KNOWN_MAX: usize = 4_096;
/// How far clocks may be apart at most.
const LEEWAY_MAX: Duration = Duration::from_secs(300);

/// How tokens are verified.
#[derive(Debug, Clone)]
pub struct JwtOptions {
    /// Who must have issued them: their `iss`.
    pub issuer: String,
    /// For whom they must be: one of these is in their `aud`.
    pub audiences: Vec<String>,
    /// What they may be signed with. A key verifies one algorithm alone, whatever the token says.
    pub algorithms: Vec<JwtAlgorithm>,
    /// How far clocks may be apart, at most 5 minutes.
    pub leeway: Duration,
    /// The claim that says what its subject is, as `groups` or `realm_access.roles`.
    pub role_claim: String,
    /// Which role its values give. Without a match the token is refused.
    pub roles: Vec<RoleRule>,
    /// The claim that is the author of what its subject changes, after `jwt:`.
    pub name_claim: String,
}

/// What is wrong with options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwtOptionsError {
    /// There is no issuer.
    #[error("no issuer: give the `iss` of the tokens")]
    NoIssuer,
    /// There is no audience: a token for another service would be good here.
    #[error("no audience: give the `aud` of the tokens, so that one for another service is refused")]
    NoAudience,
    /// There is no algorithm.
    #[error("no algorithm")]
    NoAlgorithm,
    /// There is no rule, so that every caller would be refused.
    #[error("no role: give at least one rule VALUE=ROLE")]
    NoRole,
    /// The clocks may be too far apart.
    #[error("the leeway is more than {} s", LEEWAY_MAX.as_secs())]
    Leeway,
}

impl JwtOptions {
    /// Looks for what is missing.
    ///
    /// # Errors
    /// [`JwtOptionsError`].
    pub fn check(&self) -> Result<(), JwtOptionsError> {
        match self {
            Self { issuer, .. } if issuer.is_empty() => Err(JwtOptionsError::NoIssuer),
            Self { audiences, .. } if audiences.is_empty() => Err(JwtOptionsError::NoAudience),
            Self { algorithms, .. } if algorithms.is_empty() => Err(JwtOptionsError::NoAlgorithm),
            Self { roles, .. } if roles.is_empty() => Err(JwtOptionsError::NoRole),
            Self { leeway, .. } if *leeway > LEEWAY_MAX => Err(JwtOptionsError::Leeway),
            _ => Ok(()),
        }
    }
}

/// Verifies tokens by the keys that it was given last.
#[derive(Debug)]
pub struct JwtVerifier {
    options: JwtOptions,
    keys: RwLock<Arc<VerifyKeys>>,
    /// Tokens that were verified with these keys, by their hash.
    known: Mutex<HashMap<[u8; 32], Principal>>,
    unknown_key: Notify,
}

impl JwtVerifier {
    /// One without keys, which refuses every token.
    ///
    /// # Errors
    /// [`JwtOptionsError`].
    pub fn new(options: JwtOptions) -> Result<Self, JwtOptionsError> {
        options.check()?;
        crypto::install();
        Ok(Self { options, keys: RwLock::default(), known: Mutex::default(), unknown_key: Notify::new() })
    }

    /// Verifies by these keys from now on. Tokens that others verified are verified again.
    pub fn set_keys(&self, keys: VerifyKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until a token with a key that is not known was refused: its issuer may have other keys by now.
    pub async fn unknown_key(&self) {
        self.unknown_key.notified().await;
    }

    /// Who issues the tokens.
    pub(crate) fn issuer(&self) -> &str {
        &self.options.issuer
    }

    /// Says who sent a token.
    ///
    /// # Errors
    /// 401 for one that is not valid, and why; 403 for one that is and gives no role.
    pub(crate) fn principal(&self, token: &str) -> Result<Principal, ApiError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(refused(&format!("it has more than {TOKEN_BYTES_MAX} bytes")));
        }
        let hash = *blake3::hash(token.as_bytes()).as_bytes();
        let now = Timestamp::now();
        let found = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        if let Some(principal) = found.filter(|it| it.expires_at().is_some_and(|until| now < until)) {
            return Ok(principal);
        }
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let principal = self.subject(&self.verified(&keys, token)?)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Keys that were set meanwhile may not be those that verified it.
        let is_current = Arc::ptr_eq(&keys, &self.keys.read().unwrap_or_else(PoisonError::into_inner));
        if is_current {
            if known.len() >= KNOWN_MAX {
                known.clear();
            }
            known.insert(hash, principal.clone());
        }
        Ok(principal)
    }

    /// The claims of a token that is valid.
    fn verified(&self, keys: &VerifyKeys, token: &str) -> Result<Map<String, Value>, ApiError> {
        let header = decode_header(token)
            .map_err(|_| refused("its header cannot be read, or its algorithm is unknown"))?;
        // RFC 7515, 4.1.11: what must be understood and is not is refused.
        if header.crit.is_some() {
            return Err(refused("it has critical headers, and none is known"));
        }
        let allowed = self.options.algorithms.iter().find(|it| it.algorithm() == header.alg);
        let Some(&algorithm) = allowed else {
            return Err(refused(&format!("its algorithm {:?} is not allowed", header.alg)));
        };
        // A key is tried for its own algorithm only: a public key is never the secret of an HMAC.
        let is_candidate = |key: &&VerifyKey| {
            let is_named = match (&header.kid, &key.kid) {
                (Some(wanted), Some(kid)) => wanted == kid,
                _ => true,
            };
            key.algorithm == algorithm && is_named
        };
        let candidates: Vec<_> = keys.0.iter().filter(is_candidate).collect();
        if candidates.is_empty() {
            self.unknown_key.notify_one();
            return Err(refused(
                "its key is not known; if its issuer has a new one, try again in some seconds",
            ));
        }
        let mut validation = self.validation(algorithm);
        let mut why = ErrorKind::InvalidSignature;
        for candidate in candidates {
            match decode::<Map<String, Value>>(token, &candidate.key, &validation) {
                Ok(decoded) => return Ok(decoded.claims),
                // Another key may have made it.
                Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature) => {}
                Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => {
                    // The signature was verified before the time, so who it was of is known.
                    validation.validate_exp = false;
                    let claims = decode::<Map<String, Value>>(token, &candidate.key, &validation);
                    let error = refused("it has expired");
                    return Err(match claims.ok().and_then(|decoded| self.subject(&decoded.claims).ok()) {
                        Some(principal) => error.refusing(principal),
                        None => error,
                    });
                }
                Err(error) => why = error.into_kind(),
            }
        }
        if matches!(why, ErrorKind::InvalidSignature) {
            // A key without an id may have been replaced by another one.
            self.unknown_key.notify_one();
        }
        Err(refused(&match why {
            ErrorKind::ImmatureSignature => "it is not valid yet".to_owned(),
            ErrorKind::InvalidAudience => {
                format!("it is not for this server; its aud is to be {}", self.options.audiences.join(" or "))
            }
            ErrorKind::InvalidIssuer => format!("its issuer is not {}", self.options.issuer),
            ErrorKind::MissingRequiredClaim(claim) => format!("it has no {claim}"),
            ErrorKind::InvalidSignature => "its signature is not that of a known key".to_owned(),
            _ => "it is malformed".to_owned(),
        }))
    }

    fn validation(&self, algorithm: JwtAlgorithm) -> Validation {
        let mut validation = Validation::new(algorithm.algorithm());
        validation.leeway = self.options.leeway.as_secs();
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.options.issuer]);
        validation.set_audience(&self.options.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation
    }

    /// Who the claims are of.
    fn subject(&self, claims: &Map<String, Value>) -> Result<Principal, ApiError> {
        let text = |path: &str| claim(claims, path).and_then(Value::as_str);
        let subject = text("sub").ok_or_else(|| refused("its sub is no text"))?;
        let name = text(&self.options.name_claim).unwrap_or(subject);
        let shows =
            |text: &str| (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        if !shows(name) || !shows(subject) {
            return Err(refused(&format!(
                "its name is longer than {NAME_BYTES_MAX} bytes, or has control characters"
            )));
        }
        let expires =
            claims.get("exp").and_then(Value::as_f64).filter(|seconds| (0.0..1e11).contains(seconds));
        let expires = expires.ok_or_else(|| refused("its exp is no time"))?;
        // It was compared with the bounds before, so it is a whole number of seconds of i64.
        let expires = Timestamp::from_second(expires as i64).unwrap_or(Timestamp::UNIX_EPOCH);
        let leeway = SignedDuration::try_from(self.options.leeway).unwrap_or_default();
        let until = expires.checked_add(leeway).unwrap_or(Timestamp::MAX);
        // By issuer and subject, so that it is the same for each of their tokens.
        let id = TokenId::of(&blake3::hash(format!("{}\0{subject}", self.options.issuer).as_bytes()));
        // No API token has a colon in its name, so that no other caller is taken for the holder of one.
        let name_of = |name: &str| format!("jwt:{name}");
        let role = claim(claims, &self.options.role_claim);
        let Some((role, scopes)) = granted(&self.options.roles, role) else {
            let detail = format!(
                "the token of {name:?} gives no role: its claim {} has none of {}",
                self.options.role_claim,
                known_values(&self.options.roles)
            );
            let caller = Principal::of_subject(&name_of(name), Role::Anonymous, id, None, until);
            return Err(ApiError::new(Code::FORBIDDEN, detail).refusing(caller));
        };
        Ok(Principal::of_subject(&name_of(name), role, id, scopes, until))
    }
}

/// The error for a token that is not valid.
fn refused(why: &str) -> ApiError {
    ApiError::new(Code::UNAUTHENTICATED, format!("invalid JSON Web Token: {why}"))
}
