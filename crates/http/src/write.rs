//! The one way in which handlers change something: an edit under the caller's name, tried or made, waited for or not.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use midflight_core::{Change, Edit, Effect, RevisionNumber, Step, Trigger};
use midflight_engine::{Accepted, Ack as EngineAck, EditMode, Invalid, Reach, Refused, What};
use serde::Deserialize;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::audit::MadeRevision;
use crate::code::Code;
use crate::diffs::of_edit;
use crate::idempotency::RequestKey;
use crate::kind::{Members, add_to, members_of};
use crate::later::{Later, Planned};
use crate::params::{Params, etag};
use crate::principal::{Access, Principal};
use crate::problem::ApiError;
use crate::refusal::refused;
use crate::wire::{Ack, PlanAnswer, ProblemItem, SilentReplica, WriteAnswer, Written, ms};

/// How often an edit is computed when the log moves under it.
const COMPUTED_TRIES_MAX: u32 = 16;

/// When a write is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wait {
    /// At once; what becomes of it is in the reloads.
    None,
    /// When this replica serves it.
    #[default]
    Local,
    /// When every replica that is alive has said whether it serves it.
    All,
}

/// How a write is to be made.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WriteParams {
    /// Do all of it up to the point of no return, and then nothing. Nobody is connected to: `not_tried` names the components
    /// that would have to be.
    #[serde(default)]
    dry_run: bool,
    /// When to answer: `none`, `local` (unless said) or `all`.
    #[serde(default)]
    #[param(inline)]
    wait: Wait,
    /// How long to wait; past it the answer is 202 and the write goes on.
    timeout_ms: Option<u64>,
    /// Change documents that belong to somebody else all the same; they change hands.
    #[serde(default)]
    take_over: bool,
    /// Show diffs as unified text too.
    #[serde(default)]
    text: bool,
    /// Why, for those who read the history.
    #[serde(default)]
    reason: String,
    /// Not now, but from this time on, as `2026-01-31T03:00:00Z`. It must hold now, as if it were made at once; the answer
    /// is 202 with a schedule.
    not_before: Option<String>,
    /// Not now, but when this window is open: a cron expression of its openings, as `0 3 * * *`.
    window: Option<String>,
    /// The IANA time zone that the window is read in, as `Europe/Rome`; `UTC` unless said.
    time_zone: Option<String>,
    /// How long the window stays open, from 60,000 (a minute) to 604,800,000 (a week); an hour unless said.
    window_ms: Option<u64>,
    /// The name of the schedule, which is not to be there yet; one is made up unless said.
    schedule_id: Option<String>,
    /// The key of the request, from its header.
    #[serde(skip)]
    #[param(ignore)]
    key: Option<RequestKey>,
    /// Who asks, if their scopes are to be compared with the edit.
    #[serde(skip)]
    #[param(ignore)]
    limited: Option<Principal>,
}

impl WriteParams {
    /// The reason of the body, unless the address has one.
    pub fn or_reason(mut self, reason: String) -> Self {
        if self.reason.is_empty() {
            self.reason = reason;
        }
        self
    }

    /// Those of a request whose address has parameters of its own beside them.
    ///
    /// # Errors
    /// 400 for a parameter that is neither, or has a value that it cannot have.
    pub fn read(parts: &Parts, own: &[&str]) -> Result<Self, ApiError> {
        let name = |pair: &str| pair.split_once('=').map_or(pair, |(name, _)| name).to_owned();
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let query: Vec<_> = pairs.filter(|pair| !own.contains(&name(pair).as_str())).collect();
        let uri = format!("/?{}", query.join("&")).parse::<Uri>();
        let uri = uri.map_err(|error| ApiError::new(Code::INVALID_PARAMETER, error.to_string()))?;
        let Params(params) = Params::<Self>::of(&uri)?;
        Ok(Self { key: RequestKey::of(parts)?, limited: limited(parts)?, ..params })
    }

    /// The same, tried only.
    #[must_use]
    pub fn as_dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Whether it is only tried.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Whether it is answered as soon as it is live here.
    pub(crate) fn is_short(&self) -> bool {
        self.wait != Wait::All
    }

