//! Reloads that are asked for: what is read again, and what each replica says of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use midflight_bus::Hint;
use midflight_core::{DocumentId, KindName, Open, Outcome, ReloadEvent, Trigger};
use midflight_engine::Scope;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use crate::app::App;
use crate::body::OptionalJsonBody;
use crate::code::Code;
use crate::directories;
use crate::kind::Reread;
use crate::later::Later;
use crate::log::documents::absent;
use crate::params::{Params, document};
use crate::principal::Permission::Operate;
use crate::principal::Principal;
use crate::problem::{ApiError, ProblemBody};
use crate::routes::Routes;
use crate::wire::{Ack, DirectoryAnswer, QuarantinedRevisions, ReloadAnswer, WriteAnswer, ms};
use crate::write::{Submitted, WriteParams, answer, submit_reload};

/// How long the other replicas have to say that they serve it.
const HEARD_MAX: Duration = Duration::from_secs(5);
/// How many documents a reload may name. 500: as many as a page lists.
const NAMES_MAX: usize = 500;

/// The route of reloads.
pub(crate) fn routes() -> Routes<App> {
    Routes::new().at(Operate, routes!(reload))
}

/// When to reload, if not now.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LaterParams {
    /// Not now, but from this time on, as `2026-01-31T03:00:00Z`: everything is compiled anew then, on one replica, and
    /// the others look at the log. The answer is 202 with a schedule.
    not_before: Option<String>,
    /// Not now, but when this window is open: a cron expression of its openings, as `0 3 * * *`.
    window: Option<String>,
    /// The IANA time zone that the window is read in, as `Europe/Rome`; `UTC` unless said.
    time_zone: Option<String>,
    /// How long the window stays open, from 60,000 (a minute) to 604,800,000 (a week); an hour unless said.
    window_ms: Option<u64>,
    /// Each time the window opens.
    #[serde(default)]
    repeat: bool,
    /// The name of the schedule, which is not to be there yet; one is made up unless said.
    schedule_id: Option<String>,
    /// Why, for those who read the history.
    #[serde(default)]
    reason: String,
}

impl LaterParams {
    /// Schedules the reload; none when it is to be now.
    ///
    /// # Errors
    /// What is wrong with the time, or why the schedule was refused.
    pub async fn schedule(&self, app: &App, principal: &Principal) -> Result<Option<Submitted>, ApiError> {
        let later = Later {
            not_before: self.not_before.as_deref(),
            window: self.window.as_deref(),
            time_zone: self.time_zone.as_deref(),
            window_ms: self.window_ms,
            schedule_id: self.schedule_id.as_deref(),
        };
        if !later.is_said() && !self.repeat {
            return Ok(None);
        }
        submit_reload(app, principal, self.reason.clone(), later, self.repeat).await.map(Some)
    }
}

/// What to read again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReloadRequest {
    /// Only this kind is meant, which must be there. Everything in the log is read again all the same, since what is served
    /// is never a mix of two revisions.
    kind: Option<String>,
    /// Only these documents of the kind are meant, which must be there; at most 500.
    names: Option<Vec<String>>,
    /// Whether everything is compiled anew, whether or not it changed. It is too when a kind is named.
    #[serde(default)]
    force: bool,
}

/// What one replica did.
#[derive(Debug, Serialize, ToSchema)]
struct ReplicaReload {
    /// What it says of the revision.
    #[serde(flatten)]
    ack: Ack,
    /// `reloaded`: it is the one that was asked; `looked`: it was told to look at the log, and says that it serves the
    /// revision or why not; `missing`: it said nothing in time.
    done: &'static str,
}

/// What came of a reload.
#[derive(Debug, Serialize, ToSchema)]
struct ReloadedAnswer {
    /// `success` when what is in the log is served here and every source that was read again is in effect; else `failed`.
    status: &'static str,
    /// How it ended on this replica.
    outcome: String,
    /// The revision that is served here.
    revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    quarantined: QuarantinedRevisions,
    /// How long it took here.
    reload_time_ms: f64,
    /// The reload here.
    reload: ReloadAnswer,
    /// What each replica did.
    replicas: Vec<ReplicaReload>,
    /// The watched directories of this replica, which were read again before.
    directories: Vec<DirectoryAnswer>,
    /// What kinds are made of beside the log here, as the config file, which was read again before.
    sources: Vec<Reread>,
}

/// Reads everything again that the server is made of: the watched directories and the config file of this replica, and the log,
/// on every replica; and says of each what it did. 422 when something of it does not hold: what was served is served then.
#[utoipa::path(post, path = "/api/v1/reload", tag = "log", params(LaterParams),
    request_body(content = Option<ReloadRequest>),
    responses((status = 200, body = ReloadedAnswer), (status = 202, body = WriteAnswer),
        (status = 422, body = ReloadedAnswer), (status = 503, body = ReloadedAnswer),
        (status = "default", body = ProblemBody)))]
