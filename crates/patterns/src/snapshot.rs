//! What is served: patterns, profiles, policies and prompts of one revision.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use imbl::{HashMap, OrdMap};
use midflight_engine::{Interrupted, Work};

use crate::index::{Index, PatternMatch};
use crate::learning::LearningPolicy;
use crate::limits::{CLASSIFY_MS_MAX, QUERY_BYTES_MAX, SEARCH_MS_MAX};
use crate::pattern::Pattern;
use crate::profile::{DEFAULT_PROFILE, Profile};
use crate::prompt::Prompt;

/// The patterns at a revision, compiled.
#[derive(Debug, Clone)]
pub struct PatternsSnapshot {
    pub(crate) patterns: OrdMap<Arc<str>, Arc<Pattern>>,
    /// By profile; a profile that is there has one.
    pub(crate) indexes: HashMap<Arc<str>, Arc<Index>>,
    pub(crate) learning: HashMap<Arc<str>, Arc<LearningPolicy>>,
    pub(crate) prompts: HashMap<Arc<str>, Arc<Prompt>>,
    /// How many patterns each category has.
    pub(crate) categories: OrdMap<Arc<str>, usize>,
}

impl Default for PatternsSnapshot {
    fn default() -> Self {
        Self {
            patterns: OrdMap::new(),
            indexes: HashMap::unit(DEFAULT_PROFILE.into(), Arc::default()),
            learning: HashMap::new(),
            prompts: HashMap::new(),
            categories: OrdMap::new(),
        }
    }
}

/// Why a query cannot be classified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifyError {
    /// There is no such profile.
    #[error("unknown profile {profile:?}{hint}")]
    UnknownProfile {
        /// What was asked for.
        profile: String,
        /// What may have been meant, as a clause; or nothing.
        hint: String,
    },
    /// The query is longer than any.
    #[error("the query has {bytes} bytes and may have {QUERY_BYTES_MAX}; send a shorter one")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It was not classified within its budget.
    #[error(
        "the query needs more time than it may have; send a shorter one, or simplify the regexes of the \
         profile"
    )]
    TooExpensive {
        /// Why.
        why: Interrupted,
    },
}

impl From<Interrupted> for ClassifyError {
    fn from(why: Interrupted) -> Self {
        Self::TooExpensive { why }
    }
}

/// A query, made comparable, and the pattern that answers it.
#[derive(Debug)]
pub struct Classification<'a> {
    /// The name of the profile by which it was made comparable.
    pub profile_name: &'a Arc<str>,
    /// That profile.
    pub profile: &'a Profile,
    /// The query as literals and regexes see it.
    pub text: String,
    /// The query as exact patterns see it.
    pub key: String,
    /// What answers it; none when nothing does.
    pub found: Option<PatternMatch<'a>>,
}

