//! Makes texts comparable: what looks the same to a reader becomes the same text.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark, is_nfc, is_nfkc};

/// Composed Unicode in lower case, without what cannot be seen, one space between words and none around them.
pub(crate) fn fold(text: &str, compatibility: bool) -> String {
    if text.is_ascii() {
        return words_of(text.chars().map(|c| c.to_ascii_lowercase()), text.len());
    }
    let lower = text.to_lowercase();
    // Composed last: lower case may come apart, as that of "İ" does.
    let composed = match compatibility {
        true if is_nfkc(&lower) => lower,
        // What is compatible may be of upper case again.
        true => lower.nfkc().collect::<String>().to_lowercase().nfkc().collect(),
        false if is_nfc(&lower) => lower,
        false => lower.nfc().collect(),
    };
    words_of(composed.chars().filter(|c| !is_invisible(*c)).map(straight), composed.len())
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

/// The typewriter's apostrophe for those that telephones write.
fn straight(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{2bc}' => '\'',
        c => c,
    }
}

/// Characters without a shape of their own, by which two texts that look the same could differ.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// The same text without marks on its letters.
pub(crate) fn without_accents(text: &str) -> String {
    text.nfd().filter(|c| !is_combining_mark(*c)).nfc().collect()
}
