//! Where the keys of JSON Web Tokens come from: files, and the key set that an issuer publishes, read again as it
//! changes.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_http::jwt::{JwtVerifier, VerifyKeys};
use midflight_outbound::{OutboundClient, OutboundOptions, OutboundPolicy, has_user_info, reason};
use midflight_source::{FileOptions, FileWatch};
use reqwest::{Method, Url};
use tokio_util::sync::CancellationToken;

use crate::authorities::read_authorities;
use crate::error::ServeError;
use crate::jwt_key_files::{FileText, KeyFiles, text_of};

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
    files: KeyFiles,
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
    /// Whether a token had a key that is not known, and the set was not read since.
    is_wanted: bool,
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
        let files = KeyFiles::read(&sources.files, sources.secret_file.as_ref()).map_err(wrong)?;
        let options = FileOptions { poll: FILES_PERIOD, ..FileOptions::default() };
        let watch = FileWatch::new(files.paths(), options)?;
        Ok(Self { files, watch, of_url })
    }

    /// The keys of the files, and those of the address.
    fn keys(&self) -> VerifyKeys {
        let mut keys = self.files.keys();
        if let Some((of_url, _)) = self.of_url.as_ref().and_then(|of_url| of_url.last.as_ref()) {
            keys.add(of_url.clone());
        }
        keys
    }

    /// Gives a verifier the keys, and again whenever they change, until the server stops.
    pub(crate) async fn follow(mut self, verifier: Arc<JwtVerifier>, stopping: CancellationToken) {
        verifier.set_keys(self.keys());
        loop {
            let (changed, problems) = match self.texts().await {
                Some(texts) => self.files.take(texts),
                None => (false, Vec::new()),
            };
            for error in problems {
                tracing::warn!(%error, "cannot read a key of JSON Web Tokens; keeping the current keys of the file");
            }
            let mut fresh = false;
            if let Some(of_url) = &mut self.of_url
                && of_url.is_due()
            {
                fresh = tokio::select! {
                    fresh = of_url.ask() => fresh,
                    () = stopping.cancelled() => return,
                };
            }
            let expired = self.of_url.as_mut().is_some_and(OfUrl::forget_old);
            // Whether or not a file is broken: other keys count as soon as they are there, and old ones no longer.
            if changed || fresh || expired {
                verifier.set_keys(self.keys());
            }
            tokio::select! {
                _ = self.watch.touched() => {}
                () = verifier.unknown_key() => self.want(),
                () = stopping.cancelled() => return,
            }
        }
    }

    /// A token had a key that is not known.
    fn want(&mut self) {
        if let Some(of_url) = &mut self.of_url {
            of_url.is_wanted = true;
        }
    }

    /// What the files have now; none when the runtime ends.
    async fn texts(&self) -> Option<Vec<FileText>> {
        let paths = self.files.paths();
        let read = move || paths.iter().map(|path| text_of(path)).collect();
        tokio::task::spawn_blocking(read).await.ok()
    }
}