impl PatternsSnapshot {
    /// Classifies a query by the patterns of a profile, of the default one without. Cost: a pass over the query to make
    /// it comparable, a look into a map, and a pass for each part of the automata, of which there are few.
    ///
    /// ```
    /// use midflight_core::DocumentName;
    /// use midflight_engine::{Kind as _, KindChange, Work};
    /// use midflight_patterns::Patterns;
    /// use serde_json::json;
    /// use std::sync::Arc;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let work = Work::unbounded();
    /// let body = Arc::new(json!({"pattern": "buongiorno", "category": "GREETING", "direct_response": "Ciao!"}));
    /// let name = DocumentName::new("buongiorno")?;
    /// let document = Some(Patterns.validate(&name, &body, &work)?);
    /// let patterns = Patterns.compile(&Patterns.empty(), vec![KindChange { name, document }], &work)?;
    /// let found = patterns.classify("Buongiorno!", None)?.found.ok_or("it is not found")?;
    /// assert_eq!((found.pattern.category(), found.pattern.direct_response()), ("GREETING", Some("Ciao!")));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It takes [`CLASSIFY_MS_MAX`] at most; [`PatternsSnapshot::classify_within`] takes another budget.
    ///
    /// # Errors
    /// [`ClassifyError`] for a query of more than 8 KiB or that takes too long, or a profile that is not there.
    pub fn classify(&self, query: &str, profile: Option<&str>) -> Result<Classification<'_>, ClassifyError> {
        self.classify_within(query, profile, &Self::budget())
    }

    /// The default budget of a classification, from now on.
    #[must_use]
    pub fn budget() -> Work {
        let work = Work::lasting(Duration::from_millis(CLASSIFY_MS_MAX));
        work.with_steps_of(Duration::from_millis(SEARCH_MS_MAX))
    }

    /// Classifies a query within a budget, which is asked before every search of a regular expression. It is past its
    /// deadline by one search at most.
    ///
    /// # Errors
    /// As [`PatternsSnapshot::classify`].
    pub fn classify_within(
        &self,
        query: &str,
        profile: Option<&str>,
        work: &Work,
    ) -> Result<Classification<'_>, ClassifyError> {
        let (profile_name, index) = self.index(profile)?;
        if query.len() > QUERY_BYTES_MAX {
            return Err(ClassifyError::TooLong { bytes: query.len() });
        }
        let profile = &*index.profile;
        let text = profile.text(query);
        let key = profile.key(&text);
        let found = if text.is_empty() { None } else { index.find(&text, &key, work)? };
        Ok(Classification { profile_name, profile, text, key, found })
    }

    /// The key of a query: what exact patterns compare.
    ///
    /// # Errors
    /// As [`PatternsSnapshot::classify`].
    pub fn normalize(&self, query: &str, profile: Option<&str>) -> Result<String, ClassifyError> {
        let (_, index) = self.index(profile)?;
        if query.len() > QUERY_BYTES_MAX {
            return Err(ClassifyError::TooLong { bytes: query.len() });
        }
        Ok(index.profile.normalize(query))
    }

    fn index(&self, profile: Option<&str>) -> Result<(&Arc<str>, &Index), ClassifyError> {
        let wanted = profile.unwrap_or(DEFAULT_PROFILE);
        match self.indexes.get_key_value(wanted) {
            Some((name, index)) => Ok((name, index)),
            None => Err(ClassifyError::UnknownProfile {
                profile: midflight_core::clip(wanted),
                hint: self.near(wanted),
            }),
        }
    }

    pub(crate) fn near(&self, profile: &str) -> String {
        midflight_core::hint(profile, self.indexes.keys().map(|name| &**name))
    }

    /// A pattern by its id, whether it answers or not.
    #[must_use]
    pub fn pattern(&self, id: &str) -> Option<&Pattern> {
        self.patterns.get(id).map(|pattern| &**pattern)
    }

    /// Every pattern by id, those that do not answer too; those after `after` only.
    pub fn patterns(&self, after: Option<&str>) -> impl Iterator<Item = &Pattern> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.patterns.range::<_, str>((from, Bound::Unbounded)).map(|(_, pattern)| &**pattern)
    }

    /// How many patterns there are, those that do not answer too.
    #[must_use]
    pub fn pattern_count(&self) -> usize {
        self.patterns.len()
    }

    /// The profiles' names, in no order.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.indexes.keys().map(|name| &**name)
    }

    /// A profile by its name.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.indexes.get(name).map(|index| &*index.profile)
    }

    /// The learning policy for a profile's queries; none without one, and nothing is learned.
    #[must_use]
    pub fn learning(&self, profile: &str) -> Option<&Arc<LearningPolicy>> {
        self.learning.get(profile)
    }

    /// The prompt of an LLM for a profile's queries; none without one, and none is asked.
    #[must_use]
    pub fn prompt(&self, profile: &str) -> Option<&Arc<Prompt>> {
        self.prompts.get(profile)
    }

    /// The categories of all patterns, ascending, with how many have each.
    pub fn categories(&self) -> impl Iterator<Item = (&str, usize)> {
        self.categories.iter().map(|(name, count)| (&**name, *count))
    }
}
