//! Where the keys of JSON Web Tokens come from: files, and the key set that an issuer publishes, read again as it
//! changes.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_http::jwt::{JwtVerifier, VerifyKeys};
use midflight_outbound::{OutboundClient, OutboundOptions, OutboundPolicy, reason};
use midflight_source::{FileOptions, FileWatch};
use reqwest::{Method, Url};
use tokio_util::sync::CancellationToken;

use crate::authorities::read_authorities;
use crate::bounded_file::read;
use crate::error::ServeError;

/// How long a key set may be, in bytes. 1 MiB: a hundred keys with their certificates.
const SET_BYTES_MAX: usize = 1 << 20;
/// How long a connection, and the whole answer, may take.
const CONNECT_MAX: Duration = Duration::from_secs(3);
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How many redirects within the same origin are followed.
const REDIRECTS_MAX: usize = 3;
/// How often the keys are read again.
const PERIOD: Duration = Duration::from_secs(300);
/// How often files are looked at without an event.
const FILES_PERIOD: Duration = Duration::from_secs(1);
/// How soon at the earliest the set is read again since a token had a key that is not known.
const AGAIN_MIN: Duration = Duration::from_secs(10);
/// How long keys of a set that cannot be read again are used.
const KEYS_AGE_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Where keys come from.
#[derive(Debug, Clone, Default)]
pub struct KeySources {
    /// Files with a public key in PEM, or a JSON Web Key Set. A change is in effect within seconds.
    pub files: Vec<PathBuf>,
    /// A file with the secret of HS256.
    pub secret_file: Option<PathBuf>,
    /// The address of the key set that an issuer publishes: `https`, or `http` on loopback.
    pub url: Option<String>,
    /// A file with the certificates of the authorities that the address is trusted by, in PEM; the web's ones without.
    pub authorities: Option<PathBuf>,
}

/// Reads the keys.
pub(crate) struct KeySource {
    sources: KeySources,
    /// When to read the files again.
    watch: FileWatch,
    of_url: Option<OfUrl>,
}

/// The key set of an address.
struct OfUrl {
    client: OutboundClient,
    url: Url,
    /// What it had last, and when that was read.
    last: Option<(VerifyKeys, Instant)>,
    asked: Option<Instant>,
}

fn wrong(what: impl std::fmt::Display) -> ServeError {
    ServeError::Jwt(what.to_string())
}

impl KeySource {
    /// Checks where keys come from. Files are read; an address is not asked yet.
    pub(crate) fn new(sources: KeySources, policy: &OutboundPolicy) -> Result<Self, ServeError> {
        if sources.files.is_empty() && sources.secret_file.is_none() && sources.url.is_none() {
            return Err(wrong("no key: give a file, the file of a secret, or the URL of a key set"));
        }
        let of_url = match &sources.url {
            Some(url) => Some(OfUrl::new(url, sources.authorities.as_deref(), policy)?),
            None => None,
        };
        let files = sources.files.iter().chain(&sources.secret_file).cloned();
        let watch = FileWatch::new(files, FileOptions { poll: FILES_PERIOD, ..FileOptions::default() })?;
        let source = Self { sources, watch, of_url };
        source.of_files().map_err(wrong)?;
        Ok(source)
    }

    /// The keys of the files.
    fn of_files(&self) -> Result<VerifyKeys, String> {
        let mut keys = VerifyKeys::default();
        let message = |file: &Path, why: String| format!("{}: {why}", file.display());
        for file in &self.sources.files {
            let text = read(file).map_err(|error| message(file, error.to_string()))?;
            keys.add(VerifyKeys::from_file(&text).map_err(|error| message(file, error.to_string()))?);
        }
        if let Some(file) = &self.sources.secret_file {
            let text = read(file).map_err(|error| message(file, error.to_string()))?;
            // Editors end a file with a line end, which is not meant to be part of the secret.
            let secret = text.strip_suffix(b"\n").unwrap_or(&text);
            let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
            keys.add(VerifyKeys::from_secret(secret).map_err(|error| message(file, error.to_string()))?);
        }
        Ok(keys)
    }

