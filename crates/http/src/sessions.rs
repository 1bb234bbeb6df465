//! Sessions of browsers: a secret of their own in a cookie that scripts cannot read, instead of the token.
//!
//! A session is kept beside the tokens, so that it reaches all replicas as they do. Its name has the id of the token that
//! it was made with: revoked, rotated or expired, that token takes its sessions with it.
//!
//! Of a JSON Web Token nothing is kept anywhere, and it cannot be revoked: there the cookie has the token itself.

use axum::http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use midflight_store::Token;

use crate::principal::TokenId;
use crate::tokens::{fresh_token, hash_of};

/// How long a session is valid, in hours. 12: a day of work.
pub(crate) const HOURS_MAX: i64 = 12;
/// How many sessions a token may have at the same time; past it the oldest ends. 16: the browsers of a person.
pub(crate) const SESSIONS_MAX: usize = 16;
/// How long a JSON Web Token in a cookie may be, in bytes. 4,000: browsers drop a cookie whose name and value have more
/// than 4,096.
pub(crate) const JWT_COOKIE_BYTES_MAX: usize = 4_000;
/// The cookie.
const COOKIE: &str = "midflight_session";
/// What is in the place of a role. No version takes it for one, so that an earlier one gives a session no permission.
const ROLE: &str = "session";
/// What the names of sessions begin with; no token can have the colon in its name.
const NAME_PREFIX: &str = "session:";

/// A session that was made.
pub(crate) struct NewSession {
    /// What the store keeps.
    pub(crate) kept: Token,
    /// What the cookie has.
    secret: String,
}

impl NewSession {
    /// One for the holder of a token, who may be valid for a shorter time.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn new(parent: TokenId, until: Option<Timestamp>) -> Result<Self, getrandom::Error> {
        let (secret, now) = (fresh_token()?, Timestamp::now());
        let latest = now + SignedDuration::from_hours(HOURS_MAX);
        let hash = hash_of(&secret);
        let name = format!("{NAME_PREFIX}{parent}:{}", hash.get(..16).unwrap_or_default());
        let expires_at = Some(until.map_or(latest, |until| until.min(latest)));
        Ok(Self { kept: Token { expires_at, ..Token::new(&name, ROLE, &hash, now) }, secret })
    }

    /// The header that gives it to the browser.
    pub(crate) fn set_cookie(&self, is_encrypted: bool) -> HeaderValue {
        let left = self.kept.expires_at.map_or(0, |until| until.duration_since(Timestamp::now()).as_secs());
        header(&self.secret, left, is_encrypted)
    }
}

/// The header that gives a browser a JSON Web Token as its session, and when that ends.
pub(crate) fn jwt_cookie(
    token: &str,
    until: Option<Timestamp>,
    is_encrypted: bool,
) -> (HeaderValue, Timestamp) {
    let now = Timestamp::now();
    let latest = now + SignedDuration::from_hours(HOURS_MAX);
    let until = until.map_or(latest, |until| until.min(latest));
    (header(token, until.duration_since(now).as_secs(), is_encrypted), until)
}

/// The header that takes it from the browser.
pub(crate) fn clear_cookie(is_encrypted: bool) -> HeaderValue {
    header("", 0, is_encrypted)
}

fn header(secret: &str, seconds: i64, is_encrypted: bool) -> HeaderValue {
    let secure = if is_encrypted { "; Secure" } else { "" };
    let text = format!("{COOKIE}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    // It has the characters of a token alone.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// The secret of the cookie of a request.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, secret)| *name == COOKIE && !secret.is_empty()).map(|(_, secret)| secret)
}

/// Whether what the store keeps is a session and no token.
pub(crate) fn is_session(token: &Token) -> bool {
    token.role == ROLE && token.name.starts_with(NAME_PREFIX)
}

/// The token that a session was made with.
pub(crate) fn parent(session: &Token) -> Option<TokenId> {
    TokenId::of_text(session.name.strip_prefix(NAME_PREFIX)?.split_once(':')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let secret = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::from_static(line));
            }
            cookie(&headers).map(str::to_owned)
        };
        assert_eq!(secret(&["a=b; midflight_session=mf_x; c=d"]).as_deref(), Some("mf_x"));
        assert_eq!(secret(&["a=b", "midflight_session=mf_y"]).as_deref(), Some("mf_y"));
        for none in [&["a=b"][..], &["midflight_session="], &["xmidflight_session=mf_x"], &[]] {
            assert_eq!(secret(none), None);
        }
    }

    #[test]
    fn a_session_names_its_token_and_ends_no_later() {
        let id = TokenId::of(&blake3::hash(b"token"));
        let soon = Timestamp::now() + SignedDuration::from_secs(90);
        let session = NewSession::new(id, Some(soon)).unwrap();
        assert!(is_session(&session.kept) && parent(&session.kept) == Some(id));
        assert_eq!(session.kept.expires_at, Some(soon));
        let header = session.set_cookie(true);
        let header = header.to_str().unwrap();
        assert!(
            header.ends_with("; HttpOnly; SameSite=Strict; Secure") && header.contains("; Max-Age=8"),
            "{header}"
        );
        assert!(!session.set_cookie(false).to_str().unwrap().contains("Secure"));
    }
}