    /// Whether this request was done before, so that what is gone is gone because of it.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn is_repeated(&self, app: &App, principal: &Principal) -> Result<bool, ApiError> {
        match &self.key {
            Some(key) => key.is_known(app, principal).await,
            None => Ok(false),
        }
    }

    /// When it is to be made; none for at once.
    fn later(&self) -> Option<Later<'_>> {
        let later = Later {
            not_before: self.not_before.as_deref(),
            window: self.window.as_deref(),
            time_zone: self.time_zone.as_deref(),
            window_ms: self.window_ms,
            schedule_id: self.schedule_id.as_deref(),
        };
        later.is_said().then_some(later)
    }

    /// The edit that these changes make.
    pub fn edit(&self, principal: &Principal, changes: Vec<Change>) -> Edit {
        Edit {
            reason: self.reason.clone(),
            take_over: self.take_over,
            principal: principal.id(),
            key: self.key.as_ref().map(|key| key.of_edit(principal)),
            ..Edit::new(principal.name(), Trigger::ApiUpdate, changes)
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WriteParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Params(mut params) = Params::<Self>::from_request_parts(parts, state).await?;
        params.key = RequestKey::of(parts)?;
        params.limited = limited(parts)?;
        Ok(params)
    }
}

/// Who sent a request, if they have scopes.
fn limited(parts: &Parts) -> Result<Option<Principal>, ApiError> {
    let principal = Access::of(parts)?.principal();
    Ok(principal.scopes().is_some().then(|| principal.clone()))
}

/// How many documents out of scope a refusal names.
const OUTSIDE_SHOWN_MAX: usize = 20;

/// Refuses an edit of documents that are not in the scopes of who asks. Every edit of a request comes by here.
fn check_scopes(params: &WriteParams, changes: &[Change]) -> Result<(), ApiError> {
    let Some((principal, scopes)) = params.limited.as_ref().and_then(|it| Some((it, it.scopes()?))) else {
        return Ok(());
    };
    let outside = scopes.outside(changes);
    let Some(first) = outside.first() else { return Ok(()) };
    let mut error = principal.out_of_scope(&first.to_string());
    let named = outside.iter().take(OUTSIDE_SHOWN_MAX).map(|id| ProblemItem {
        message: "not in the scopes of the token".to_owned(),
        document: Some(id.to_string()),
        ..ProblemItem::default()
    });
    error.body_mut().errors.extend(named);
    Err(error)
}

/// What became of a write.
#[derive(Debug)]
pub enum Submitted {
    /// It is live here, or was tried; with what the replicas say of it, if that was waited for.
    Done(Box<Accepted>, Option<Heard>),
    /// It goes on without its caller.
    Queued,
    /// It waits for its time.
    Scheduled(Box<Waiting>),
}

impl Submitted {
    /// The revision that an edit with the same key had become before.
    pub fn repeats(&self) -> Option<RevisionNumber> {
        match self {
            Self::Done(accepted, _) => accepted.repeats,
            _ => None,
        }
    }

    /// What is wrong with the documents that were left out of it.
    pub fn left_out(&self) -> Vec<ProblemItem> {
        let accepted = match self {
            Self::Done(accepted, _) => Some(&**accepted),
            Self::Scheduled(waiting) => waiting.tried.as_ref(),
            Self::Queued => None,
        };
        accepted.into_iter().flat_map(|accepted| &accepted.left_out).map(ProblemItem::from).collect()
    }
}

/// An edit or a reload that waits.
#[derive(Debug)]
pub struct Waiting {
    planned: Planned,
    /// What the edit would do now.
    tried: Option<Accepted>,
    /// What became of putting the schedule.
    made: Submitted,
}

/// What the replicas say of a revision.
#[derive(Debug)]
pub struct Heard {
    acks: Vec<Ack>,
    silent: Vec<SilentReplica>,
    /// Whether one has said neither that it serves it nor that it does not.
    is_missing: bool,
}

impl Heard {
    /// Waits until everybody has said, or the time is over.
    async fn of(app: &App, accepted: &Accepted, deadline: Instant) -> Self {
        let revision = looked_at(app, accepted);
        let within = deadline.saturating_duration_since(Instant::now());
        let acks = tokio::select! {
            acks = app.engine.acks(revision, within) => acks,
            // A stop waits for nobody else's word.
            () = app.stopping.cancelled() => return Self::here(app),
        };
        match acks {
            Ok(acks) => Self {
                is_missing: acks.said.iter().any(|(_, ack)| *ack == EngineAck::Missing),
                acks: acks.said.into_iter().map(Ack::from).collect(),
                silent: acks.silent.iter().map(SilentReplica::from).collect(),
            },
            Err(error) => {
                tracing::warn!(%error, %revision, "what the other replicas say cannot be read");
                Self::here(app)
            }
        }
    }

