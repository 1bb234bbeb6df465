//! Profiles: how the queries of a language are made comparable, as data.

use std::collections::HashSet;

use midflight_core::{JsonPath, ObjectReader, Problems};
use serde_json::Value;

use crate::limits::WORDS_MAX;
use crate::normalize::fold;

/// The name of the profile of whatever names none. It is there without a document too.
pub const DEFAULT_PROFILE: &str = "default";

/// Which characters are taken off both ends of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Punctuation {
    /// None.
    Keep,
    /// Those of ASCII.
    #[default]
    Ascii,
    /// Everything that Unicode takes for punctuation or a symbol.
    Unicode,
}

/// How queries are made comparable. The default takes ASCII punctuation off words, and no word out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    pub(crate) language: Option<Box<str>>,
    pub(crate) compatibility: bool,
    pub(crate) fold_accents: bool,
    pub(crate) punctuation: Punctuation,
    pub(crate) stop_words: HashSet<Box<str>>,
}

const FIELDS: [&str; 6] =
    ["language", "description", "compatibility", "fold_accents", "punctuation", "stop_words"];

impl Profile {
    /// What literals and regexes look for their texts in: composed Unicode (NFC, or NFKC with `compatibility`) in lower
    /// case, without invisible characters, one space between words. Cost: one pass and one allocation for ASCII, a few
    /// of either for anything else.
    #[must_use]
    pub fn text(&self, query: &str) -> String {
        fold(query, self.compatibility, !self.fold_accents)
    }

    /// What exact patterns compare, made of a [`Profile::text`]: its words without the punctuation around them, and
    /// without stop words. It may be empty.
    #[must_use]
    pub fn key(&self, text: &str) -> String {
        if text.is_ascii() && self.stop_words.is_empty() && self.punctuation == Punctuation::Ascii {
            return ascii_key(text);
        }
        let mut key = String::with_capacity(text.len());
        for word in text.split(' ') {
            let word = self.bare(word);
            if word.is_empty() || (!self.stop_words.is_empty() && self.stop_words.contains(word)) {
                continue;
            }
            if !key.is_empty() {
                key.push(' ');
            }
            key.push_str(word);
        }
        key
    }

    /// Both in one, for who wants only the key.
    #[must_use]
    pub fn normalize(&self, query: &str) -> String {
        self.key(&self.text(query))
    }

    /// The language as the document names it; none when it does not.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn bare<'a>(&self, word: &'a str) -> &'a str {
        match self.punctuation {
            Punctuation::Keep => word,
            Punctuation::Ascii => word.trim_matches(|c: char| c.is_ascii_punctuation()),
            Punctuation::Unicode => word.trim_matches(is_punctuation),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        256 + self.stop_words.iter().map(|word| 64 + word.len() as u64).sum::<u64>()
    }
}

/// The key of a text of ASCII alone without stop words: most queries are of this sort, and it takes a third of the
/// time.
fn ascii_key(text: &str) -> String {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_punctuation()).as_bytes();
    let is_between = |pair: &[u8]| match pair {
        [b' ', other] | [other, b' '] => other.is_ascii_punctuation(),
        _ => false,
    };
    // Most have punctuation at their end only.
    if !trimmed.starts_with(b" ") && !trimmed.ends_with(b" ") && !trimmed.windows(2).any(is_between) {
        return String::from_utf8(trimmed.to_vec()).unwrap_or_default();
    }
    let mut key = Vec::with_capacity(text.len());
    for word in text.as_bytes().split(|byte| *byte == b' ') {
        let Some(first) = word.iter().position(|byte| !byte.is_ascii_punctuation()) else { continue };
        let last = word.iter().rposition(|byte| !byte.is_ascii_punctuation()).unwrap_or(first);
        if !key.is_empty() {
            key.push(b' ');
        }
        key.extend_from_slice(&word[first..=last]);
    }
    String::from_utf8(key).unwrap_or_default()
}

fn is_punctuation(c: char) -> bool {
    use unicode_properties::{GeneralCategoryGroup as Group, UnicodeGeneralCategory as _};
    c.is_ascii_punctuation()
        || (!c.is_ascii() && matches!(c.general_category_group(), Group::Punctuation | Group::Symbol))
}

