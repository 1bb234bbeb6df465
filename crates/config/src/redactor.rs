//! Takes secrets out of what libraries, servers and this program say: by value, whoever says it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use midflight_core::Problems;

use crate::REDACTED;

/// How many texts are taken out of messages. A config has a few dozen; the rest is for those that were rotated. Past it the
/// oldest are forgotten.
const HIDDEN_MAX: usize = 1024;
/// The shortest line of a secret of several lines that is hidden by itself, in bytes: a line of a key, not a bracket.
const LINE_BYTES_MIN: usize = 8;

/// Secrets, in every shape in which a message may quote them. Cloning it gives another handle on the same.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Hidden>>);

#[derive(Default)]
struct Hidden {
    /// Longest first: a longer one may have a shorter one in it.
    by_length: Vec<Arc<str>>,
    /// Oldest first.
    by_age: VecDeque<Arc<str>>,
}

impl Hidden {
    fn add(&mut self, text: &str) {
        if text.is_empty() || text == REDACTED {
            return;
        }
        let text: Arc<str> = text.into();
        // What is hidden again is in use, and is not the oldest any more.
        if self.by_length.contains(&text) {
            self.by_age.retain(|known| *known != text);
        } else {
            let place = self.by_length.partition_point(|known| known.len() >= text.len());
            self.by_length.insert(place, Arc::clone(&text));
        }
        self.by_age.push_back(text);
        while self.by_age.len() > HIDDEN_MAX {
            let oldest = self.by_age.pop_front();
            self.by_length.retain(|known| Some(known) != oldest.as_ref());
        }
    }
}

impl Redactor {
    /// Keeps a secret out of messages: as it is, as JSON and as Rust quote it, each long line of it, and of a URL the
    /// password in it, as it is written and as it is meant.
    pub fn hide(&self, secret: &str) -> &Self {
        let mut hidden = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for text in shapes(secret) {
            hidden.add(&text);
        }
        drop(hidden);
        self
    }

    /// The text without any of them.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let hidden = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut redacted = Cow::Borrowed(text);
        for secret in &hidden.by_length {
            if redacted.contains(&**secret) {
                redacted = Cow::Owned(redacted.replace(&**secret, REDACTED));
            }
        }
        redacted
    }

    /// The same problems without any of them.
    #[must_use]
    pub fn problems(&self, problems: &Problems) -> Problems {
        problems.map_messages(|message| self.redact(message).into_owned())
    }
}

/// Without any of them.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// The shapes in which a message may quote a secret.
fn shapes(secret: &str) -> Vec<String> {
    let mut shapes = vec![secret.to_owned()];
    shapes.extend(passwords(secret));
    if secret.contains('\n') {
        let lines = secret.lines().map(str::trim).filter(|line| line.len() >= LINE_BYTES_MIN);
        shapes.extend(lines.map(str::to_owned));
    }
    let quoted: Vec<_> = shapes.iter().flat_map(|shape| [format!("{shape:?}"), json(shape)]).collect();
    shapes.extend(
        quoted.into_iter().filter_map(|text| Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())),
    );
    shapes
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// The passwords in a URL, as they are written and as they are meant. A password that is written with a `/` or `?` in it is
/// no URL, and the whole of it is hidden.
fn passwords(url: &str) -> Vec<String> {
    let Some((_, after_scheme)) = url.split_once("://") else { return Vec::new() };
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let in_authority = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    let in_query = after_scheme.split_once('?').map_or("", |(_, query)| query).split('&');
    let in_query = in_query.filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == "password");
    let found = in_authority.into_iter().chain(in_query);
    found.flat_map(|(_, password)| [password.to_owned(), decoded(password)]).collect()
}

/// The text that a percent-encoded one stands for (RFC 3986, 2.1).
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

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_core::{Pointer, Problem};

    #[test]
    fn a_secret_is_taken_out_in_every_shape() {
        let secrets = Redactor::default();
        secrets.hide("postgres://me:p%40ss%2Fword@host/db?password=other").hide("key");
        let said =
            "postgres://me:p%40ss%2Fword@host/db?password=other, p%40ss%2Fword, p@ss/word, other and key";
        assert_eq!(secrets.redact(said), "***, ***, ***, *** and ***");
        secrets.hide("").hide("redis://host");
        assert_eq!(secrets.redact("nothing of it"), "nothing of it");
    }

    #[test]
    fn a_secret_is_taken_out_where_it_is_quoted_and_line_by_line() {
        let secrets = Redactor::default();
        secrets.hide("say \"friend\"\\\nand enter, please");
        assert_eq!(
            secrets.redact(&format!("got {:?}", "say \"friend\"\\\nand enter, please")),
            "got \"***\""
        );
        assert_eq!(secrets.redact("line 2: and enter, please"), "line 2: ***");
        let problem = Problem::new("x", Pointer::root(), "no such say \"friend\"\\");
        assert_eq!(secrets.problems(&problem.into()).to_string(), "at the root: no such ***");
    }

    #[test]
    fn the_oldest_are_forgotten_past_a_bound_and_those_in_use_are_not() {
        let secrets = Redactor::default();
        secrets.hide("secret-in-use").hide("secret-of-old");
        for n in 0..HIDDEN_MAX - 1 {
            secrets.hide(&format!("secret-{n:08}"));
            secrets.hide("secret-in-use");
        }
        assert_eq!(secrets.redact("secret-in-use secret-of-old secret-00000000"), "*** secret-of-old ***");
    }

    #[test]
    fn what_is_no_encoding_stays() {
        assert_eq!(
            (decoded("100%"), decoded("%zz"), decoded("a%20b")),
            ("100%".into(), "%zz".into(), "a b".into())
        );
    }
}
