//! Patterns: the contents of a document, and what is kept of it for answering.

use std::sync::Arc;

use midflight_engine::{Interrupted, Work};
use midflight_regexes::BoundedRegex;

use crate::profile::Profile;
use crate::{Action, CreatedBy, Match, PatternStatus};

/// The contents of a pattern's document, valid by itself. What its texts are as keys depends on the profile.
#[derive(Debug)]
pub(crate) struct PatternDocument {
    pub(crate) meta: PatternMeta,
    pub(crate) profile: Arc<str>,
    pub(crate) category: Arc<str>,
    /// As they are written; one unless it was written as `any_of`.
    pub(crate) texts: Vec<Box<str>>,
}

/// The members of a pattern beside its texts.
#[derive(Debug, Clone)]
pub(crate) struct PatternMeta {
    pub(crate) how: Match,
    pub(crate) status: PatternStatus,
    pub(crate) created_by: CreatedBy,
    pub(crate) action: Action,
    pub(crate) order: i32,
    pub(crate) confidence: f64,
    pub(crate) direct_response: Option<Arc<str>>,
    pub(crate) conditions: Option<Arc<Conditions>>,
    /// Whether the texts are written as `any_of`.
    pub(crate) is_list: bool,
}

/// What a query must fulfil beside matching a text.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    /// The most words of the query.
    pub(crate) max_words: Option<u32>,
    /// What the query must not match.
    pub(crate) exclusion: Option<BoundedRegex>,
}

impl Conditions {
    /// Whether a [`Profile::text`] fulfils them.
    pub(crate) fn hold(&self, text: &str, work: &Work) -> Result<bool, Interrupted> {
        if self.max_words.is_some_and(|max| words(text) > max as usize) {
            return Ok(false);
        }
        self.exclusion.as_ref().map_or(Ok(true), |exclusion| Ok(!exclusion.is_match(text, work)?))
    }

    /// How much memory its regular expression takes, in bytes; 0 when it has none.
    pub(crate) fn regex_bytes(&self) -> usize {
        self.exclusion.as_ref().map_or(0, BoundedRegex::bytes)
    }
}

/// How many words a [`Profile::text`] has: the parts between its spaces.
fn words(text: &str) -> usize {
    if text.is_empty() { 0 } else { 1 + text.bytes().filter(|byte| *byte == b' ').count() }
}

/// A pattern, as a snapshot holds it.
#[derive(Debug)]
pub struct Pattern {
    pub(crate) id: Arc<str>,
    pub(crate) profile: Arc<str>,
    pub(crate) category: Arc<str>,
    pub(crate) meta: PatternMeta,
    pub(crate) texts: Box<[Text]>,
}

/// One text of a pattern.
#[derive(Debug)]
pub(crate) struct Text {
    /// What is looked for: a key, a folded text, or a regular expression.
    pub(crate) key: Arc<str>,
    /// As it was written, where that is something else.
    written: Option<Box<str>>,
}

impl Text {
    pub(crate) fn new(written: &str, how: Match, profile: &Profile) -> Self {
        let key = match how {
            Match::Exact => profile.normalize(written),
            Match::Prefix | Match::Contains | Match::Word => profile.text(written),
            Match::Regex => return Self { key: written.into(), written: None },
        };
        let written = (key != written).then(|| written.into());
        Self { key: key.into(), written }
    }

    pub(crate) fn written(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.key)
    }
}

impl Pattern {
    /// The name of its document.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its id, to keep.
    #[must_use]
    pub fn shared_id(&self) -> &Arc<str> {
        &self.id
    }

    /// Its category, to keep.
    #[must_use]
    pub fn shared_category(&self) -> &Arc<str> {
        &self.category
    }

    /// Its direct response, to keep.
    #[must_use]
    pub fn shared_direct_response(&self) -> Option<&Arc<str>> {
        self.meta.direct_response.as_ref()
    }

    /// The name of its profile, to keep.
    #[must_use]
    pub fn shared_profile(&self) -> &Arc<str> {
        &self.profile
    }

    /// The profile by which it is compared.
    #[must_use]
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// The category of the queries that it matches.
    #[must_use]
    pub fn category(&self) -> &str {
        &self.category
    }

    /// How its texts are found.
    #[must_use]
    pub fn match_kind(&self) -> Match {
        self.meta.how
    }

    /// Whether it answers.
    #[must_use]
    pub fn status(&self) -> PatternStatus {
        self.meta.status
    }

    /// Who made it.
    #[must_use]
    pub fn created_by(&self) -> CreatedBy {
        self.meta.created_by
    }

    /// What is to be done with the queries that it matches.
    #[must_use]
    pub fn action(&self) -> Action {
        self.meta.action
    }

    /// How sure the category is, 0 to 1.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        self.meta.confidence
    }

    /// The answer to give, if it has one.
    #[must_use]
    pub fn direct_response(&self) -> Option<&str> {
        self.meta.direct_response.as_deref()
    }

    /// Its place in the declared order: the lowest of all that match answers; of equals, the first by id.
    #[must_use]
    pub fn order(&self) -> i32 {
        self.meta.order
    }

    /// Its texts as they were written; at least one.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(Text::written)
    }

    /// What is looked for in a query, for each text: a key, a folded text, or a regular expression.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.texts.iter().map(|text| &text.key)
    }

    /// Whether this one answers rather than `other` where both match.
    pub(crate) fn comes_before(&self, other: &Self) -> bool {
        (self.meta.order, &*self.id) < (other.meta.order, &*other.id)
    }

    /// How much memory the regular expression takes by which it excludes, in bytes; 0 when it has none.
    pub(crate) fn exclusion_bytes(&self) -> usize {
        self.meta.conditions.as_ref().map_or(0, |conditions| conditions.regex_bytes())
    }

    pub(crate) fn bytes(&self) -> u64 {
        let text =
            |text: &Text| 64 + (text.key.len() + text.written.as_ref().map_or(0, |it| it.len())) as u64;
        256 + self.id.len() as u64 + self.texts.iter().map(text).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_between_spaces() {
        assert_eq!((words(""), words("uno"), words("uno due, tre")), (0, 1, 3));
    }
}
