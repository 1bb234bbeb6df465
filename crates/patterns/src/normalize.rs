//! Makes texts comparable: what looks the same to a reader becomes the same text.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark, is_nfc, is_nfkc};

/// Composed Unicode in lower case, without what cannot be seen, one space between words and none around them; without
/// `accents` no marks on its letters either.
pub(crate) fn fold(text: &str, compatibility: bool, accents: bool) -> String {
    if text.is_ascii() {
        return ascii_words_of(text);
    }
    // Taken out first: between a letter and its accent it would keep the two from being composed.
    let lower = visible(text).to_lowercase();
    // Composed last: lower case may come apart, as that of "İ" does.
    let mut composed = match compatibility {
        true if is_nfkc(&lower) => lower,
        // What is compatible may be of upper case again.
        true => lower.nfkc().collect::<String>().to_lowercase().nfkc().collect(),
        false if is_nfc(&lower) => lower,
        false => lower.nfc().collect(),
    };
    if !accents {
        composed = composed.nfd().filter(|c| !is_combining_mark(*c)).nfc().collect();
    }
    words_of(composed.chars().map(straight), composed.len())
}

/// The same as of any other text, without looking for what ASCII does not have: most queries are of this sort.
fn ascii_words_of(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    // Blanks that are none of the beginning, the end or each other: then all it takes is done.
    let mut before = b' ';
    let is_done = lower.bytes().all(|byte| {
        let is_good = byte > b' ' && byte != 127 || byte == b' ' && before != b' ';
        before = byte;
        is_good
    });
    if is_done && before != b' ' {
        return lower;
    }
    let mut words = Vec::with_capacity(text.len());
    let mut is_between = false;
    for byte in text.bytes() {
        match byte {
            b'\t'..=b'\r' | b' ' => is_between = !words.is_empty(),
            0..=31 | 127 => {}
            byte => {
                if std::mem::take(&mut is_between) {
                    words.push(b' ');
                }
                words.push(byte.to_ascii_lowercase());
            }
        }
    }
    String::from_utf8(words).unwrap_or_default()
}

fn words_of(characters: impl Iterator<Item = char>, bytes: usize) -> String {
    let mut words = String::with_capacity(bytes);
    let mut is_between = false;
    for c in characters {
        if c.is_whitespace() {
            is_between = !words.is_empty();
        } else if !c.is_control() {
            if std::mem::take(&mut is_between) {
                words.push(' ');
            }
            words.push(c);
        }
    }
    words
}

/// The text without what cannot be seen. Blanks stay, since they part words.
fn visible(text: &str) -> Cow<'_, str> {
    let is_seen = |c: &char| c.is_whitespace() || !(c.is_control() || is_ignorable(*c));
    match text.chars().all(|c| is_seen(&c)) {
        true => text.into(),
        false => text.chars().filter(is_seen).collect::<String>().into(),
    }
}

/// The typewriter's apostrophe for those that telephones write.
fn straight(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{2bc}' => '\'',
        c => c,
    }
}

/// Characters without a shape of their own, by which two texts that look the same could differ: the property
/// Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt).
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_is_read_as_any_text() {
        let all: String = (0..128).map(char::from).chain("  a\u{b}B \u{1c} c ".chars()).collect();
        let as_any = words_of(visible(&all).to_lowercase().chars().map(straight), all.len());
        assert_eq!(fold(&all, false, true), as_any);
    }

    #[test]
    fn what_is_taken_out_keeps_nothing_from_being_composed() {
        for between in ["\u{200b}", "\u{34f}", "\0", "\u{fe0f}"] {
            assert_eq!(fold(&format!("perche{between}\u{301}"), false, true), "perché", "{between:?}");
        }
        assert_eq!(fold("é \u{301} \u{301}x y", false, false), "e x y");
    }
}
