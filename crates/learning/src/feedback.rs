//! Feedback on answers, and its results.

use std::sync::Arc;

use midflight_core::{Change, Digest, Edit, EditKey, Precondition, PrincipalId, RevisionNumber, Trigger};
use midflight_engine::{Refusal, Refused};
use midflight_patterns::{Action, ClassifyError, NotLearned, PatternStatus, PatternsSnapshot};
use midflight_store::StoreError;

use crate::Classifier;
use crate::answer::{Matched, QueryAnswer};
use crate::learned_pattern::{LearnedPattern, PatternDraft};
use crate::usage::UsageCounter;

/// How often a correction looks at the patterns since its own was changed meanwhile.
const LOOKS_MAX: u32 = 10;

/// Feedback on the answer to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feedback {
    /// It was right.
    Positive,
    /// It was wrong.
    Negative,
    /// It was wrong, and this would have been the category.
    Correction(String),
}

/// Who gives a feedback.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The author of a correction.
    pub author: String,
    /// Who that is, as the server knows them.
    pub principal: Option<PrincipalId>,
    /// The key of the feedback: sent again with that key, it is counted once. Without a request
    /// ([`EditKey::of_request`]) no other feedback may be sent under it.
    pub key: Option<EditKey>,
}

impl From<&str> for Sender {
    fn from(author: &str) -> Self {
        Self { author: author.to_owned(), principal: None, key: None }
    }
}

/// The result of a feedback.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedbackAnswer {
    /// Whether it was given before under its key: nothing is counted or learned again.
    pub is_repeated: bool,
    /// The pattern that answers the query, and of which this was counted unless it is repeated; none when nothing does.
    pub matched: Option<Matched>,
    /// The result of a correction; none when there was none.
    pub correction: Option<Correction>,
    /// The revision by which the query was looked at.
    pub revision: RevisionNumber,
    /// Revisions up to that one that are left out, since they are invalid on this replica.
    pub quarantined: Arc<[RevisionNumber]>,
}

