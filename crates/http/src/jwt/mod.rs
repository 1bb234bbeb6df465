//! JSON Web Tokens: how an OIDC provider or a Kubernetes service account comes in. Nothing here reaches for a network:
//! keys are given, and a token with an unknown key asks for others and is refused.

mod claims;
mod crypto;
mod keys;
mod verifier;

pub(crate) use claims::granted_to;
pub use claims::{RoleRule, RoleRuleError};
pub use keys::{JwtAlgorithm, KeyError, VerifyKeys};
pub use verifier::{JwtOptions, JwtOptionsError, JwtVerifier};
