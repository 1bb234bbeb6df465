//! What people say of an answer, and what becomes of it.

use std::sync::Arc;

use midflight_core::{Change, Edit, Precondition, RevisionNumber, Trigger};
use midflight_engine::Refused;
use midflight_patterns::{Action, ClassifyError, NotLearned, PatternStatus, PatternsSnapshot};

use crate::Classifier;
use crate::answer::{Answer, Matched};
use crate::lesson::{Draft, Lesson};
use crate::usage::Counter;

/// What somebody says of the answer to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feedback {
    /// It was right.
    Positive,
    /// It was wrong.
    Negative,
    /// It was wrong, and this would have been the category.
    Correction(String),
}

/// What became of a feedback.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedbackAnswer {
    /// The pattern that answers the query, and of which this was counted; none when nothing does.
    pub matched: Option<Matched>,
    /// What became of a correction; none when there was none.
    pub correction: Option<Correction>,
    /// The revision by which the query was looked at.
    pub revision: RevisionNumber,
    /// Revisions up to that one that are left out, since they are invalid on this replica.
    pub quarantined: Arc<[RevisionNumber]>,
}

/// What became of a correction.
#[derive(Debug, Clone, PartialEq)]
pub enum Correction {
    /// A pattern says it now.
    Made(Corrected),
    /// The query has that category already.
    Agrees,
    /// It is not to be learned, because.
    NotLearned(NotLearned),
}

/// The pattern that a correction made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrected {
    /// The pattern.
    pub id: Arc<str>,
    /// Whether it answers.
    pub status: PatternStatus,
    /// The revision that made it.
    pub revision: RevisionNumber,
    /// The pattern that answers the query all the same, since it comes first in the declared order; none when the
    /// correction answers it, or waits to be approved.
    pub hidden_by: Option<Arc<str>>,
}

/// Why a feedback is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedbackError {
    /// The query cannot be classified.
    #[error(transparent)]
    Classify(#[from] ClassifyError),
    /// There is no such category.
    #[error(
        "there is no category {category:?}; take one that a pattern or the prompt of the profile has{hint}"
    )]
    UnknownCategory {
        /// What was said.
        category: String,
        /// What may have been meant, as a clause; or nothing.
        hint: String,
    },
    /// The correction cannot be made.
    #[error(transparent)]
    Refused(#[from] Box<Refused>),
}

impl Classifier {
    /// Takes what somebody says of the answer to a query. It counts for the pattern that answers it now. A correction
    /// becomes an exact pattern under the policy of the profile, made by `author`; it is there when this returns.
    ///
    /// # Errors
    /// [`FeedbackError`]; nothing is counted then.
    pub async fn feedback(
        &self,
        query: &str,
        profile: Option<&str>,
        feedback: Feedback,
        author: &str,
    ) -> Result<FeedbackAnswer, FeedbackError> {
        let is_positive = matches!(feedback, Feedback::Positive);
        let asked = (query.to_owned(), profile.map(str::to_owned));
        let look_back = move |this: &Self| this.look_back(&asked.0, asked.1.as_deref(), &feedback);
        let (answer, profile, correction) = self.computed(look_back).await?;
        let correction = match correction {
            None => None,
            Some(Ok(draft)) => Some(Correction::Made(self.correct(query, profile, draft, author).await?)),
            Some(Err(outcome)) => Some(outcome),
        };
        let is_right = is_positive || correction == Some(Correction::Agrees);
        if let Some(matched) = &answer.matched {
            let counter = match &correction {
                _ if is_right => Counter::Right,
                Some(Correction::Made(made)) if made.id == matched.id => Counter::Corrected,
                _ => Counter::Wrong,
            };
            self.shared.counting.count([(&matched.id, counter)]);
        }
        let Answer { matched, revision, quarantined, .. } = answer;
        Ok(FeedbackAnswer { matched, correction, revision, quarantined })
    }

