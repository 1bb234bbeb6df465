//! What a query is answered with.

use std::fmt;
use std::sync::Arc;

use crate::ask::LlmVerdict;
use midflight_core::RevisionNumber;
use midflight_live::Basis;
use midflight_patterns::{Action, Category, CreatedBy, Match, PatternMatch};

/// Where a classification comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerSource {
    /// A pattern that a person made.
    Pattern,
    /// A pattern that was learned.
    Learned,
    /// An LLM.
    Llm,
    /// Nothing classified it.
    None,
}

impl AnswerSource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pattern, Self::Learned, Self::Llm, Self::None];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pattern => "pattern",
            Self::Learned => "learned",
            Self::Llm => "llm",
            Self::None => "none",
        }
    }
}

impl fmt::Display for AnswerSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A query's classification.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryAnswer {
    /// What the query is; none when nothing classified it.
    pub category: Option<Arc<str>>,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
    /// What is to be done with it.
    pub action: Option<Action>,
    /// The answer to give, if there is one.
    pub direct_response: Option<Arc<str>>,
    /// The pattern that matched.
    pub matched: Option<Matched>,
    /// Where this comes from.
    pub source: AnswerSource,
    /// The query as exact patterns see it.
    pub normalized: String,
    /// Whether an LLM was asked, by this query or by an equal one at the same time.
    pub llm_used: bool,
    /// Why nothing classified it; none when something did.
    pub why: Option<Arc<str>>,
    /// The revision that it was computed from.
    pub revision: RevisionNumber,
    /// Revisions up to that one that are left out, since they are invalid on this replica.
    pub quarantined: Arc<[RevisionNumber]>,
}

/// The pattern that matched, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// The pattern.
    pub id: Arc<str>,
    /// How its texts are found.
    pub how: Match,
    /// Which text was found, as it is looked for.
    pub key: Arc<str>,
}

impl QueryAnswer {
    /// The answer of a pattern.
    pub(crate) fn found(found: &PatternMatch<'_>, normalized: String, basis: Basis) -> Self {
        let pattern = found.pattern;
        Self {
            category: Some(pattern.shared_category().clone()),
            confidence: pattern.confidence(),
            action: Some(pattern.action()),
            direct_response: pattern.shared_direct_response().cloned(),
            matched: Some(Matched {
                id: pattern.shared_id().clone(),
                how: pattern.match_kind(),
                key: found.key.clone(),
            }),
            source: match pattern.created_by() {
                CreatedBy::Manual => AnswerSource::Pattern,
                CreatedBy::Llm => AnswerSource::Learned,
            },
            normalized,
            llm_used: false,
            why: None,
            revision: basis.revision,
            quarantined: basis.quarantined,
        }
    }

    /// The answer of an LLM, with what the prompt has for that category.
    pub(crate) fn of_llm(
        verdict: &LlmVerdict,
        category: &Category,
        normalized: String,
        basis: Basis,
    ) -> Self {
        Self {
            category: Some(Arc::clone(&verdict.category)),
            confidence: verdict.confidence,
            action: Some(category.action),
            direct_response: category.direct_response.as_deref().map(Into::into),
            matched: None,
            source: AnswerSource::Llm,
            normalized,
            llm_used: true,
            why: None,
            revision: basis.revision,
            quarantined: basis.quarantined,
        }
    }

    /// That nothing classified it.
    pub(crate) fn none(why: impl Into<Arc<str>>, normalized: String, basis: Basis) -> Self {
        Self {
            category: None,
            confidence: 0.0,
            action: None,
            direct_response: None,
            matched: None,
            source: AnswerSource::None,
            normalized,
            llm_used: false,
            why: Some(why.into()),
            revision: basis.revision,
            quarantined: basis.quarantined,
        }
    }
}
