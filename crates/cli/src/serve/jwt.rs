//! The flags of `serve` for JSON Web Tokens.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use midflight_server::{JwtAlgorithm, JwtOptions, JwtSettings, KeySources, RoleRule};

use crate::fail::Failure;
use crate::scheduling::milliseconds;

/// Which JSON Web Tokens are taken beside API tokens.
#[derive(Debug, Args)]
#[command(next_help_heading = "JSON Web Tokens")]
pub(super) struct JwtArgs {
    /// Accept JSON Web Tokens of this issuer: the `iss` of the tokens.
    #[arg(long, env = "MIDFLIGHT_JWT_ISSUER", value_name = "ISS")]
    jwt_issuer: Option<String>,
    /// The `aud` that they must have; may be given several times, and one suffices.
    #[arg(
        long,
        env = "MIDFLIGHT_JWT_AUDIENCE",
        value_delimiter = ',',
        requires = "jwt_issuer",
        value_name = "AUD"
    )]
    jwt_audience: Vec<String>,
    /// A file with a public key in PEM, or a JSON Web Key Set; may be given several times. A change is in effect within
    /// seconds.
    #[arg(
        long,
        env = "MIDFLIGHT_JWT_KEY_FILE",
        value_delimiter = ',',
        requires = "jwt_issuer",
        value_name = "FILE"
    )]
    jwt_key_file: Vec<PathBuf>,
    /// A file with the secret of HS256, at least 32 bytes.
    #[arg(long, env = "MIDFLIGHT_JWT_SECRET_FILE", requires = "jwt_issuer", value_name = "FILE")]
    jwt_secret_file: Option<PathBuf>,
    /// The address of the issuer's key set (`jwks_uri`), read again every five minutes and when a token has an unknown
    /// key.
    #[arg(long, env = "MIDFLIGHT_JWT_KEYS_URL", requires = "jwt_issuer", value_name = "URL")]
    jwt_keys_url: Option<String>,
    /// The certificates of the authorities that this address is trusted by, in PEM, as those of a Kubernetes cluster.
    #[arg(long, env = "MIDFLIGHT_JWT_KEYS_CA", requires = "jwt_keys_url", value_name = "FILE")]
    jwt_keys_ca: Option<PathBuf>,
    /// The signature algorithms to accept; may be given several times. By default those of the given keys: RS256, ES256
    /// and EdDSA with public keys, HS256 with a secret.
    #[arg(
        long,
        env = "MIDFLIGHT_JWT_ALGORITHM",
        value_delimiter = ',',
        requires = "jwt_issuer",
        value_name = "ALG"
    )]
    jwt_algorithm: Vec<JwtAlgorithm>,
    /// The claim that has the roles of a subject, as groups, realm_access.roles or sub.
    #[arg(long, env = "MIDFLIGHT_JWT_ROLE_CLAIM", default_value = "roles", value_name = "CLAIM")]
    jwt_role_claim: String,
    /// The role of a value of that claim, as platform=admin or "pricing=editor@rules/pricing/*"; may be given several
    /// times. A token without any of them is refused.
    #[arg(long, requires = "jwt_issuer", value_name = "VALUE=ROLE[@PATTERN,...]")]
    jwt_role: Vec<RoleRule>,
    /// The claim that is the author of what a subject changes, after "jwt:".
    #[arg(long, env = "MIDFLIGHT_JWT_NAME_CLAIM", default_value = "sub", value_name = "CLAIM")]
    jwt_name_claim: String,
    /// How far the clocks of issuer and server may be apart, at most 5m.
    #[arg(long, env = "MIDFLIGHT_JWT_LEEWAY", default_value = "30s", value_parser = milliseconds, value_name = "LENGTH")]
    jwt_leeway: u64,
}

impl JwtArgs {
    /// What they say; none when no issuer is given.
    pub(super) fn settings(&self) -> Result<Option<JwtSettings>, Failure> {
        let Some(issuer) = self.jwt_issuer.clone() else { return Ok(None) };
        let has_public = !self.jwt_key_file.is_empty() || self.jwt_keys_url.is_some();
        let algorithms = match self.jwt_algorithm.as_slice() {
            [] => {
                let public = [JwtAlgorithm::Rs256, JwtAlgorithm::Es256, JwtAlgorithm::EdDsa];
                let secret = self.jwt_secret_file.as_ref().map(|_| JwtAlgorithm::Hs256);
                public.into_iter().filter(|_| has_public).chain(secret).collect()
            }
            given => given.to_vec(),
        };
        if !has_public && self.jwt_secret_file.is_none() {
            let message = "--jwt-issuer needs keys: give --jwt-key-file, --jwt-keys-url or --jwt-secret-file";
            return Err(Failure::usage(message));
        }
        let verify = JwtOptions {
            issuer,
            audiences: self.jwt_audience.clone(),
            algorithms,
            leeway: Duration::from_millis(self.jwt_leeway),
            role_claim: self.jwt_role_claim.clone(),
            roles: self.jwt_role.clone(),
            name_claim: self.jwt_name_claim.clone(),
        };
        verify.check().map_err(|error| Failure::usage(format!("--jwt-...: {error}")))?;
        let keys = KeySources {
            files: self.jwt_key_file.clone(),
            secret_file: self.jwt_secret_file.clone(),
            url: self.jwt_keys_url.clone(),
            authorities: self.jwt_keys_ca.clone(),
        };
        Ok(Some(JwtSettings { verify, keys }))
    }
}
