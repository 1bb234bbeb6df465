//! Reads the files of another classifier into documents: its ordered families, the rows of its table, and queries with
//! labels, which become checks.

mod families;
mod labelled;
mod rows;

use std::collections::HashSet;

use midflight_core::DocumentName;
use serde_json::Value;

use crate::document::FOLDERS;

pub use families::families;
pub use labelled::{LabelledQuery, checks, labelled};
pub use rows::rows;

/// The result of reading a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Imported {
    /// The documents, by name.
    pub documents: Vec<(DocumentName, Value)>,
    /// What was read differently, or left out, without changing what is answered.
    pub notes: Vec<String>,
    /// What cannot be read, each with its place.
    pub bad: Vec<BadItem>,
    /// How often the patterns were used where they come from.
    pub counts: Vec<UseCount>,
}

/// How often a pattern was used where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseCount {
    /// The name of the pattern here.
    pub name: DocumentName,
    /// How often it answered a query.
    pub times_used: u64,
    /// Number of positive feedbacks.
    pub times_correct: u64,
    /// When it last answered, as the row has it.
    pub last_used_at: Option<String>,
}

/// An item that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadItem {
    /// Where it is, as `/rules/3` or `line 7`.
    pub place: String,
    /// What is wrong with it, and the cure.
    pub why: String,
    /// The pattern that it would be, where it has an id.
    pub document: Option<DocumentName>,
}

/// Why a file as a whole cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ImportError(String);

impl Imported {
    fn refuse(&mut self, place: impl Into<String>, why: impl Into<String>) {
        self.bad.push(BadItem { place: place.into(), why: why.into(), document: None });
    }

    fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

fn parse(text: &str) -> Result<Value, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|error| ImportError(format!("not JSON: {error}")))
}

/// A text as a name: its letters and digits, with dashes for the rest.
#[must_use]
pub fn readable(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut slug = String::new();
    for c in text.chars().take(CHARS_MAX) {
        if c.is_alphanumeric() || c == '_' {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "pattern".to_owned() } else { slug.to_owned() }
}

/// Makes names of texts, none twice.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    /// A name derived from the text, with a number where another has it.
    fn of(&mut self, text: &str) -> Option<DocumentName> {
        let base = readable(text);
        let mut name = base.clone();
        let mut number = 1;
        while FOLDERS.contains(&&*name) || !self.0.insert(name.clone()) {
            number += 1;
            name = format!("{base}-{number}");
        }
        DocumentName::new(&name).ok()
    }

    /// The same within a folder.
    fn within(&mut self, folder: &str, text: &str) -> Option<DocumentName> {
        let name = self.of(text)?;
        DocumentName::new(&format!("{folder}/{name}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_and_none_is_made_twice() {
        let mut names = Names::default();
        let mut name = |text| names.of(text).unwrap().to_string();
        assert_eq!(name("Ci sono problemi, oggi?"), "Ci-sono-problemi-oggi");
        assert_eq!(name("ci"), "ci");
        assert_eq!(name("ci"), "ci-2");
        assert_eq!(name("??"), "pattern");
        assert_eq!(name("perché è così"), "perché-è-così");
        assert_eq!(name(&"x".repeat(500)).len(), 60);
    }
}
