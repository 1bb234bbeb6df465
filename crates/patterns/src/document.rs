//! The four sorts of document, distinguished by their names.

use midflight_core::{CHECKS_FOLDER, DocumentName, JsonPointer, Problem, Problems};
use midflight_engine::Work;
use serde_json::Value;

use crate::learning::{LearningPolicy, read_learning};
use crate::pattern::PatternDocument;
use crate::profile::{Profile, read_profile};
use crate::prompt::{Prompt, read_prompt};
use crate::read_pattern::read_pattern;

/// The first segment of the name of every profile.
pub const PROFILES_FOLDER: &str = "profiles";
/// The first segment of the name of what is learned of a profile's queries.
pub const LEARNING_FOLDER: &str = "learning";
/// The first segment of the name of the prompt for a profile's queries.
pub const PROMPTS_FOLDER: &str = "prompts";

/// The names that no pattern may have.
pub(crate) const FOLDERS: [&str; 4] = [PROFILES_FOLDER, LEARNING_FOLDER, PROMPTS_FOLDER, CHECKS_FOLDER];

/// A document of the kind `patterns` that was found valid by itself.
#[derive(Debug)]
pub struct PatternsDocument(pub(crate) ParsedPatternDocument);

#[derive(Debug)]
pub(crate) enum ParsedPatternDocument {
    Pattern(Box<PatternDocument>),
    Profile(Profile),
    Learning(LearningPolicy),
    Prompt(Prompt),
}

/// Which document a name is of: a pattern by its id, or what belongs to a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatternDocumentName<'a> {
    Pattern(&'a str),
    Profile(&'a str),
    Learning(&'a str),
    Prompt(&'a str),
}

/// Which sort of document `name` is of.
///
/// # Errors
/// For a name that is of none, why not.
pub(crate) fn named(name: &DocumentName) -> Result<PatternDocumentName<'_>, Problem> {
    let mut segments = name.segments();
    let first = segments.next().unwrap_or_default();
    let bad = |code: &'static str, message: String| Err(Problem::new(code, JsonPointer::root(), message));
    match (first, segments.next(), segments.next()) {
        (PROFILES_FOLDER, Some(profile), None) => Ok(PatternDocumentName::Profile(profile)),
        (LEARNING_FOLDER, Some(profile), None) => Ok(PatternDocumentName::Learning(profile)),
        (PROMPTS_FOLDER, Some(profile), None) => Ok(PatternDocumentName::Prompt(profile)),
        (folder, None, _) if FOLDERS.contains(&folder) => {
            let message = format!(
                "{folder} is a folder of other documents, so a pattern cannot have that name; use \
                         another"
            );
            bad("reserved_name", message)
        }
        (pattern, None, _) => Ok(PatternDocumentName::Pattern(pattern)),
        _ => bad(
            "bad_name",
            format!(
                "invalid name {name}: expected {{pattern}}, profiles/{{profile}}, learning/{{profile}} or prompts/{{profile}}"
            ),
        ),
    }
}

/// Reads a document.
///
/// # Errors
/// Every problem that it has by itself.
pub(crate) fn read(name: &DocumentName, body: &Value, work: &Work) -> Result<PatternsDocument, Problems> {
    let parsed = match named(name)? {
        PatternDocumentName::Pattern(_) => {
            ParsedPatternDocument::Pattern(Box::new(read_pattern(body, work)?))
        }
        PatternDocumentName::Profile(_) => ParsedPatternDocument::Profile(read_profile(body)?),
        PatternDocumentName::Learning(_) => ParsedPatternDocument::Learning(read_learning(body)?),
        PatternDocumentName::Prompt(_) => ParsedPatternDocument::Prompt(read_prompt(body)?),
    };
    Ok(PatternsDocument(parsed))
}

impl PatternsDocument {
    /// An estimate of the memory that it holds, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.0 {
            ParsedPatternDocument::Pattern(pattern) => {
                384 + pattern.texts.iter().map(|text| 96 + text.len() as u64).sum::<u64>()
            }
            ParsedPatternDocument::Profile(profile) => profile.bytes(),
            ParsedPatternDocument::Learning(policy) => policy.bytes(),
            ParsedPatternDocument::Prompt(prompt) => prompt.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<PatternDocumentName<'_>, &str>) {
        let name = DocumentName::new(name).unwrap();
        let found = named(&name).map_err(|problem| problem.code.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn names_identify_their_document() {
        check("ciao", Ok(PatternDocumentName::Pattern("ciao")));
        check("profiles/it", Ok(PatternDocumentName::Profile("it")));
        check("learning/it", Ok(PatternDocumentName::Learning("it")));
        check("prompts/it", Ok(PatternDocumentName::Prompt("it")));
        for folder in FOLDERS {
            check(folder, Err("reserved_name"));
        }
        check("a/b", Err("bad_name"));
        check("profiles/a/b", Err("bad_name"));
    }
}