impl OfUrl {
    fn new(text: &str, authorities: Option<&Path>, policy: &OutboundPolicy) -> Result<Self, ServeError> {
        // No error repeats the URL: a password may be in it.
        let invalid = |why: &dyn std::fmt::Display| wrong(format!("invalid URL of a key set: {why}"));
        let url = Url::parse(text).map_err(|error| invalid(&error))?;
        if has_user_info(&url) {
            return Err(invalid(&"a set is public, so leave the name and the password out"));
        }
        let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let is_local =
            host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        // An attacker that can change the keys on their way can be any caller.
        if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
            let scheme: String = url.scheme().chars().take(32).collect();
            return Err(invalid(&format!("{scheme}: use https, or http on loopback")));
        }
        policy.check(&url).map_err(|refused| invalid(&refused))?;
        let how = OutboundOptions {
            redirects_max: REDIRECTS_MAX,
            authorities: authorities.map(read_authorities).transpose().map_err(wrong)?,
            connect_timeout: Some(CONNECT_MAX),
            timeout: Some(ANSWER_MAX),
            may_use_proxy: true,
        };
        let client = OutboundClient::new(policy.clone(), how).map_err(wrong)?;
        Ok(Self { client, url, last: None, asked: None, is_wanted: false })
    }

    /// Whether the set is to be read again now.
    fn is_due(&self) -> bool {
        let period = if self.is_wanted { AGAIN_MIN } else { PERIOD };
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
                // Only now: the caller was asked to try again, and no other token may come until then.
                self.is_wanted = false;
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn set(kid: &str) -> Value {
        // A point of the curve is any 32 bytes here: nothing is verified with it.
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "A".repeat(43)}]})
    }

    #[tokio::test]
    async fn a_broken_file_keeps_its_keys_and_holds_up_those_of_the_address_and_of_other_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        };
        let files = vec![write("a", &set("a1").to_string()), write("b", &set("b1").to_string())];
        let sources = KeySources {
            files,
            url: Some("https://issuer.example/keys".to_owned()),
            ..KeySources::default()
        };
        let mut source = KeySource::new(sources, &OutboundPolicy::default()).unwrap();
        let published = |kid: &str| {
            let keys = VerifyKeys::from_key_set(set(kid).to_string().as_bytes()).unwrap();
            Some((keys, Instant::now()))
        };
        let kids = |source: &KeySource| {
            let shown = format!("{:?}", source.keys());
            ["a1", "b1", "b2", "url1", "url2"].map(|kid| shown.contains(kid))
        };
        source.of_url.as_mut().unwrap().last = published("url1");
        assert_eq!(kids(&source), [true, true, false, true, false]);

        // The issuer rotates its key, and the other file has another one, while a file is broken.
        write("a", "{");
        write("b", &set("b2").to_string());
        source.of_url.as_mut().unwrap().last = published("url2");
        let texts = source.texts().await.unwrap();
        let (is_changed, problems) = source.files.take(texts);
        assert!(is_changed && problems.len() == 1 && problems[0].contains("/a: "), "{problems:?}");
        assert_eq!(kids(&source), [true, false, true, false, true]);
        let texts = source.texts().await.unwrap();
        assert_eq!(source.files.take(texts), (false, Vec::new()), "it is reported once");

        // The same of one that is missing, and of keys that are too old.
        std::fs::remove_file(folder.path().join("a")).unwrap();
        source.of_url.as_mut().unwrap().last = None;
        let texts = source.texts().await.unwrap();
        let (is_changed, problems) = source.files.take(texts);
        assert!(!is_changed && problems.len() == 1, "{problems:?}");
        assert_eq!(kids(&source), [true, false, true, false, false]);
    }

    #[tokio::test]
    async fn a_key_that_is_wanted_too_soon_after_a_read_is_read_for_later() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let routes = axum::Router::new().fallback(async || set("new").to_string());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        let sources = KeySources { url: Some(url), ..KeySources::default() };
        let mut source = KeySource::new(sources, &OutboundPolicy::default()).unwrap();
        assert!(source.of_url.as_mut().unwrap().ask().await);
        source.want();
        let of_url = source.of_url.as_mut().unwrap();
        assert!(!of_url.is_due(), "it was read a moment ago");
        // What the loop does meanwhile, as to look at files, changes nothing of that.
        of_url.asked = Instant::now().checked_sub(AGAIN_MIN);
        assert!(of_url.is_due());
        assert!(of_url.ask().await);
        of_url.asked = Instant::now().checked_sub(AGAIN_MIN);
        assert!(!of_url.is_due(), "nothing is wanted since");
    }

    #[test]
    fn no_error_of_an_address_repeats_its_user_or_password() {
        for url in [
            "https://canary-user:canary-password@issuer.example/keys",
            "http://canary-user:canary-password@issuer.example/keys",
            "ftp://:canary-password@issuer.example/keys",
            "canary-user:canary-password@issuer.example/keys",
            "https://canary-user:canary-password@issuer.example:port/keys",
            "https://canary-user:canary-password@/keys",
        ] {
            let sources = KeySources { url: Some(url.to_owned()), ..KeySources::default() };
            let refused = KeySource::new(sources, &OutboundPolicy::default()).err().unwrap();
            let (shown, debug) = (refused.to_string(), format!("{refused:?}"));
            assert!(shown.contains("invalid URL of a key set"), "{url}: {shown}");
            assert!(!shown.contains("canary") && !debug.contains("canary"), "{url}: {shown} {debug}");
        }
    }
}
