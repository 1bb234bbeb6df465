//! Takes secrets out of what libraries and servers say.

use midflight_config::REDACTED;

/// Secrets, in every shape in which a message may quote them.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Keeps a secret out of messages.
    pub(crate) fn hide(&mut self, secret: &str) -> &mut Self {
        if !secret.is_empty() && !self.0.iter().any(|hidden| hidden == secret) {
            self.0.push(secret.to_owned());
            // A longer one may have a shorter one in it, and has to go first.
            self.0.sort_by_key(|hidden| std::cmp::Reverse(hidden.len()));
        }
        self
    }

    /// Keeps a URL out of messages, and by itself the password in it, as it is written and as it is meant.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn hide_url(&mut self, url: &str) -> &mut Self {
        self.hide(url);
        let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
        // A password that is written with a `/` or `?` in it is no URL, and the whole of it is hidden above.
        let in_authority = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        let in_query = after_scheme.split_once('?').map_or("", |(_, query)| query).split('&');
        let in_query = in_query.filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == "password");
        for (_, password) in in_authority.into_iter().chain(in_query) {
            self.hide(password).hide(&decoded(password));
        }
        self
    }

    /// The text without any of them.
    pub(crate) fn scrub(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), REDACTED))
    }
}

/// The text that a percent-encoded one stands for (RFC 3986, 2.1).
#[cfg(any(feature = "postgres", feature = "redis"))]
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.filter(|_| first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(all(test, any(feature = "postgres", feature = "redis")))]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_in_every_shape() {
        let mut secrets = Secrets::default();
        secrets.hide_url("postgres://me:p%40ss%2Fword@host/db?password=other").hide("key");
        let said =
            "postgres://me:p%40ss%2Fword@host/db?password=other, p%40ss%2Fword, p@ss/word, other and key";
        assert_eq!(secrets.scrub(said), "***, ***, ***, *** and ***");
        secrets.hide("").hide_url("redis://host");
        assert_eq!(secrets.scrub("nothing of it"), "nothing of it");
    }

    #[test]
    fn what_is_no_encoding_stays() {
        assert_eq!(
            (decoded("100%"), decoded("%zz"), decoded("a%20b")),
            ("100%".into(), "%zz".into(), "a b".into())
        );
    }
}
