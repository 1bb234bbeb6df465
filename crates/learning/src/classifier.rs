//! The classifier: a query's way from the patterns to an LLM and into the patterns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use midflight_components::Llm;
use midflight_engine::{Engine, Work};
use midflight_live::{Basis, Live};
use midflight_patterns::{
    Classification, ClassifyError, LearnFrom, LearningPolicy, NotLearned, PatternsSnapshot, Prompt,
};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::answer::{AnswerSource, QueryAnswer};
use crate::ask::{LlmResult, LlmVerdict, NoAnswer, ask};
use crate::flush::Flusher;
use crate::learned_pattern::{LearnedPattern, PatternDraft};
use crate::learner::{LearnJob, Learned, Learner};
use crate::rates::Rates;
use crate::single_flight::{Question, QuestionLeader, QuestionOutcome, SingleFlight};
use crate::usage::{Counting, UsageCounter};

/// How long the patterns may take to find, while equal questions wait, that a query became known meanwhile. 2 ms: it
/// takes some microseconds, and the LLM is asked when it takes longer.
const KNOWN_MAX: Duration = Duration::from_millis(2);
/// How long one search of theirs may take then in the worst case. 10 ms: nearly all take a hundredth of that.
const KNOWN_STEP_MAX: Duration = Duration::from_millis(10);
/// The answer to a question without waiting callers.
const GIVEN_UP: &str = "the question was abandoned";
/// How long a stop waits for a log that does not answer.
const STOP_MAX: Duration = Duration::from_secs(5);

/// How a [`Classifier`] works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearningOptions {
    /// The name of this replica, under which it counts.
    pub replica: String,
    /// How often what was counted is written; what a crash loses at most. A second by default.
    pub flush: Duration,
    /// How many different questions may be on their way to an LLM; those past it are answered that nothing classified
    /// them. 1,000 by default.
    pub questions_max: usize,
    /// How many patterns may wait to be learned; those past it are learned when they are asked again. 1,000 by default.
    pub lessons_max: usize,
    /// The shortest time between two revisions that learn: what comes within it is learned by one. The first after it
    /// is learned at once. 50 ms by default.
    pub pause: Duration,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// A caller without a token.
    Anonymous,
    /// A caller with a token, or the program itself.
    Known,
}

impl LearningOptions {
    /// The defaults for a replica.
    pub fn new(replica: impl Into<String>) -> Self {
        Self {
            replica: replica.into(),
            flush: Duration::from_secs(1),
            questions_max: 1_000,
            lessons_max: 1_000,
            pause: Duration::from_millis(50),
        }
    }
}

/// Classifies queries by live patterns, and by an LLM, of whose answers it makes patterns. Cloning it is cheap.
#[derive(Clone)]
pub struct Classifier {
    pub(crate) shared: Arc<ClassifierState>,
}

/// What all handles have.
pub(crate) struct ClassifierState {
    pub(crate) engine: Engine,
    pub(crate) patterns: Live<PatternsSnapshot>,
    llm: Llm,
    single_flight: Arc<SingleFlight<LlmResult>>,
    lessons: mpsc::Sender<LearnJob>,
    pub(crate) counting: Arc<Counting>,
    pub(crate) flusher: Arc<Flusher>,
    answered: [AtomicU64; AnswerSource::ALL.len()],
    learned: AtomicU64,
    not_learned: [AtomicU64; NotLearned::REASONS.len()],
    lesson_rates: Rates,
    llm_rates: Rates,
    llm_rate_limited: AtomicU64,
    /// Held while counts of another program are taken, so that none is taken twice.
    pub(crate) taking: tokio::sync::Mutex<()>,
    /// One for each query that may be classified on a thread of its own at the same time.
    pub(crate) computing: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What this replica answered and learned since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many queries were answered by each [`AnswerSource`], in their order.
    pub answered: [u64; AnswerSource::ALL.len()],
    /// How many patterns were learned here.
    pub learned: u64,
    /// How many answers of an LLM were not learned here for each of [`NotLearned::REASONS`], in their order.
    pub not_learned: [u64; NotLearned::REASONS.len()],
    /// How many queries no LLM was asked about, since `llm_calls_per_minute_max` was reached.
    pub llm_rate_limited: u64,
    /// How many questions are on their way to an LLM.
    pub asking: usize,
}

/// The result of the patterns for a query: an answer, or that an LLM is to be asked.
pub struct PatternLookup(Result<QueryAnswer, UnmatchedQuery>);

impl std::fmt::Debug for PatternLookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Looked").field(&self.0.as_ref().ok()).finish()
    }
}

