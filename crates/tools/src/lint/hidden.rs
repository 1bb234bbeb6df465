//! Characters that are not shown: which they are, where a document has one, and how to show them.

use std::borrow::Cow;

use midflight_core::{JsonPath, JsonPointer, Problem, Problems, TEXT_BYTES_MAX};
use serde_json::Value;

/// A sort of character that is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HiddenCharacter {
    /// A control character other than tab, line feed and carriage return.
    Control,
    /// ESC, with which a terminal is instructed.
    Ansi,
    /// A character without a width, as U+200B.
    ZeroWidth,
    /// A character that changes the direction of writing, as U+202E.
    Bidirectional,
    /// A tag character (U+E0000 to U+E007F): a second alphabet, invisible.
    Tag,
    /// A variation selector other than those of emoji.
    VariationSelector,
}

impl HiddenCharacter {
    /// The sort of `c`; none for a character that is shown. The joiner of emoji (U+200D) counts as zero-width.
    #[must_use]
    pub fn of(c: char) -> Option<Self> {
        Some(match c {
            '\t' | '\n' | '\r' => return None,
            '\u{1b}' | '\u{9b}' => Self::Ansi,
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => Self::Control,
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200d}' => {
                Self::ZeroWidth
            }
            '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => Self::ZeroWidth,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => Self::Bidirectional,
            '\u{2066}'..='\u{206f}' => Self::Bidirectional,
            '\u{e0000}'..='\u{e007f}' => Self::Tag,
            '\u{180b}'..='\u{180d}' | '\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}' => {
                Self::VariationSelector
            }
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Control => "a control character",
            Self::Ansi => "an ANSI escape",
            Self::ZeroWidth => "a zero-width character",
            Self::Bidirectional => "a bidirectional control character",
            Self::Tag => "a tag character",
            Self::VariationSelector => "a variation selector",
        }
    }
}

/// The text with every hidden character written out, as `\u{200b}`, for logs, diffs and pages.
///
/// ```
/// use midflight_tools::lint::escape_hidden;
/// assert_eq!(escape_hidden("a\u{200b}b\u{202e}"), "a\\u{200b}b\\u{202e}");
/// ```
#[must_use]
pub fn escape_hidden(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| HiddenCharacter::of(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match HiddenCharacter::of(c) {
            Some(_) => escaped.extend(c.escape_unicode()),
            None => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Adds a problem for every text and key of a body that hides a character, or is too long to be read.
pub(crate) fn check_texts(value: &Value, place: &JsonPath<'_>, problems: &mut Problems) {
    match value {
        Value::String(text) => check_text(text, place, problems),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                check_texts(item, &place.index(at), problems);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let place = place.key(key);
                check_text(key, &place, problems);
                check_texts(member, &place, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a text is printable ASCII with tabs and line ends, as nearly all are. Looks at every byte, without a branch
/// for each.
fn is_plain(text: &str) -> bool {
    let is_odd =
        |byte: u8| !((b' '..=b'~').contains(&byte) | (byte == b'\t') | (byte == b'\n') | (byte == b'\r'));
    !text.bytes().fold(false, |odd, byte| odd | is_odd(byte))
}

fn check_text(text: &str, place: &JsonPath<'_>, problems: &mut Problems) {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("the text has {} bytes and may have {TEXT_BYTES_MAX}; shorten it", text.len());
        problems.add(Problem::new("too_long", place.pointer(), message));
        return;
    }
    if is_plain(text) {
        return;
    }
    let hidden = text.chars().enumerate().find_map(|(at, c)| Some((at, c, HiddenCharacter::of(c)?)));
    if let Some((at, c, sort)) = hidden {
        const AROUND: usize = 20;
        let surrounding: String = text.chars().skip(at.saturating_sub(AROUND)).take(2 * AROUND).collect();
        let message = format!(
            "the text has {} (U+{:04X}) as character {}: \"{}\"; remove it",
            sort.word(),
            u32::from(c),
            at + 1,
            escape_hidden(&surrounding)
        );
        problems.add(Problem::new(
            "hidden_character",
            JsonPointer::parse(&escape_hidden(place.pointer().as_str())),
            message,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hidden_characters_are_found_wherever_they_are() {
        let body = json!({
            "description": "Reads a file.\u{200b}",
            "defaults": {"a\u{202e}b": ["x\u{1b}[31m"]},
            "metadata": {"n": "tag \u{e0041}", "emoji": "⚠\u{fe0f}", "lines": "a\r\n\tb", "c": "\u{85}"},
        });
        let mut problems = Problems::default();
        check_texts(&body, &JsonPath::Root, &mut problems);
        let mut found: Vec<_> =
            problems.iter().map(|problem| format!("{} {}", problem.path, problem.message)).collect();
        found.sort();
        let expected = [
            ("/defaults/a\\u{202e}b ", "a bidirectional control character (U+202E) as character 2"),
            (
                "/defaults/a\\u{202e}b/0 ",
                "an ANSI escape (U+001B) as character 2: \"x\\u{1b}[31m\"; remove it",
            ),
            ("/description ", "a zero-width character (U+200B) as character 14: \"Reads a file.\\u{200b}\""),
            ("/metadata/c ", "a control character (U+0085)"),
            ("/metadata/n ", "a tag character (U+E0041)"),
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, (path, message)) in found.iter().zip(expected) {
            assert!(found.starts_with(path) && found.contains(message), "{found}");
        }
    }

    #[test]
    fn a_text_over_the_limit_is_too_long() {
        let mut problems = Problems::default();
        check_texts(&json!({"notes": "x".repeat(TEXT_BYTES_MAX + 1)}), &JsonPath::Root, &mut problems);
        assert!(problems.to_string().contains("at /notes: the text has 10001 bytes and may have 10000"));
    }

    #[test]
    fn a_text_that_hides_nothing_is_shown_as_it_is() {
        assert!(matches!(escape_hidden("plain é 工具 ⚠\u{fe0f}\n"), Cow::Borrowed(_)));
    }
}