    /// Only that it is served here.
    fn here(app: &App) -> Self {
        let acks = vec![(app.replica_id.clone(), EngineAck::Serves).into()];
        Self { acks, silent: Vec::new(), is_missing: true }
    }

    /// How the write ended for all of them.
    fn outcome(&self) -> Option<&'static str> {
        match self.acks.iter().all(|ack| ack.ack) {
            _ if self.is_missing => Some("pending"),
            true => None,
            false => Some("partial"),
        }
    }
}

/// Makes an edit in the way that the parameters ask for, or schedules it. The one that is scheduled must hold now.
pub async fn submit(app: &App, params: &WriteParams, edit: Edit) -> Result<Submitted, ApiError> {
    submit_with(app, params, edit, Invalid::Refuse).await
}

/// The same for an edit that may be made without its invalid documents.
pub async fn submit_with(
    app: &App,
    params: &WriteParams,
    mut edit: Edit,
    invalid: Invalid,
) -> Result<Submitted, ApiError> {
    check_scopes(params, &edit.changes)?;
    let Some(later) = params.later().filter(|_| !edit.changes.is_empty()) else {
        return make(app, params, edit, invalid).await;
    };
    let what = |edit: &Edit| What::Edit { changes: edit.changes.clone(), take_over: edit.take_over };
    let mut planned = later.plan(what(&edit))?;
    let tried = app.engine.dry_run_with(edit.clone(), invalid).await?;
    if tried.repeats.is_some() {
        // It was scheduled before, under the name that the first answer has.
        return Ok(Submitted::Done(Box::new(tried), None));
    }
    planned.check_is_ahead()?;
    let left_out: BTreeSet<_> =
        tried.left_out.iter().filter_map(|problem| problem.document.as_ref()).collect();
    if !left_out.is_empty() {
        edit.changes.retain(|change| !left_out.contains(&change.id));
        planned = params.later().map_or(Ok(planned), |later| later.plan(what(&edit)))?;
    }
    let put = Edit { take_over: false, changes: vec![planned.put()], ..edit };
    let made = make(app, params, put, Invalid::Refuse).await?;
    let tried = Some(tried);
    Ok(Submitted::Scheduled(Box::new(Waiting { planned, tried, made })))
}

/// Counts how often an edit was computed from the state at the head of the log, as a restore is. It is computed again when
/// the log moves meanwhile: what is made is right for the state that it is made on, or it is not made.
#[derive(Debug, Default)]
pub struct ComputedTries(u32);

impl ComputedTries {
    /// The head to compute from.
    pub async fn head(&mut self, app: &App) -> Result<RevisionNumber, ApiError> {
        self.0 += 1;
        Ok(app.engine.store().head().await?.number)
    }

    /// Makes the edit if `head` is the newest still; none when it is to be computed again.
    pub async fn submit(
        &self,
        app: &App,
        params: &WriteParams,
        head: RevisionNumber,
        edit: Edit,
    ) -> Result<Option<Submitted>, ApiError> {
        match submit(app, params, Edit { computed_at: Some(head), ..edit }).await {
            Err(error) if error.body().code == Code::CONTENDED.as_str() && self.0 < COMPUTED_TRIES_MAX => {
                Ok(None)
            }
            submitted => submitted.map(Some),
        }
    }
}

/// Schedules a reload.
pub async fn submit_reload(
    app: &App,
    principal: &Principal,
    reason: String,
    later: Later<'_>,
    repeat: bool,
) -> Result<Submitted, ApiError> {
    let planned = later.plan(What::Reload { repeat })?;
    planned.check_is_ahead()?;
    let params = WriteParams { reason, ..WriteParams::default() };
    let made = make(app, &params, params.edit(principal, vec![planned.put()]), Invalid::Refuse).await?;
    Ok(Submitted::Scheduled(Box::new(Waiting { planned, tried: None, made })))
}

