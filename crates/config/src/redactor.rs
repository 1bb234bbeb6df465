//! Removes secrets from the texts of libraries, servers and this program: by value, independent of the source.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use midflight_core::Problems;

use crate::REDACTED;

/// How many texts are taken out of messages, beside those in use. A config has a few dozen; the rest is for those that
/// were rotated. Past it the oldest that is not in use is forgotten.
const HIDDEN_MAX: usize = 1024;
/// The shortest text that is taken out of messages, in bytes. A shorter one is part of too many words, and would make
/// every message unreadable.
const HIDDEN_BYTES_MIN: usize = 4;
/// The shortest line of a secret of several lines that is hidden by itself, in bytes: a line of a key, not a bracket.
const LINE_BYTES_MIN: usize = 8;
/// How many lines of a secret are hidden by themselves. 128: the longest keys in use have about 100. The whole of a
/// longer one is hidden nevertheless.
const SECRET_LINES_MAX: usize = 128;

/// Secrets, in every shape in which a message may quote them. Cloning it gives another handle on the same.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<HiddenSecrets>>);

/// Keeps secrets hidden as long as it is there, whatever number of others is hidden meanwhile. A clone keeps the same
/// ones.
#[derive(Clone, Default)]
pub(crate) struct SecretGuard(#[expect(dead_code, reason = "its being there is counted")] Arc<Vec<Arc<str>>>);

/// Texts in the order in which they are taken out. Longest first: a longer one may have a shorter one in it.
type ByLength = (Reverse<usize>, Arc<str>);

#[derive(Default)]
struct HiddenSecrets {
    /// Each with when it was last hidden.
    texts: BTreeMap<ByLength, u64>,
    /// Oldest first.
    by_age: BTreeMap<u64, Arc<str>>,
    /// Counts what was hidden.
    clock: u64,
}

impl HiddenSecrets {
    /// How many handles on a text this has itself. Whatever has another one uses the text.
    const OWN_HANDLES: usize = 2;

    /// Hides a text; none when it is not one that can be hidden.
    fn add(&mut self, text: &str) -> Option<Arc<str>> {
        if text.len() < HIDDEN_BYTES_MIN || text == REDACTED {
            return None;
        }
        self.clock += 1;
        let key: ByLength = (Reverse(text.len()), text.into());
        // What is hidden again is not the oldest any more.
        let text = match self.texts.get_mut(&key) {
            Some(age) => {
                let known = self.by_age.remove(&*age);
                *age = self.clock;
                known.unwrap_or(key.1)
            }
            None => {
                let text = Arc::clone(&key.1);
                self.texts.insert(key, self.clock);
                text
            }
        };
        self.by_age.insert(self.clock, Arc::clone(&text));
        Some(text)
    }

    /// Forgets the oldest past the bound, but none that is in use.
    fn forget(&mut self) {
        let excess = self.texts.len().saturating_sub(HIDDEN_MAX);
        if excess == 0 {
            return;
        }
        let is_free = |text: &Arc<str>| Arc::strong_count(text) <= Self::OWN_HANDLES;
        let free = self.by_age.iter().filter(|(_, text)| is_free(text)).take(excess);
        for age in free.map(|(age, _)| *age).collect::<Vec<_>>() {
            if let Some(text) = self.by_age.remove(&age) {
                self.texts.remove(&(Reverse(text.len()), text));
            }
        }
    }
}

impl Redactor {
    /// Keeps a secret out of messages: as it is, as JSON and as Rust quote it, each long line of it, and of a URL the
    /// password in it, as it is written and as it is meant. A text of fewer than four bytes is not hidden.
    ///
    /// Of those that nothing uses any more, the 1,024 newest texts are kept.
    pub fn hide(&self, secret: &str) -> &Self {
        drop(self.hide_in_use([secret]));
        self
    }

    /// The same for several secrets, none of which is forgotten as long as what this returns is there.
    pub(crate) fn hide_in_use<'a>(&self, secrets: impl IntoIterator<Item = &'a str>) -> SecretGuard {
        let shapes: Vec<String> = secrets.into_iter().flat_map(shapes).collect();
        let mut hidden = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let texts = shapes.iter().filter_map(|shape| hidden.add(shape)).collect();
        hidden.forget();
        drop(hidden);
        SecretGuard(Arc::new(texts))
    }

    /// The text without any of them.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let hidden = self.0.read().unwrap_or_else(PoisonError::into_inner);
        without(text, hidden.texts.keys().map(|(_, secret)| &**secret))
    }

    /// The same problems without any of them.
    #[must_use]
    pub fn problems(&self, problems: &Problems) -> Problems {
        problems.map_messages(|message| self.redact(message).into_owned())
    }

    /// The same problems without any of them and without other secrets, which are not hidden from then on.
    pub(crate) fn problems_without(&self, others: &[String], problems: &Problems) -> Problems {
        let others: Vec<String> = others.iter().flat_map(|secret| shapes(secret)).collect();
        let hidden = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let others = others.iter().map(String::as_str).filter(|text| text.len() >= HIDDEN_BYTES_MIN);
        let mut all: Vec<&str> = hidden.texts.keys().map(|(_, secret)| &**secret).chain(others).collect();
        all.sort_by_key(|secret| Reverse(secret.len()));
        problems.map_messages(|message| without(message, all.iter().copied()).into_owned())
    }
}