/// The result of a correction.
#[derive(Debug, Clone, PartialEq)]
pub enum Correction {
    /// A pattern has it now.
    Made(Corrected),
    /// The query has that category already.
    Agrees,
    /// It was made before under its key, by that revision.
    Repeated(RevisionNumber),
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
    #[error("unknown category {category:?}; use one of a pattern or of the prompt of the profile{hint}")]
    UnknownCategory {
        /// The feedback.
        category: String,
        /// What may have been meant, as a clause; or nothing.
        hint: String,
    },
    /// The correction cannot be made.
    #[error(transparent)]
    Refused(#[from] Box<Refused>),
    /// What is counted under a key cannot be written; it may be there all the same.
    #[error("unknown whether the feedback was counted; send it again with the same key")]
    Store(#[from] StoreError),
}

impl Classifier {
    /// Takes feedback on the answer to a query. It counts for the pattern that answers it now. A correction becomes an
    /// exact pattern under the policy of the profile, made by the sender; it is there when this returns. Under a key it
    /// is counted in the store before this returns, and once on all replicas together. Another feedback under the same
    /// key is refused if the first one made a pattern, and else counted by itself.
    ///
    /// # Errors
    /// [`FeedbackError`]; nothing is counted then, but see [`FeedbackError::Store`].
    pub async fn feedback(
        &self,
        query: &str,
        profile: Option<&str>,
        feedback: Feedback,
        sender: impl Into<Sender>,
    ) -> Result<FeedbackAnswer, FeedbackError> {
        let sender = sender.into();
        let is_positive = matches!(feedback, Feedback::Positive);
        let before = match &sender.key {
            Some(key) => self.shared.engine.made_under(key).await.map_err(|it| Box::new(it.into()))?,
            None => None,
        };
        let category = match feedback {
            Feedback::Correction(category) if before.is_none() => Some(Arc::<str>::from(category)),
            _ => None,
        };
        let mut tries = 1;
        let (answer, correction) = loop {
            let asked = (query.to_owned(), profile.map(str::to_owned), category.clone());
            let look_back =
                move |this: &Self| this.look_back(&asked.0, asked.1.as_deref(), asked.2.as_deref());
            let (answer, profile, correction) = self.computed(look_back).await?;
            let correction = match correction {
                None => before.map(Correction::Repeated),
                Some(Ok(draft)) => {
                    match self.correct(query, profile, draft, answer.revision, &sender).await {
                        // Its pattern was changed after it was looked at.
                        Err(FeedbackError::Refused(refused))
                            if matches!(refused.refusal, Refusal::Precondition(_)) && tries < LOOKS_MAX =>
                        {
                            tries += 1;
                            continue;
                        }
                        corrected => Some(corrected?),
                    }
                }
                Some(Err(outcome)) => Some(outcome),
            };
            break (answer, correction);
        };
        let QueryAnswer { matched, revision, quarantined, .. } = answer;
        let counter = match (&correction, &matched) {
            (Some(Correction::Repeated(_)), _) => None,
            (correction, _) if is_positive || *correction == Some(Correction::Agrees) => {
                Some(UsageCounter::Right)
            }
            (Some(Correction::Made(made)), Some(matched)) if made.id == matched.id => {
                Some(UsageCounter::Corrected)
            }
            _ => Some(UsageCounter::Wrong),
        };
        let counted = match (&matched, counter) {
            (_, None) => Ok(false),
            (Some(matched), Some(counter)) => self.count(&matched.id, counter, sender.key.as_ref()).await,
            (None, Some(_)) => Ok(true),
        };
        let is_repeated = match (&correction, counted) {
            (Some(Correction::Made(_)), Err(error)) => {
                // The correction is live; its vote is lost as those are that a crash takes along.
                tracing::warn!(%error, "correction made but not counted");
                false
            }
            (Some(Correction::Made(_)), Ok(_)) => false,
            (_, counted) => !counted?,
        };
        Ok(FeedbackAnswer { is_repeated, matched, correction, revision, quarantined })
    }

    /// Counts for a pattern, once under a key. Answers whether it was counted.
    async fn count(
        &self,
        id: &Arc<str>,
        counter: UsageCounter,
        key: Option<&EditKey>,
    ) -> Result<bool, StoreError> {
        let Some(EditKey { text, request }) = key else {
            self.shared.counting.count([(id, counter)]);
            return Ok(true);
        };
        let request = request.map_or_else(String::new, |digest| digest.to_string());
        let key = Digest::of_bytes(format!("{request}\n{text}").as_bytes());
        self.shared.flusher.count_once(key, id, counter).await
    }

    /// Classifies on a thread where that delays no other request: a query may take [`PatternsSnapshot::budget`]. At
    /// most as many at the same time as there are processors.
    async fn computed<T: Send + 'static>(&self, compute: impl FnOnce(&Self) -> T + Send + 'static) -> T {
        let this = self.clone();
        // The semaphore is never closed, so there is always a turn.
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
        correction: Option<&str>,
    ) -> Result<(QueryAnswer, Arc<str>, Option<Result<PatternDraft, Correction>>), FeedbackError> {
        let patterns = self.shared.patterns.load();
        let classified = patterns.classify(query, profile)?;
        let profile = Arc::clone(classified.profile_name);
        let answer = match classified.found {
            Some(found) => QueryAnswer::found(&found, classified.key, patterns.basis()),
            None => QueryAnswer::none("", classified.key, patterns.basis()),
        };
        let Some(category) = correction else { return Ok((answer, profile, None)) };
        if answer.category.as_deref() == Some(category) {
            return Ok((answer, profile, Some(Err(Correction::Agrees))));
        }
        let learned_pattern = learned_pattern(&patterns, &profile, query, category)?;
        let draft = learned_pattern.draft(&patterns).map_err(Correction::NotLearned);
        Ok((answer, profile, Some(draft)))
    }

    async fn correct(
        &self,
        query: &str,
        profile: Arc<str>,
        draft: PatternDraft,
        looked_at: RevisionNumber,
        sender: &Sender,
    ) -> Result<Correction, FeedbackError> {
        let id: Arc<str> = draft.id.name.as_str().into();
        // An existing one is what was learned of the same key before, as it was when it was looked at.
        let change = Change::put(draft.id, draft.body).when(Precondition::UnchangedSince(looked_at));
        let edit = Edit {
            reason: format!("correction of {:?}", midflight_core::clip(query)),
            principal: sender.principal.clone(),
            key: sender.key.clone(),
            ..Edit::new(&sender.author, Trigger::Learned, [change])
        };
        let accepted = self.shared.engine.apply(edit).await.map_err(Box::new)?;
        if let Some(revision) = accepted.repeats {
            return Ok(Correction::Repeated(revision));
        }
        let revision = accepted.revision.map_or(self.shared.engine.served(), |revision| revision.number);
        let query = query.to_owned();
        let answering = move |this: &Self| {
            let patterns = this.shared.patterns.load();
            let found = patterns.classify(&query, Some(&profile))?.found;
            Ok::<_, ClassifyError>(found.map(|found| Arc::clone(found.pattern.shared_id())))
        };
        let now = self.computed(answering).await?;
        let hidden_by = now.filter(|now| draft.status.answers() && *now != id);
        Ok(Correction::Made(Corrected { id, status: draft.status, revision, hidden_by }))
    }
}

/// What a correction teaches. A person is sure.
fn learned_pattern(
    patterns: &PatternsSnapshot,
    profile: &Arc<str>,
    query: &str,
    category: &str,
) -> Result<LearnedPattern, FeedbackError> {
    let prompted = patterns.prompt(profile).and_then(|prompt| prompt.category(category));
    let of_patterns = patterns.categories().find_map(|(known, _)| (known == category).then_some(()));
    if prompted.is_none() && of_patterns.is_none() {
        let known = patterns.categories().map(|(name, _)| name);
        let of_prompt = patterns.prompt(profile).into_iter().flat_map(|prompt| prompt.categories());
        let hint = midflight_core::hint(category, known.chain(of_prompt.map(|(name, _)| name)));
        return Err(FeedbackError::UnknownCategory { category: midflight_core::clip(category), hint });
    }
    Ok(LearnedPattern {
        profile: Arc::clone(profile),
        query: query.to_owned(),
        category: category.into(),
        confidence: 1.0,
        action: prompted.map_or(Action::Tool, |category| category.action),
        direct_response: prompted.and_then(|category| category.direct_response.as_deref()).map(Into::into),
    })
}