    /// Classifies on a thread where that delays no other request: a query may take [`PatternsSnapshot::budget`]. At most as
    /// many at the same time as there are processors.
    async fn computed<T: Send + 'static>(&self, compute: impl FnOnce(&Self) -> T + Send + 'static) -> T {
        let this = self.clone();
        // Nobody closes the semaphore, so there is always a turn.
        let turn = Arc::clone(&self.shared.computing).acquire_owned().await;
        let work = move || {
            let _turn = turn;
            compute(&this)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(computed) => computed,
            // It is never cancelled, so it panicked: as it would have here.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// What answers the query now, and the pattern that a correction would be.
    #[expect(clippy::type_complexity, reason = "it is taken apart where it is made")]
    fn look_back(
        &self,
        query: &str,
        profile: Option<&str>,
        feedback: &Feedback,
    ) -> Result<(Answer, Arc<str>, Option<Result<Draft, Correction>>), FeedbackError> {
        let patterns = self.shared.patterns.load();
        let classified = patterns.classify(query, profile)?;
        let profile = Arc::clone(classified.profile_name);
        let answer = match classified.found {
            Some(found) => Answer::found(&found, classified.key, patterns.basis()),
            None => Answer::none("", classified.key, patterns.basis()),
        };
        let Feedback::Correction(category) = feedback else { return Ok((answer, profile, None)) };
        if answer.category.as_deref() == Some(category) {
            return Ok((answer, profile, Some(Err(Correction::Agrees))));
        }
        let lesson = lesson(&patterns, &profile, query, category)?;
        let draft = lesson.draft(&patterns).map_err(Correction::NotLearned);
        Ok((answer, profile, Some(draft)))
    }

    async fn correct(
        &self,
        query: &str,
        profile: Arc<str>,
        draft: Draft,
        author: &str,
    ) -> Result<Corrected, FeedbackError> {
        let id: Arc<str> = draft.id.name.as_str().into();
        // One that is there says what was learned of the same key before.
        let change = Change::put(draft.id, draft.body).when(Precondition::None);
        let edit = Edit {
            reason: format!("correction of {:?}", midflight_core::clip(query)),
            ..Edit::new(author, Trigger::Learned, [change])
        };
        let accepted = self.shared.engine.apply(edit).await.map_err(Box::new)?;
        let revision = accepted.revision.map_or(self.shared.engine.served(), |revision| revision.number);
        let query = query.to_owned();
        let answering = move |this: &Self| {
            let patterns = this.shared.patterns.load();
            let found = patterns.classify(&query, Some(&profile))?.found;
            Ok::<_, ClassifyError>(found.map(|found| Arc::clone(found.pattern.shared_id())))
        };
        let now = self.computed(answering).await?;
        let hidden_by = now.filter(|now| draft.status.answers() && *now != id);
        Ok(Corrected { id, status: draft.status, revision, hidden_by })
    }
}

/// What a correction teaches. A person is sure.
fn lesson(
    patterns: &PatternsSnapshot,
    profile: &Arc<str>,
    query: &str,
    category: &str,
) -> Result<Lesson, FeedbackError> {
    let prompted = patterns.prompt(profile).and_then(|prompt| prompt.category(category));
    let of_patterns = patterns.categories().find_map(|(known, _)| (known == category).then_some(()));
    if prompted.is_none() && of_patterns.is_none() {
        let known = patterns.categories().map(|(name, _)| name);
        let of_prompt = patterns.prompt(profile).into_iter().flat_map(|prompt| prompt.categories());
        let hint = midflight_core::hint(category, known.chain(of_prompt.map(|(name, _)| name)));
        return Err(FeedbackError::UnknownCategory { category: midflight_core::clip(category), hint });
    }
    Ok(Lesson {
        profile: Arc::clone(profile),
        query: query.to_owned(),
        category: category.into(),
        confidence: 1.0,
        action: prompted.map_or(Action::Tool, |category| category.action),
        direct_response: prompted.and_then(|category| category.direct_response.as_deref()).map(Into::into),
    })
}