/// Makes an edit now.
async fn make(app: &App, params: &WriteParams, edit: Edit, invalid: Invalid) -> Result<Submitted, ApiError> {
    let wait_ms_max = app.limits.wait_ms_max;
    if params.timeout_ms.is_some_and(|timeout| timeout > wait_ms_max) {
        let detail = format!("timeout_ms is at most {wait_ms_max} (wait_ms_max)");
        return Err(ApiError::new(Code::INVALID_PARAMETER, detail));
    }
    let done = |accepted: Result<Accepted, Refused>| match accepted {
        Ok(accepted) => Ok(Submitted::Done(Box::new(accepted), None)),
        Err(refusal) => Err(refused(&app.kinds, refusal)),
    };
    if params.dry_run {
        return done(app.engine.dry_run_with(edit, invalid).await);
    }
    if params.wait == Wait::Local && params.timeout_ms.is_none() {
        return done(app.engine.apply_with(edit, EditMode { invalid, ..EditMode::default() }).await);
    }
    let deadline = Instant::now() + Duration::from_millis(params.timeout_ms.unwrap_or(wait_ms_max));
    // Whoever waits only for a while must not take the edit with them when they leave.
    let (engine, everywhere) = (app.engine.clone(), params.wait == Wait::All);
    let reach = if everywhere { Reach::Everywhere } else { Reach::Here };
    let mode = EditMode { invalid, reach, ..EditMode::default() };
    let applied = app.tasks.spawn(async move { engine.apply_with(edit, mode).await });
    if params.wait == Wait::None {
        return Ok(Submitted::Queued);
    }
    match tokio::time::timeout_at(deadline, applied).await {
        Ok(Ok(Ok(accepted))) if everywhere => {
            let heard = Heard::of(app, &accepted, deadline).await;
            Ok(Submitted::Done(Box::new(accepted), Some(heard)))
        }
        Ok(Ok(accepted)) => done(accepted),
        Ok(Err(error)) => Err(ApiError::internal(&error)),
        Err(_) => Ok(Submitted::Queued),
    }
}

/// The answer to a write: 201 when it made one document, 202 when it goes on or not every replica has said that it serves
/// it or it waits for its time, else 200.
pub async fn answer(app: &App, params: &WriteParams, submitted: Submitted) -> Response {
    answer_without(app, params, submitted, Vec::new()).await
}

/// The answer to a write of which some documents were left out.
pub(crate) async fn answer_without(
    app: &App,
    params: &WriteParams,
    submitted: Submitted,
    skipped: Vec<ProblemItem>,
) -> Response {
    answer_of(app, params, submitted, skipped, None).await
}

/// The members that a kind's own answer to a write begins with, and its status where the write was made.
pub type OwnAnswer = (StatusCode, Members);

/// The answer to a write in the shape of a kind: its own members, and then those of every write. One that goes on or waits for its
/// time is answered as every write is, with 202.
pub async fn answer_as(app: &App, params: &WriteParams, submitted: Submitted, own: OwnAnswer) -> Response {
    answer_of(app, params, submitted, Vec::new(), Some(own)).await
}

async fn answer_of(
    app: &App,
    params: &WriteParams,
    submitted: Submitted,
    skipped: Vec<ProblemItem>,
    own: Option<OwnAnswer>,
) -> Response {
    match submitted {
        Submitted::Scheduled(waiting) => {
            let answer = WriteAnswer { skipped, ..scheduled(app, params, *waiting).await };
            (StatusCode::ACCEPTED, Json(answer)).into_response()
        }
        Submitted::Queued => (StatusCode::ACCEPTED, Json(queued(app, params))).into_response(),
        Submitted::Done(accepted, _) if accepted.repeats.is_some() => {
            let revision = accepted.repeats.map(RevisionNumber::get);
            let answer = WriteAnswer { outcome: "repeated", revision, acks: None, ..queued(app, params) };
            let (status, own) = own.unwrap_or_default();
            with_members(status, own, answer, Members::new())
        }
        Submitted::Done(accepted, heard) => {
            let is_missing = heard.as_ref().is_some_and(|heard| heard.is_missing);
            let answer = WriteAnswer { skipped, ..live(app, params, &accepted, heard).await };
            let created = match accepted.diff.documents() {
                [only] => only.effect() == Effect::Add,
                _ => false,
            };
            let (own_status, own) = own.unzip();
            let status = match own_status {
                _ if is_missing => StatusCode::ACCEPTED,
                _ if params.dry_run => StatusCode::OK,
                Some(status) => status,
                None if created => StatusCode::CREATED,
                None => StatusCode::OK,
            };
            let tag = match answer.documents.as_slice() {
                [only] if !only.deleted => Some(etag(only.version)),
                _ => None,
            };
            let effects = if params.dry_run { Members::new() } else { app.kinds.effects(&accepted.diff) };
            let made = accepted.revision.as_ref().map(|revision| MadeRevision(revision.number.get()));
            let mut response = with_members(status, own.unwrap_or_default(), answer, effects);
            if let Some(made) = made {
                response.extensions_mut().insert(made);
            }
            if let Some(tag) = tag {
                response.headers_mut().insert(header::ETAG, tag);
            }
            response
        }
    }
}

