//! Comments in texts of YAML, which no document keeps.

use midflight_source::{FileDocument, parse_documents};

/// How many lines with a `#` are looked at one by one.
const LINES_MAX: usize = 200;

/// How many lines have a comment: those that can lose what is after a `#` without another meaning of the text. Cost:
/// reads the text once where each `#` begins a comment, else once for each line with one.
pub(super) fn comment_lines(text: &str) -> usize {
    let Some(meaning) = meaning(text) else { return 0 };
    let lines: Vec<_> = text.lines().collect();
    let candidates: Vec<_> =
        lines.iter().enumerate().filter_map(|(at, line)| Some((at, comment_start(line)?))).collect();
    let has_same_meaning = |cut: &[(usize, usize)]| {
        let mut lines = lines.clone();
        for (at, start) in cut {
            lines[*at] = &lines[*at][..*start];
        }
        self::meaning(&lines.join("\n")).is_some_and(|other| other == meaning)
    };
    if candidates.is_empty() || has_same_meaning(&candidates) {
        return candidates.len();
    }
    let shown = candidates.iter().take(LINES_MAX);
    shown.filter(|candidate| has_same_meaning(std::slice::from_ref(candidate))).count()
}

/// The documents of a text; none of an invalid one.
fn meaning(text: &str) -> Option<Vec<(String, serde_json::Value)>> {
    let documents = parse_documents(text, "text").ok()?;
    let document = |document: FileDocument| (document.id.to_string(), (*document.body).clone());
    Some(documents.into_iter().map(document).collect())
}

/// Where a comment of a line would begin: a `#` at its start or after a space.
fn comment_start(line: &str) -> Option<usize> {
    line.char_indices().find_map(|(at, c)| {
        let is_start = line[..at].chars().next_back().is_none_or(char::is_whitespace);
        (c == '#' && is_start).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_counted_and_texts_with_a_hash_are_not() {
        let text = |body: &str| format!("kind: rules\nname: a\nbody:\n{body}");
        for (body, expected) in [
            ("  n: 1\n", 0),
            ("  # why\n  n: 1 # more\n", 2),
            ("  color: '#fff'\n  t: a#b\n", 0),
            ("  t: |\n    # a heading\n  n: 1 # a comment\n", 1),
        ] {
            assert_eq!(comment_lines(&text(body)), expected, "{body}");
        }
        assert_eq!(comment_lines("no: [document # x"), 0);
    }
}
