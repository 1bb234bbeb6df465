//! The one way in which handlers change something: an edit under the caller's name, tried or made, waited for or not.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use midflight_core::{Change, Edit, Effect, Trigger};
use midflight_engine::{Accepted, Refused};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::auth::Author;
use crate::params::etag;
use crate::problem::{ApiError, Code};
use crate::wire::{Ack, DocumentDiffAnswer, PlanAnswer, WriteAnswer, Written, ms};

/// When a write is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wait {
    /// At once; what becomes of it is in the reloads.
    None,
    /// When this replica serves it.
    #[default]
    Local,
    /// When every replica serves it.
    All,
}

/// How a write is to be made.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WriteParams {
    /// Do all of it up to the point of no return, and then nothing.
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
    /// Why, for those who read the history.
    #[serde(default)]
    reason: String,
}

impl WriteParams {
    /// The reason of the body, unless the address has one.
    pub(crate) fn or_reason(mut self, reason: String) -> Self {
        if self.reason.is_empty() {
            self.reason = reason;
        }
        self
    }

    /// The edit that these changes make.
    pub(crate) fn edit(&self, author: Author, changes: Vec<Change>) -> Edit {
        Edit {
            author: author.0,
            reason: self.reason.clone(),
            trigger: Trigger::ApiUpdate,
            owner: None,
            take_over: self.take_over,
            changes,
        }
    }
}

/// What became of a write.
#[derive(Debug)]
pub(crate) enum Submitted {
    /// It is live here, or was tried.
    Done(Box<Accepted>),
    /// It goes on without its caller.
    Queued,
}

/// Makes an edit in the way that the parameters ask for.
pub(crate) async fn submit(app: &App, params: &WriteParams, edit: Edit) -> Result<Submitted, ApiError> {
    let wait_ms_max = app.limits.wait_ms_max;
    if params.timeout_ms.is_some_and(|timeout| timeout > wait_ms_max) {
        let detail = format!("timeout_ms is at most {wait_ms_max} (wait_ms_max)");
        return Err(ApiError::new(Code::InvalidParameter, detail));
    }
    let done = |accepted: Result<Accepted, Refused>| Ok(Submitted::Done(Box::new(accepted?)));
    if params.dry_run {
        return done(app.engine.dry_run(edit).await);
    }
    if params.wait == Wait::Local && params.timeout_ms.is_none() {
        return done(app.engine.apply(edit).await);
    }
    // Whoever waits only for a while must not take the edit with them when they leave.
    let engine = app.engine.clone();
    let applied = app.tasks.spawn(async move { engine.apply(edit).await });
    let wait_ms = match params.wait {
        Wait::None => return Ok(Submitted::Queued),
        Wait::Local | Wait::All => params.timeout_ms.unwrap_or(wait_ms_max),
    };
    match tokio::time::timeout(Duration::from_millis(wait_ms), applied).await {
        Ok(Ok(accepted)) => done(accepted),
        Ok(Err(error)) => Err(ApiError::internal(&error)),
        Err(_) => Ok(Submitted::Queued),
    }
}

/// The answer to a write: 201 when it made one document, 202 when it goes on, else 200.
pub(crate) fn answer(app: &App, params: &WriteParams, submitted: Submitted) -> Response {
    match submitted {
        Submitted::Queued => (StatusCode::ACCEPTED, Json(queued(app, params))).into_response(),
        Submitted::Done(accepted) => {
            let answer = live(app, params, &accepted);
            let created = match accepted.diff.documents() {
                [only] => only.effect() == Effect::Add && !params.dry_run,
                _ => false,
            };
            let status = if created { StatusCode::CREATED } else { StatusCode::OK };
            let tag = match answer.documents.as_slice() {
                [only] if !only.deleted => Some(etag(only.version)),
                _ => None,
            };
            let mut response = (status, Json(answer)).into_response();
            if let Some(tag) = tag {
                response.headers_mut().insert(header::ETAG, tag);
            }
            response
        }
    }
}

fn queued(app: &App, params: &WriteParams) -> WriteAnswer {
    let missing = || {
        let reason = Some("has not acknowledged it yet".to_owned());
        vec![Ack { replica_id: app.replica_id.clone(), ack: false, reason }]
    };
    WriteAnswer {
        outcome: "queued",
        revision: None,
        dry_run: false,
        documents: Vec::new(),
        diff: Vec::new(),
        plan: None,
        reload_id: None,
        reload_time_ms: None,
        acks: (params.wait == Wait::All).then(missing),
    }
}

fn live(app: &App, params: &WriteParams, accepted: &Accepted) -> WriteAnswer {
    let unchanged = accepted.plan.is_none() && accepted.revision.is_none();
    let revision = match &accepted.revision {
        Some(revision) => Some(revision.number.get()),
        None if params.dry_run => None,
        None => Some(app.engine.served().get()),
    };
    let ack = || vec![Ack { replica_id: app.replica_id.clone(), ack: true, reason: None }];
    WriteAnswer {
        outcome: if unchanged { "unchanged" } else { "success" },
        revision,
        dry_run: params.dry_run,
        documents: accepted.documents.iter().map(Written::from).collect(),
        diff: DocumentDiffAnswer::all(&accepted.diff),
        plan: accepted.plan.as_ref().map(PlanAnswer::from),
        reload_id: accepted.event.as_ref().map(|event| event.id.0),
        reload_time_ms: accepted.event.as_ref().map(|event| ms(event.took)),
        acks: (params.wait == Wait::All).then(ack),
    }
}
