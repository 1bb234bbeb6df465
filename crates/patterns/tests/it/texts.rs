//! Random texts, and regular expressions with what they match, of what is hard to fold.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use unicode_normalization::UnicodeNormalization as _;

use crate::naive;

/// Words in which letters are composed and not, have several cases or none, go from right to left, or are no letters.
pub(crate) const WORDS: &[&str] = &[
    "ciao",
    "quanti",
    "ora",
    "oggi",
    "Errori",
    "errore",
    "a",
    "b",
    "k",
    "\u{212a}",
    "perché",
    "perche\u{301}",
    "perche",
    "PERCHÉ",
    "straße",
    "STRASSE",
    "Straẞe",
    "ﬁne",
    "fine",
    "İstanbul",
    "istanbul",
    "ΟΔΟΣ",
    "οδος",
    "ſì",
    "sì",
    "שלום",
    "שָׁלוֹם",
    "مرحبا",
    "हिन्दी",
    "한국",
    "\u{1112}\u{1161}\u{11ab}국",
    "👨\u{200d}👩\u{200d}👧",
    "👍🏽",
    "l\u{2019}ora",
    "l'ora",
    "100%",
    "«sì»",
    "①",
    "e\u{200b}\u{301}",
    "\u{301}",
    "c++",
    "ångström",
    "a\u{30a}ngstro\u{308}m",
    "Å",
];

pub(crate) fn any_word() -> impl Strategy<Value = String> {
    select(WORDS).prop_map(str::to_owned)
}

/// One to three words, or a piece of one.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let piece = (any_word(), 0..4_usize, 1..6_usize)
        .prop_map(|(word, from, count)| word.chars().skip(from).take(count).collect::<String>())
        .prop_filter("a text has characters", |piece| !piece.is_empty());
    let words = prop::collection::vec(any_word(), 1..4).prop_map(|words| words.join(" "));
    prop_oneof![4 => words, 1 => piece]
}

/// How somebody else writes the same, or nearly.
pub(crate) fn any_writing() -> impl Strategy<Value = fn(String) -> String> {
    select::<fn(String) -> String>(vec![
        |text: String| text,
        |text: String| text.to_uppercase(),
        |text: String| text.nfd().collect(),
        |text: String| text.nfc().collect(),
        |text: String| format!("  {text}?! "),
        |text: String| text.replace(' ', "\u{a0}\t"),
        |text: String| text.chars().flat_map(|c| [c, '\u{200d}']).collect(),
    ])
}

/// Parts of regular expressions, and what they match.
const PARTS: &[(&str, &str)] = &[
    (".", "x"),
    (r"\w", "é"),
    (r"\d", "7"),
    (" ", " "),
    (".*", " ora "),
    ("[ks]", "ſ"),
    ("[^a]", "b"),
    (r"\s+", " "),
    ("[a-c]", "B"),
    (r"\pL", "ש"),
    ("[Éß]", "é"),
    ("ab?", "a"),
    (r"\b", ""),
    ("", ""),
];

/// Parts that mostly keep what they stand in from matching anything.
const HINDRANCES: &[(&str, &str)] =
    &[("^", ""), ("$", ""), ("[a&&b]", ""), ("(?-i:Ora)", "ora"), ("e\u{301}", "é")];

/// A regular expression, and a text that it probably matches.
pub(crate) fn any_expression() -> impl Strategy<Value = (String, String)> {
    let word = || any_word().prop_map(|word| (regex::escape(&naive::text(&json!({}), &word)), word));
    let part = |parts: &'static [(&str, &str)]| {
        select(parts).prop_map(|(expression, text)| (expression.to_owned(), text.to_owned()))
    };
    let leaf = prop_oneof![20 => word(), 10 => part(PARTS), 1 => part(HINDRANCES)];
    let tree = leaf.prop_recursive(3, 12, 4, |inner| {
        let several = || prop::collection::vec(inner.clone(), 1..5);
        let sequence = several().prop_map(|parts| parts.into_iter().unzip());
        let choice = (several(), any::<prop::sample::Index>()).prop_map(|(parts, which)| {
            let text = which.get(&parts).1.clone();
            let expressions: Vec<_> = parts.into_iter().map(|(expression, _)| expression).collect();
            (format!("({})", expressions.join("|")), text)
        });
        let repeated = (inner.clone(), 0..4_usize, 0..3_usize, any::<bool>()).prop_map(
            |((expression, text), min, more, is_open)| {
                let max = if is_open { String::new() } else { (min + more).to_string() };
                (format!("(?:{expression}){{{min},{max}}}"), text.repeat(min + more))
            },
        );
        prop_oneof![4 => sequence, 3 => choice, 3 => repeated]
    });
    // Without something around them most would match the empty text, and be refused.
    let surrounding = || prop_oneof![3 => word(), 1 => Just((String::new(), String::new()))];
    (surrounding(), tree, surrounding())
        .prop_map(|(before, inner, after)| [before, inner, after].into_iter().unzip())
}
