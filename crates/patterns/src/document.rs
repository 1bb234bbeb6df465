//! The four sorts of document, told apart by their names.

use midflight_core::{CHECKS_FOLDER, DocumentName, Pointer, Problem, Problems};
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
/// The first segment of the name of what an LLM is told of a profile's queries.
pub const PROMPTS_FOLDER: &str = "prompts";

/// The names that no pattern may have.
pub(crate) const FOLDERS: [&str; 4] = [PROFILES_FOLDER, LEARNING_FOLDER, PROMPTS_FOLDER, CHECKS_FOLDER];

/// A document of the kind `patterns` that was found valid by itself.
#[derive(Debug)]
pub struct PatternsDocument(pub(crate) Parsed);

#[derive(Debug)]
pub(crate) enum Parsed {
    Pattern(Box<PatternDocument>),
    Profile(Profile),
    Learning(LearningPolicy),
    Prompt(Prompt),
}

/// Which document a name is of: a pattern by its id, or what belongs to a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    Pattern(&'a str),
    Profile(&'a str),
    Learning(&'a str),
    Prompt(&'a str),
}

/// Which sort of document `name` is of.
///
/// # Errors
/// For a name that is of none, why not.
pub(crate) fn named(name: &DocumentName) -> Result<Named<'_>, Problem> {
    let mut segments = name.segments();
    let first = segments.next().unwrap_or_default();
    let bad = |code: &'static str, message: String| Err(Problem::new(code, Pointer::root(), message));
    match (first, segments.next(), segments.next()) {
        (PROFILES_FOLDER, Some(profile), None) => Ok(Named::Profile(profile)),
        (LEARNING_FOLDER, Some(profile), None) => Ok(Named::Learning(profile)),
        (PROMPTS_FOLDER, Some(profile), None) => Ok(Named::Prompt(profile)),
        (folder, None, _) if FOLDERS.contains(&folder) => {
            let message =
                format!("{folder} is a folder of other documents, so no pattern has that name; take another");
            bad("reserved_name", message)
        }
        (pattern, None, _) => Ok(Named::Pattern(pattern)),
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
        Named::Pattern(_) => Parsed::Pattern(Box::new(read_pattern(body, work)?)),
        Named::Profile(_) => Parsed::Profile(read_profile(body)?),
        Named::Learning(_) => Parsed::Learning(read_learning(body)?),
        Named::Prompt(_) => Parsed::Prompt(read_prompt(body)?),
    };
    Ok(PatternsDocument(parsed))
}

impl PatternsDocument {
    /// An estimate of the memory that it holds, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.0 {
            Parsed::Pattern(pattern) => {
                384 + pattern.texts.iter().map(|text| 96 + text.len() as u64).sum::<u64>()
            }
            Parsed::Profile(profile) => profile.bytes(),
            Parsed::Learning(policy) => policy.bytes(),
            Parsed::Prompt(prompt) => prompt.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<Named<'_>, &str>) {
        let name = DocumentName::new(name).unwrap();
        let found = named(&name).map_err(|problem| problem.code.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn names_say_which_document_it_is() {
        check("ciao", Ok(Named::Pattern("ciao")));
        check("profiles/it", Ok(Named::Profile("it")));
        check("learning/it", Ok(Named::Learning("it")));
        check("prompts/it", Ok(Named::Prompt("it")));
        for folder in FOLDERS {
            check(folder, Err("reserved_name"));
        }
        check("a/b", Err("bad_name"));
        check("profiles/a/b", Err("bad_name"));
    }
}