/// Reads the body of `profiles/{profile}`.
pub(crate) fn read_profile(body: &Value) -> Result<Profile, Problems> {
    let mut problems = Problems::default();
    let place = JsonPath::Root;
    let Some(mut reader) = ObjectReader::open("a profile", body, &place, &mut problems) else {
        return Err(problems);
    };
    reader.only(&FIELDS);
    reader.text("description");
    let words =
        [("keep", Punctuation::Keep), ("ascii", Punctuation::Ascii), ("unicode", Punctuation::Unicode)];
    let mut profile = Profile {
        language: reader.text("language").map(Into::into),
        compatibility: reader.boolean("compatibility").unwrap_or(false),
        fold_accents: reader.boolean("fold_accents").unwrap_or(false),
        punctuation: reader.word("punctuation", &words).unwrap_or_default(),
        stop_words: HashSet::new(),
    };
    let stop_words = reader.texts("stop_words", WORDS_MAX);
    // As queries are read, so that "Oggi" is left out of "oggi" too.
    let folded: Vec<_> = stop_words.iter().map(|word| profile.normalize(word)).collect();
    for (i, word) in folded.iter().enumerate().filter(|(_, word)| word.is_empty() || word.contains(' ')) {
        let message = match word.is_empty() {
            true => "it is empty after normalization; write a word",
            false => "a stop word is one word; write its words one by one",
        };
        reader.refuse_in("stop_words", &i.to_string(), "invalid_value", message);
    }
    profile.stop_words = folded.into_iter().map(Into::into).collect();
    problems.or(profile)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ITALIAN: &str =
        "oggi adesso ora attualmente ieri domani stamattina stasera questa settimana questo mese";

    fn italian() -> Profile {
        let words: Vec<_> = ITALIAN.split(' ').collect();
        read_profile(&json!({"language": "it", "stop_words": words})).unwrap()
    }

    #[track_caller]
    fn check(profile: &Profile, query: &str, key: &str) {
        assert_eq!(profile.normalize(query), key, "{query:?}");
    }

    #[test]
    fn the_original_examples_give_the_same_results() {
        let it = italian();
        check(&it, "Ci sono problemi oggi?", "ci sono problemi");
        check(&it, "L'errore di ieri, perché?", "l'errore di perché");
        check(&it, "oggi?", "");
        check(&it, "  Quanti\tWORKFLOW\u{a0}attivi ?! ", "quanti workflow attivi");
        check(&it, "come sta andando il business oggi?", "come sta andando il business");
    }

    #[test]
    fn what_looks_the_same_is_the_same() {
        let it = italian();
        check(&it, "perche\u{301}", "perché");
        check(&it, "l\u{2019}errore", "l'errore");
        check(&it, "pass\u{200b}word \u{202e}segreta\u{202c}", "password segreta");
        check(&it, "ΟΔΟΣ", "οδος");
        check(&it, "שָׁלוֹם!", &it.normalize("שָׁלוֹם"));
        check(&it, "a\0b", "ab");
        check(&it, "ﬁne", "ﬁne");
        let profile =
            read_profile(&json!({"compatibility": true, "fold_accents": true, "punctuation": "unicode"}));
        let profile = profile.unwrap();
        check(&profile, "ﬁne «Perché»…", "fine perche");
        check(&profile, "ÅNGSTRÖM ①", "angstrom 1");
    }

    #[test]
    fn a_key_of_ascii_is_what_the_key_of_any_text_is() {
        let plain = Profile::default();
        // A stop word that is in none of them takes the way of any text.
        let any = read_profile(&json!({"stop_words": ["zzz"]})).unwrap();
        for query in ["", " ", "?!", "Hello, world!", "a--b 'c' (d)", "!! a !! b", "1.5% of \"x\""] {
            check(&plain, query, &any.normalize(query));
        }
    }

    #[test]
    fn a_key_is_its_own_key() {
        let it = italian();
        for query in ["Ci sono \"problemi\"?", "a.b.c", "--", "É", "İstanbul"] {
            let key = it.normalize(query);
            check(&it, &key, &key);
        }
    }

    #[test]
    fn a_profile_reports_its_problems() {
        let body = json!({"stop_words": ["due parole", "!", 1], "punctuation": "al", "fold_accent": true});
        let messages = read_profile(&body).unwrap_err().to_string();
        for part in [
            "at /fold_accent: a profile has no field \"fold_accent\"; did you mean \"fold_accents\"?",
            "at /punctuation: \"al\" is not a valid punctuation; use one of keep, ascii, unicode",
            "at /stop_words/2: ",
        ] {
            assert!(messages.contains(part), "{messages}");
        }
        let messages = read_profile(&json!({"stop_words": ["due parole", "!"]})).unwrap_err().to_string();
        assert!(messages.contains("/stop_words/0: a stop word is one word"), "{messages}");
        assert!(messages.contains("/stop_words/1: it is empty"), "{messages}");
    }
}