async fn reload(
    principal: Principal,
    State(app): State<App>,
    Params(params): Params<LaterParams>,
    OptionalJsonBody(request): OptionalJsonBody<ReloadRequest>,
) -> Result<Response, ApiError> {
    let ReloadRequest { kind, names, force } = request.unwrap_or_default();
    let kind = kind.map(|kind| known(&app, &kind)).transpose()?;
    exist(&app, kind.as_ref(), names.unwrap_or_default()).await?;
    if let Some(scheduled) = params.schedule(&app, &principal).await? {
        return Ok(answer(&app, &WriteParams::default(), scheduled).await);
    }
    for directory in &app.directories {
        directory.sync_now().await;
    }
    let mut sources = Vec::new();
    for meant in app.kinds.iter().filter(|it| kind.as_ref().is_none_or(|kind| it.kind() == *kind)) {
        sources.extend(meant.reread(&principal).await);
    }
    let scope = if force || kind.is_some() { Scope::Everything } else { Scope::New };
    let Everywhere { event, replicas } = everywhere(&app, &principal, scope).await?;
    let here = &app.replica_id;
    let replicas = replicas.into_iter().map(|ack| ReplicaReload { done: done(&ack, here), ack: ack.into() });
    let directories = directories::answers(&app.directories);
    let is_whole = sources.iter().all(|source| source.is_live) && directories.iter().all(|it| !it.blocked);
    let world = app.engine.world();
    let status = match status_of(&event) {
        StatusCode::OK if !is_whole => StatusCode::UNPROCESSABLE_ENTITY,
        status => status,
    };
    let answer = ReloadedAnswer {
        status: if status == StatusCode::OK { "success" } else { "failed" },
        outcome: event.outcome.to_string(),
        revision: world.revision().get(),
        quarantined: world.quarantined().into(),
        reload_time_ms: ms(event.took),
        reload: ReloadAnswer::from(&*event),
        replicas: replicas.collect(),
        directories,
        sources,
    };
    Ok((status, Json(answer)).into_response())
}

/// The kind of this name.
fn known(app: &App, name: &str) -> Result<KindName, ApiError> {
    let status = app.engine.status();
    let found = status.kinds.iter().find(|known| known.kind.as_str() == name);
    found.map(|known| known.kind.clone()).ok_or_else(|| {
        let known: Vec<_> = status.kinds.iter().map(|known| known.kind.as_str()).collect();
        ApiError::new(Code::NOT_FOUND, format!("there is no kind {name:?}; there are {}", known.join(", ")))
    })
}

/// 404 when a document that is named is not in the log.
async fn exist(app: &App, kind: Option<&KindName>, names: Vec<String>) -> Result<(), ApiError> {
    if names.is_empty() {
        return Ok(());
    }
    let Some(kind) = kind else {
        return Err(ApiError::new(Code::INVALID_BODY, "names are of a kind: say which one, by kind"));
    };
    if names.len() > NAMES_MAX {
        let detail = format!("{} documents are named; at most {NAMES_MAX} may be (names_max)", names.len());
        return Err(ApiError::new(Code::INVALID_BODY, detail));
    }
    let ids: Vec<DocumentId> =
        names.iter().map(|name| document(kind.as_str(), name)).collect::<Result<_, _>>()?;
    let (_, heads) = app.engine.store().heads(&ids).await?;
    let missing = ids.iter().zip(heads).find(|(_, head)| head.as_ref().is_none_or(|it| it.body.is_none()));
    missing.map_or(Ok(()), |(id, _)| Err(absent(id)))
}

/// A reload of this replica, and what all replicas say of the revision after it.
#[derive(Debug)]
pub struct Everywhere {
    /// The reload here.
    pub event: Arc<ReloadEvent>,
    /// What this replica says, and then the others, if there are others.
    pub replicas: Vec<Heard>,
}

/// What a replica says of a revision after a reload.
#[derive(Debug)]
pub struct Heard {
    replica_id: String,
    ack: Ack,
    is_missing: bool,
}

impl From<Heard> for Ack {
    fn from(heard: Heard) -> Self {
        heard.ack
    }
}

fn done(heard: &Heard, here: &str) -> &'static str {
    match heard {
        Heard { replica_id, .. } if replica_id == here => "reloaded",
        Heard { is_missing: true, .. } => "missing",
        Heard { .. } => "looked",
    }
}

/// Reloads here, has the other replicas look at the log, and hears for some seconds what they say.
///
/// # Errors
/// Why there was no reload, or why the others cannot be heard.
pub async fn everywhere(app: &App, principal: &Principal, scope: Scope) -> Result<Everywhere, ApiError> {
    let event = app.engine.reload(Trigger::Manual, principal.name(), scope).await?;
    let here = Heard {
        replica_id: app.replica_id.clone(),
        ack: Ack::here(&app.replica_id, &event),
        is_missing: false,
    };
    let mut replicas = vec![here];
    if app.is_shared {
        let revision = app.engine.world().revision();
        // That they cannot be told delays them and loses nothing.
        let hint = Hint { head: revision, said: None, change: None, awaited: true };
        if let Err(error) = app.bus.publish(hint).await {
            tracing::warn!(%error, "the other replicas will look by their period");
        }
        let acks = app.engine.acks(revision, HEARD_MAX).await?;
        let others = acks.into_iter().filter(|(id, _)| *id != app.replica_id);
        replicas.extend(others.map(|(replica_id, ack)| {
            let is_missing = matches!(ack, midflight_engine::Ack::Missing);
            Heard { ack: Ack::from((replica_id.clone(), ack)), replica_id, is_missing }
        }));
    }
    Ok(Everywhere { event, replicas })
}

/// The status of the answer to a reload that ended so.
#[must_use]
pub fn status_of(event: &ReloadEvent) -> StatusCode {
    match event.outcome {
        outcome if outcome.is_live() => StatusCode::OK,
        Open::Known(Outcome::LoadFailed | Outcome::Cancelled) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