/// A query that nothing matched, on its way to an LLM.
struct UnmatchedQuery {
    profile: Arc<str>,
    prompt: Arc<Prompt>,
    key: String,
    text: String,
    basis: Basis,
    /// What is to become of the answer.
    policy: Arc<LearningPolicy>,
}

impl Classifier {
    /// Starts to count and to learn. The patterns are those of the engine.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn start(
        engine: Engine,
        patterns: Live<PatternsSnapshot>,
        llm: Llm,
        options: LearningOptions,
    ) -> Self {
        let LearningOptions { replica, flush, questions_max, lessons_max, pause } = options;
        let counting = Arc::<Counting>::default();
        // A start counts under a name of its own: its batches begin again.
        let source = format!("{replica}@{}", jiff::Timestamp::now().as_nanosecond());
        let flusher = Flusher::new(engine.clone(), patterns.clone(), Arc::clone(&counting), source);
        let flusher = Arc::new(flusher);
        let (lessons, jobs) = mpsc::channel(lessons_max.max(1));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(Learner::new(engine.clone(), patterns.clone(), pause).run(jobs, stop.clone()));
        tasks.spawn(Arc::clone(&flusher).run(flush, stop.clone()));
        let single_flight = SingleFlight::new(questions_max);
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let shared = ClassifierState {
            engine,
            patterns,
            llm,
            single_flight,
            lessons,
            counting,
            flusher,
            answered: Default::default(),
            learned: AtomicU64::default(),
            not_learned: Default::default(),
            lesson_rates: Rates::default(),
            llm_rates: Rates::default(),
            llm_rate_limited: AtomicU64::default(),
            taking: tokio::sync::Mutex::default(),
            computing: Arc::new(Semaphore::new(processors)),
            stop,
            tasks,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Classifies a query by the patterns of a profile, of the default one without; what nothing matches is asked of
    /// the LLM, if there is one and the profile has a prompt. Its answer is learned after this has returned.
    ///
    /// Cost: that of [`PatternsSnapshot::classify`] and a count in memory; or the LLM's time. Dropping the future ends
    /// nothing: other callers with the same question continue to wait.
    ///
    /// # Errors
    /// [`ClassifyError`]. That an LLM does not answer is no error but [`QueryAnswer::why`].
    pub async fn classify(&self, query: &str, profile: Option<&str>) -> Result<QueryAnswer, ClassifyError> {
        self.classify_for(query, profile, AskedBy::Known).await
    }

    /// As [`Classifier::classify`], for a caller who may be anonymous: then nothing is learned unless the policy learns
    /// of everyone (`learn_from`).
    ///
    /// # Errors
    /// [`ClassifyError`].
    pub async fn classify_for(
        &self,
        query: &str,
        profile: Option<&str>,
        asked_by: AskedBy,
    ) -> Result<QueryAnswer, ClassifyError> {
        let looked = self.look(query, profile, &PatternsSnapshot::budget())?;
        Ok(self.answer(query, looked, asked_by).await)
    }

    /// The first half of [`Classifier::classify_for`]: the patterns, within a budget. It computes and waits for
    /// nothing, so that it can be run on a thread for computing.
    ///
    /// # Errors
    /// [`ClassifyError`].
    pub fn look(
        &self,
        query: &str,
        profile: Option<&str>,
        work: &Work,
    ) -> Result<PatternLookup, ClassifyError> {
        self.shared.look(query, profile, work).map(PatternLookup)
    }

    /// The second half of [`Classifier::classify_for`]: asks the LLM what the patterns do not know. `looked` is of the
    /// same query.
    pub async fn answer(&self, query: &str, looked: PatternLookup, asked_by: AskedBy) -> QueryAnswer {
        let answer = match looked.0 {
            Ok(answer) => answer,
            Err(unknown) => self.asked(query, unknown, asked_by).await,
        };
        let place = AnswerSource::ALL.iter().position(|source| *source == answer.source).unwrap_or_default();
        self.shared.answered[place].fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Asks the LLM, with all who ask the same.
    async fn asked(&self, query: &str, unknown: UnmatchedQuery, asked_by: AskedBy) -> QueryAnswer {
        let shared = &self.shared;
        // By its key, under which it will be learned; a query without one is what it is.
        let comparable = if unknown.key.is_empty() { &unknown.text } else { &unknown.key };
        let question: Question = (Arc::clone(&unknown.profile), comparable.clone());
        let may_teach = asked_by == AskedBy::Known || unknown.policy.learn_from == LearnFrom::Everyone;
        // It waits for nothing, so that the LLM is asked even when this caller goes at once.
        let look = || std::future::ready(shared.look_again(query, &unknown.profile));
        let llm_result = match shared.single_flight.ask(&question, may_teach, look).await {
            QuestionOutcome::Known(known) => return known,
            QuestionOutcome::Answered(llm_result) => llm_result,
            QuestionOutcome::Full => {
                return shared
                    .unanswered("too many questions wait for the LLM; ask again in a moment", unknown);
            }
            QuestionOutcome::Abandoned => Err(NoAnswer::asked(GIVEN_UP)),
            QuestionOutcome::First(mut leader, going) => {
                match shared.allow_call(&unknown) {
                    Ok(()) => {
                        let (shared, prompt) = (Arc::clone(shared), Arc::clone(&unknown.prompt));
                        let (query, policy) = (query.to_owned(), Arc::clone(&unknown.policy));
                        // On a task of its own: the first caller may leave while others wait.
                        let fly = async move { shared.fly(leader, &prompt, &policy, query).await };
                        self.shared.tasks.spawn(fly.in_current_span());
                    }
                    Err(no_answer) => leader.answer(Err(no_answer)),
                }
                going.await.unwrap_or_else(|_| Err(NoAnswer::asked(GIVEN_UP)))
            }
        };
        shared.verdict(llm_result, unknown)
    }

    /// What this replica answered and learned since it started.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let shared = &self.shared;
        Counts {
            answered: std::array::from_fn(|place| shared.answered[place].load(Ordering::Relaxed)),
            learned: shared.learned.load(Ordering::Relaxed),
            not_learned: std::array::from_fn(|place| shared.not_learned[place].load(Ordering::Relaxed)),
            llm_rate_limited: shared.llm_rate_limited.load(Ordering::Relaxed),
            asking: shared.single_flight.asking(),
        }
    }

    /// Writes what was counted, now.
    pub async fn flush(&self) {
        self.shared.flusher.flush().await;
    }

    /// Stops: questions on their way are abandoned, learned patterns are written, and counts are written; unless the
    /// log does not respond for 5 s. Without a stop, what was counted since the last flush is lost.
    pub async fn stop(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        let all = async {
            self.shared.tasks.wait().await;
            self.flush().await;
        };
        if tokio::time::timeout(STOP_MAX, all).await.is_err() {
            tracing::error!("log unavailable; the newest learned patterns and counts are lost");
        }
    }
}

impl std::fmt::Debug for Classifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Classifier").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl ClassifierState {
    /// The answer of the patterns, or that an LLM is to be asked.
    fn look(
        &self,
        query: &str,
        profile: Option<&str>,
        work: &Work,
    ) -> Result<Result<QueryAnswer, UnmatchedQuery>, ClassifyError> {
        let patterns = self.patterns.load();
        let basis = patterns.basis();
        let Classification { profile_name, text, key, found, .. } =
            patterns.classify_within(query, profile, work)?;
        if let Some(found) = found {
            let of_profile = found.pattern.shared_profile();
            self.counting.count([
                (found.pattern.shared_id(), UsageCounter::Used),
                (of_profile, UsageCounter::Matched),
            ]);
            return Ok(Ok(QueryAnswer::found(&found, key, basis)));
        }
        let profile = Arc::clone(profile_name);
        let why = match patterns.prompt(&profile) {
            _ if text.is_empty() => "the query is empty".to_owned(),
            _ if self.llm.status().is_none() => {
                "no pattern matches, and no LLM is configured or available yet (config key llm)".to_owned()
            }
            None => {
                format!("no pattern matches, and there is no prompt for an LLM (patterns/prompts/{profile})")
            }
            Some(prompt) => {
                // Without a policy nothing is learned, and the LLM is asked within the bounds that one has by default.
                let policy = patterns.learning(&profile).cloned().unwrap_or_default();
                let prompt = Arc::clone(prompt);
                return Ok(Err(UnmatchedQuery { prompt, profile, key, text, basis, policy }));
            }
        };
        self.counting.count([(&profile, UsageCounter::None)]);
        Ok(Ok(QueryAnswer::none(why, key, basis)))
    }

    fn unanswered(&self, why: impl Into<Arc<str>>, unknown: UnmatchedQuery) -> QueryAnswer {
        self.counting.count([(&unknown.profile, UsageCounter::None)]);
        QueryAnswer::none(why, unknown.key, unknown.basis)
    }

    /// Whether a query became known since its caller looked.
    fn look_again(&self, query: &str, profile: &str) -> Option<QueryAnswer> {
        let brief = Work::lasting(KNOWN_MAX).with_steps_of(KNOWN_STEP_MAX);
        self.look(query, Some(profile), &brief).ok()?.ok()
    }

    /// The answer that an opinion makes.
    fn verdict(&self, llm_result: LlmResult, unknown: UnmatchedQuery) -> QueryAnswer {
        let no_answer = match llm_result {
            Ok(verdict) => match unknown.prompt.category(&verdict.category) {
                Some(category) => {
                    self.counting.count([(&unknown.profile, UsageCounter::Llm)]);
                    return QueryAnswer::of_llm(&verdict, category, unknown.key, unknown.basis);
                }
                // Who asked first was served another prompt.
                None => NoAnswer::asked("the prompt changed while the LLM was asked; ask again"),
            },
            Err(no_answer) => no_answer,
        };
        QueryAnswer { llm_used: no_answer.was_asked, ..self.unanswered(no_answer.why, unknown) }
    }

    /// Whether the LLM may be called again.
    fn allow_call(&self, unknown: &UnmatchedQuery) -> Result<(), NoAnswer> {
        let max = unknown.policy.llm_calls_per_minute_max;
        let is_known = |profile: &str| self.patterns.load().profile(profile).is_some();
        if self.llm_rates.allow(&unknown.profile, max, is_known) {
            return Ok(());
        }
        self.llm_rate_limited.fetch_add(1, Ordering::Relaxed);
        let why = format!(
            "no pattern matches, and the limit of LLM calls is reached (llm_calls_per_minute_max is \
             {max}); ask again later, or raise it in patterns/learning/{}",
            unknown.profile
        );
        Err(NoAnswer { why: why.into(), was_asked: false })
    }

    /// Asks the LLM, gives all waiting callers its answer, and then makes a pattern of it. Equal questions are not
    /// asked meanwhile.
    async fn fly(
        &self,
        mut leader: QuestionLeader<LlmResult>,
        prompt: &Prompt,
        policy: &LearningPolicy,
        query: String,
    ) {
        let masked = if policy.redact_llm { policy.redact.apply(&query) } else { query.as_str().into() };
        let llm_result = tokio::select! {
            llm_result = ask(&self.llm, prompt, &masked) => llm_result,
            () = self.stop.cancelled() => Err(NoAnswer::asked("the server is stopping")),
        };
        leader.answer(llm_result.clone());
        if let Ok(verdict) = llm_result {
            let profile = Arc::clone(leader.profile());
            if let Err(why) = self.learn(&leader, Arc::clone(&profile), query, verdict).await {
                tracing::debug!(%profile, %why, "not learned");
                let place = NotLearned::REASONS.iter().position(|reason| *reason == why.reason());
                self.not_learned[place.unwrap_or_default()].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Makes a pattern of an opinion, and returns once it is live. That there is one already is no failure.
    async fn learn(
        &self,
        leader: &QuestionLeader<LlmResult>,
        profile: Arc<str>,
        query: String,
        verdict: LlmVerdict,
    ) -> Result<(), NotLearned> {
        let Some(draft) = self.draft(leader, &profile, query, &verdict)? else { return Ok(()) };
        let (done, learned) = oneshot::channel();
        let job = LearnJob { profile, draft, model: verdict.model, done };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.lessons.try_send(job) {
            tracing::warn!("learning queue full; answer not learned");
            return Err(NotLearned::Queue);
        }
        match learned.await {
            Ok(Learned::Made { .. }) => {
                self.learned.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Ok(Learned::Left(why)) => Err(why),
            _ => Ok(()),
        }
    }

    /// The pattern that is to be made of an opinion; none when there is one already.
    fn draft(
        &self,
        leader: &QuestionLeader<LlmResult>,
        profile: &Arc<str>,
        query: String,
        verdict: &LlmVerdict,
    ) -> Result<Option<PatternDraft>, NotLearned> {
        let patterns = self.patterns.load();
        let Some(learned_pattern) = LearnedPattern::of(verdict, &patterns, Arc::clone(profile), query) else {
            return Ok(None);
        };
        let draft = learned_pattern.draft(&patterns)?;
        // One that does not answer waits for approval, or was disabled.
        if patterns.pattern(draft.id.name.as_str()).is_some() {
            return Ok(None);
        }
        if !leader.may_teach() {
            return Err(NotLearned::Anonymous);
        }
        let lessons_per_minute_max =
            patterns.learning(profile).map_or(0, |policy| policy.lessons_per_minute_max);
        let is_known = |name: &str| patterns.profile(name).is_some();
        if !self.lesson_rates.allow(profile, lessons_per_minute_max, is_known) {
            return Err(NotLearned::Rate { lessons_per_minute_max });
        }
        Ok(Some(draft))
    }
}

impl Drop for ClassifierState {
    fn drop(&mut self) {
        // Nothing is counted or learned any more, so the writers need not wait for more.
        self.stop.cancel();
    }
}