/// A text without secrets, which are taken out in this order.
fn without<'a, 's>(text: &'a str, secrets: impl Iterator<Item = &'s str>) -> Cow<'a, str> {
    let mut redacted = Cow::Borrowed(text);
    for secret in secrets {
        if redacted.contains(secret) {
            redacted = Cow::Owned(redacted.replace(secret, REDACTED));
        }
    }
    redacted
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
    // It may be given as it is in a URL.
    shapes.extend(secret.contains('%').then(|| decoded(secret)));
    if secret.contains('\n') {
        let lines = secret.lines().map(str::trim).filter(|line| line.len() >= LINE_BYTES_MIN);
        shapes.extend(lines.take(SECRET_LINES_MAX).map(str::to_owned));
    }
    let unquoted = |text: String| Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    let quoted: Vec<_> = shapes.iter().flat_map(|shape| [format!("{shape:?}"), json(shape)]).collect();
    shapes.extend(quoted.into_iter().filter_map(unquoted));
    shapes.sort_unstable();
    shapes.dedup();
    shapes
}

fn json(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// The passwords in a URL, as they are written and as they are meant. A password that is written with a `/` or `?` in
/// it is no URL, and the whole of it is hidden.
fn passwords(url: &str) -> Vec<String> {
    let Some((_, after_scheme)) = url.split_once("://") else { return Vec::new() };
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    let in_authority = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    let in_query = after_scheme.split_once('?').map_or("", |(_, query)| query).split('&');
    let in_query = in_query.filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == "password");
    let found = in_authority.into_iter().chain(in_query);
    found.flat_map(|(_, password)| [password.to_owned(), decoded(password)]).collect()
}

/// The decoded text of a percent-encoded one (RFC 3986, 2.1).
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
    use midflight_core::{JsonPointer, Problem};

    #[test]
    fn a_secret_is_taken_out_in_every_shape() {
        let secrets = Redactor::default();
        secrets.hide("postgres://me:p%40ss%2Fword@host/db?password=other").hide("a key");
        let output =
            "postgres://me:p%40ss%2Fword@host/db?password=other, p%40ss%2Fword, p@ss/word, other and a key";
        assert_eq!(secrets.redact(output), "***, ***, ***, *** and ***");
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
        let problem = Problem::new("x", JsonPointer::root(), "no such say \"friend\"\\");
        assert_eq!(secrets.problems(&problem.into()).to_string(), "at the root: no such ***");
    }

    #[test]
    fn the_oldest_are_forgotten_past_a_bound_and_those_in_use_are_not() {
        let secrets = Redactor::default();
        let in_use = secrets.hide_in_use(["secret-in-use", "line one of it\nline two of it"]);
        secrets.hide("secret-hidden-again").hide("secret-of-old");
        for n in 0..2 * HIDDEN_MAX {
            secrets.hide(&format!("secret-{n:08}"));
            secrets.hide("secret-hidden-again");
        }
        let output = "secret-in-use line two of it secret-hidden-again secret-of-old secret-00000000";
        assert_eq!(secrets.redact(output), "*** *** *** secret-of-old secret-00000000");
        let known = |secrets: &Redactor| secrets.0.read().unwrap().texts.len();
        assert_eq!(known(&secrets), HIDDEN_MAX);
        drop(in_use);
        for n in 0..2 * HIDDEN_MAX {
            secrets.hide(&format!("other-{n:08}"));
        }
        assert_eq!(secrets.redact(output), output, "what nobody uses is forgotten like others");
        assert_eq!(known(&secrets), HIDDEN_MAX);
        assert_eq!(secrets.0.read().unwrap().by_age.len(), HIDDEN_MAX);
    }

    #[test]
    fn a_secret_of_many_lines_does_not_drive_out_others_and_is_hidden_as_a_whole() {
        let secrets = Redactor::default();
        secrets.hide("secret-of-old");
        let lines: Vec<_> = (0..5_000).map(|n| format!("this is line {n:08}")).collect();
        secrets.hide(&lines.join("\n"));
        assert_eq!(secrets.redact(&lines.join("\n")), "***");
        let output = format!("secret-of-old, {}, {}", lines[0], lines[4_000]);
        assert_eq!(secrets.redact(&output), format!("***, ***, {}", lines[4_000]));
    }

    #[test]
    fn short_parts_of_a_secret_are_not_hidden_either() {
        let secrets = Redactor::default();
        secrets.hide("postgres://u:e@h/db").hide("postgres://u:abc@h/db?password=%65").hide("pw");
        assert_eq!(secrets.redact("the error of abc, a pw"), "the error of abc, a pw");
        assert_eq!(secrets.redact("postgres://u:e@h/db"), "***");
    }

    #[test]
    fn what_is_no_encoding_stays() {
        assert_eq!(
            (decoded("100%"), decoded("%zz"), decoded("a%20b")),
            ("100%".into(), "%zz".into(), "a b".into())
        );
    }
}