    /// Gives a verifier the keys, and again whenever they change, until the server stops.
    pub(crate) async fn follow(mut self, verifier: Arc<JwtVerifier>, stopping: CancellationToken) {
        let mut files = Vec::new();
        let mut is_wanted = true;
        loop {
            let read = self.texts().await;
            let changed = read != files;
            let mut fresh = false;
            if let Some(of_url) = &mut self.of_url
                && of_url.is_due(is_wanted)
            {
                fresh = tokio::select! {
                    fresh = of_url.ask() => fresh,
                    () = stopping.cancelled() => return,
                };
            }
            let expired = self.of_url.as_mut().is_some_and(OfUrl::forget_old);
            if changed || fresh || expired {
                match self.of_files() {
                    Ok(mut keys) => {
                        let of_url = self.of_url.as_ref().and_then(|of_url| of_url.last.as_ref());
                        if let Some((of_url, _)) = of_url {
                            keys.add(of_url.clone());
                        }
                        verifier.set_keys(keys);
                        files = read;
                    }
                    // A file that is being replaced is looked at again.
                    Err(error) => {
                        tracing::warn!(%error, "cannot read a key of JSON Web Tokens; keeping current keys")
                    }
                }
            }
            is_wanted = tokio::select! {
                _ = self.watch.touched() => false,
                () = verifier.unknown_key() => true,
                () = stopping.cancelled() => return,
            };
        }
    }

    /// What the files have, to see whether they changed.
    async fn texts(&self) -> Vec<Option<Vec<u8>>> {
        let files: Vec<_> = self.sources.files.iter().chain(&self.sources.secret_file).cloned().collect();
        let read = move || files.iter().map(|file| read(file).ok()).collect();
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }
}

impl OfUrl {
    fn new(text: &str, authorities: Option<&Path>, policy: &OutboundPolicy) -> Result<Self, ServeError> {
        let url =
            Url::parse(text).map_err(|error| wrong(format!("invalid URL of a key set {text:?}: {error}")))?;
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let is_local =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        // An attacker that can change the keys on their way can be any caller.
        if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
            return Err(wrong(format!("invalid URL of a key set {text:?}: use https, or http on loopback")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "invalid URL of a key set: a set is public, so leave the name and the password out",
            ));
        }
        policy.check(&url).map_err(|refused| wrong(format!("invalid URL of a key set: {refused}")))?;
        let how = OutboundOptions {
            redirects_max: REDIRECTS_MAX,
            authorities: authorities.map(read_authorities).transpose().map_err(wrong)?,
            connect_timeout: Some(CONNECT_MAX),
            timeout: Some(ANSWER_MAX),
            may_use_proxy: true,
        };
        let client = OutboundClient::new(policy.clone(), how).map_err(wrong)?;
        Ok(Self { client, url, last: None, asked: None })
    }

    /// Whether the set is to be read again now.
    fn is_due(&self, is_wanted: bool) -> bool {
        let period = if is_wanted { AGAIN_MIN } else { PERIOD };
        // One that was never read is asked for again soon.
        let period = if self.last.is_none() { AGAIN_MIN } else { period };
        self.asked.is_none_or(|asked| asked.elapsed() >= period)
    }

    /// Reads the set, and answers whether there is one.
    async fn ask(&mut self) -> bool {
        self.asked = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => {
                tracing::debug!(?keys, "keys of JSON Web Tokens read");
                self.last = Some((keys, Instant::now()));
                true
            }
            Err(error) => {
                tracing::warn!(url = %self.url, %error, "cannot read the keys of JSON Web Tokens; keeping current keys");
                false
            }
        }
    }

    async fn fetch(&self) -> Result<VerifyKeys, String> {
        let request =
            self.client.request(Method::GET, self.url.clone()).map_err(|refused| refused.to_string());
        let mut response = request?.send().await.map_err(reason)?;
        if response.status().is_redirection() {
            return Err("it redirects to another origin, or too often".to_owned());
        }
        if !response.status().is_success() {
            return Err(format!("it answered {}", response.status()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(reason)? {
            if bytes.len() + chunk.len() > SET_BYTES_MAX {
                return Err(format!("it has more than {SET_BYTES_MAX} bytes"));
            }
            bytes.extend_from_slice(&chunk);
        }
        VerifyKeys::from_key_set(&bytes).map_err(|error| error.to_string())
    }

    /// Forgets keys that could not be read again for too long, and answers whether there were any.
    fn forget_old(&mut self) -> bool {
        let is_old = self.last.as_ref().is_some_and(|(_, read)| read.elapsed() > KEYS_AGE_MAX);
        if is_old {
            tracing::error!(url = %self.url, "keys of JSON Web Tokens not read for a day; their tokens are refused");
            self.last = None;
        }
        is_old
    }
}
