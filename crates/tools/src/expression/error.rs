//! What is wrong with a formula: the reason, the cure, the place and a picture of it.

use std::fmt;
use std::ops::Range;

use super::value::ArithmeticFault;

/// The class of what is wrong with a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormulaFault {
    /// It is not written as a formula is.
    Syntax,
    /// There is no such function, or it takes other arguments.
    Function,
    /// A variable that looks like another name misspelled.
    Misspelled,
    /// A condition where a number is wanted, or a number where a condition is.
    Type,
    /// It is longer, deeper or larger than a formula may be.
    TooLarge,
    /// An operation has no result.
    Arithmetic(ArithmeticFault),
}

impl FormulaFault {
    /// The stable word for it, as in [`midflight_core::Problem::code`].
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax => "bad_expression",
            Self::Function => "unknown_function",
            Self::Misspelled => "unknown_variable",
            Self::Type => "wrong_expression_type",
            Self::TooLarge => "expression_too_large",
            Self::Arithmetic(_) => "arithmetic",
        }
    }
}

/// A formula that cannot be compiled, or has no value.
///
/// It prints its message, the character (counted from 1) and the text with the place marked:
/// ```text
/// unknown function "lg"; did you mean "log"? (character 8)
///   2000 * lg(N)
///          ^^
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormulaError {
    /// Its class.
    pub fault: FormulaFault,
    /// What is wrong, and the cure.
    pub message: String,
    /// The place, in bytes of the formula's text.
    pub span: Range<usize>,
    /// The character at which the place starts, counted from 1.
    pub character: usize,
    picture: String,
}

impl FormulaError {
    pub(crate) fn new(
        text: &str,
        span: Range<usize>,
        fault: FormulaFault,
        message: impl Into<String>,
    ) -> Self {
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end).max(start);
        let character = text[..start].chars().count() + 1;
        let picture = picture(text, start, end);
        Self { fault, message: message.into(), span: start..end, character, picture }
    }

    /// The text with the place marked by carets on the line below.
    #[must_use]
    pub fn picture(&self) -> &str {
        &self.picture
    }
}

impl fmt::Display for FormulaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (character {})\n{}", self.message, self.character, self.picture)
    }
}

impl std::error::Error for FormulaError {}

fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// Some characters around the place, on one line, and carets below.
fn picture(text: &str, start: usize, end: usize) -> String {
    const AROUND: usize = 40;
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let before: Vec<char> = text[..start].chars().map(shown).collect();
    let left = &before[before.len().saturating_sub(AROUND)..];
    let cut = if left.len() < before.len() { "..." } else { "" };
    let marked: String = text[start..end].chars().take(AROUND).map(shown).collect();
    let right: String = text[end..].chars().take(AROUND).map(shown).collect();
    let more = if text[end..].chars().nth(AROUND).is_some() { "..." } else { "" };
    let (indent, carets) = (cut.len() + left.len(), marked.chars().count().max(1));
    let left: String = left.iter().collect();
    format!("  {cut}{left}{marked}{right}{more}\n  {}{}", " ".repeat(indent), "^".repeat(carets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_marked_below_the_text() {
        let error = FormulaError::new("é + lg(N)", 5..7, FormulaFault::Function, "no \"lg\"");
        assert_eq!(error.to_string(), "no \"lg\" (character 5)\n  é + lg(N)\n      ^^");
        assert_eq!(error.character, 5);
    }

    #[test]
    fn a_long_text_is_cut_and_a_place_at_the_end_is_marked() {
        let text = "1 + ".repeat(100);
        let error = FormulaError::new(&text, text.len()..text.len(), FormulaFault::Syntax, "it ends");
        let lines: Vec<_> = error.picture().lines().collect();
        assert_eq!(lines[0].len(), 2 + 3 + 40);
        assert_eq!(lines[1].trim_start(), "^");
        // A place within a character is moved to its start rather than a panic.
        assert_eq!(FormulaError::new("é", 1..9, FormulaFault::Syntax, "x").span, 0..2);
    }
}