/// The answer to a write after the members of a kind's own answer, with what kinds say of it.
fn with_members(status: StatusCode, own: Members, answer: WriteAnswer, effects: Members) -> Response {
    if own.is_empty() && effects.is_empty() {
        return (status, Json(answer)).into_response();
    }
    match members_of(&answer) {
        Ok(answer) => {
            let mut members = own;
            add_to(&mut members, answer);
            add_to(&mut members, effects);
            (status, Json(members)).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// What the scheduled edit would change, and the revision that schedules it.
async fn scheduled(app: &App, params: &WriteParams, waiting: Waiting) -> WriteAnswer {
    let Waiting { planned, tried, made } = waiting;
    let made = match made {
        Submitted::Done(accepted, heard) => live(app, params, &accepted, heard).await,
        Submitted::Queued | Submitted::Scheduled(_) => queued(app, params),
    };
    let diff = match &tried {
        Some(tried) => of_edit(app, &tried.diff, params.text).await,
        None => Vec::new(),
    };
    WriteAnswer {
        outcome: "scheduled",
        diff,
        plan: tried.as_ref().and_then(|tried| tried.plan.as_ref()).map(PlanAnswer::from),
        not_tried: tried.as_ref().map_or_else(Vec::new, not_tried),
        schedule: Some(planned.answer()),
        ..made
    }
}

/// The components that a dry run says nothing of.
fn not_tried(tried: &Accepted) -> Vec<String> {
    let steps = tried.plan.as_ref().map_or(&[][..], |plan| plan.steps.as_slice());
    let prepared = steps.iter().filter_map(|step| match step {
        Step::Prepare { component } => Some(component.clone()),
        _ => None,
    });
    prepared.collect()
}

fn queued(app: &App, params: &WriteParams) -> WriteAnswer {
    let missing = || vec![(app.replica_id.clone(), EngineAck::Missing).into()];
    WriteAnswer {
        outcome: "queued",
        revision: None,
        dry_run: false,
        documents: Vec::new(),
        diff: Vec::new(),
        plan: None,
        not_tried: Vec::new(),
        reload_id: None,
        reload_time_ms: None,
        acks: (params.wait == Wait::All).then(missing),
        silent: Vec::new(),
        schedule: None,
        skipped: Vec::new(),
    }
}

/// The revision that an edit became, or that it was compared with when it changed nothing: by now another may be served.
fn looked_at(app: &App, accepted: &Accepted) -> RevisionNumber {
    let compared_with = || accepted.event.as_ref().map(|event| event.to);
    let made = accepted.revision.as_ref().map(|revision| revision.number);
    made.or_else(compared_with).unwrap_or_else(|| app.engine.served())
}

async fn live(app: &App, params: &WriteParams, accepted: &Accepted, heard: Option<Heard>) -> WriteAnswer {
    let unchanged = accepted.plan.is_none() && accepted.revision.is_none();
    let revision = match &accepted.revision {
        Some(revision) => Some(revision.number.get()),
        None if params.dry_run => None,
        None => Some(looked_at(app, accepted).get()),
    };
    let here = if unchanged { "unchanged" } else { "success" };
    let outcome = heard.as_ref().and_then(Heard::outcome).unwrap_or(here);
    let (acks, silent) = heard.map(|heard| (heard.acks, heard.silent)).unzip();
    let silent = silent.unwrap_or_default();
    WriteAnswer {
        outcome,
        revision,
        dry_run: params.dry_run,
        documents: accepted.documents.iter().map(Written::from).collect(),
        diff: of_edit(app, &accepted.diff, params.text).await,
        plan: accepted.plan.as_ref().map(PlanAnswer::from),
        not_tried: if params.dry_run { not_tried(accepted) } else { Vec::new() },
        reload_id: accepted.event.as_ref().map(|event| event.id.0),
        reload_time_ms: accepted.event.as_ref().map(|event| ms(event.took)),
        acks,
        silent,
        schedule: None,
        skipped: Vec::new(),
    }
}
