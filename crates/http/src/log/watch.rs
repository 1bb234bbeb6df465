//! The stream of revisions (SSE): nothing missed, nothing twice, resumable by the number of the last one.
//!
//! The stream is read from the log, up to what is served here; a change of what is served only triggers a look. So a
//! watcher that receives a revision and then asks this replica gets an answer that has it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::future::ready;
use futures_util::stream::{once, unfold};
use futures_util::{Stream, StreamExt as _};
use midflight_core::{KindName, RevisionNumber};
use midflight_live::Changes;
use midflight_store::StoreError;
use midflight_wire::log::ChangeAnswer;
use midflight_wire::problem::{ProblemBody, ProblemItem};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch as channel};
use utoipa::IntoParams;

use super::known_kind;
use crate::app::AppState;
use crate::caller_places::CallerPlace;
use crate::code::Code;
use crate::params::Params;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::revision_cache::Summary;
use crate::wire::{problem_items, quarantined_revision, served_revision};

/// How many revisions wait for one client to read them.
const READY_MAX: usize = 64;

/// Where to begin, and which revisions to receive.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WatchParams {
    /// Begin after this revision; from now on without.
    since: Option<u64>,
    /// Only revisions that change a document of this kind.
    kind: Option<String>,
}

/// Every revision as it goes live here, as server-sent events.
///
/// With a token that has scopes it is those that change a document in them, with these changes. The stream ends when
/// the token is revoked or expires.
///
/// Each event `revision` has the revision's number as its id and a `WatchedRevision` as its data. One that is
/// `quarantined` did not go live on this replica, and has the reason. When what is left out of what is served changes,
/// an event `quarantine_changed` has `{"position": 12, "quarantined": [9], "released": [7]}`: all that are left out
/// now, and those that no longer are, since they are valid now or a later revision replaced their documents. It comes
/// at the beginning too; a stream that begins without it is of a replica that leaves nothing out. A client that was cut
/// off continues with `Last-Event-ID` (browsers do by themselves) or `?since=`. The stream ends with an event
/// `stopping` when the server stops, or `interrupted` when the log cannot be read; continue from the last id then. It
/// ends with `log_adopted` when the server follows another log from now on (`POST /api/v1/log/adopt`): the ids before
/// are those of other revisions, so read everything again and begin without one. A number that was compacted away is
/// answered with 410 and where to start again.
#[utoipa::path(get, path = "/api/v1/watch", tag = "log",
    params(WatchParams, ("Last-Event-ID" = Option<String>, Header, description = "Takes precedence over \
                                                                                  `since`")),
    responses((status = 200, body = String, content_type = "text/event-stream"),
        (status = "default", body = ProblemBody)))]
pub(super) async fn watch(
    State(app): State<AppState>,
    principal: Principal,
    Params(params): Params<WatchParams>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let own = app.watchers_of_caller.take(&principal)?;
    let max = app.limits.watchers_max;
    let permit = app.watchers.clone().try_acquire_owned().map_err(|_| {
        ApiError::new(Code::BUSY, format!("{max} watchers are connected (watchers_max); try again later"))
    })?;
    let kind = known_kind::filter(&app, params.kind.as_deref()).await?;
    // Subscribed before looked, so that no change is lost in between.
    let changes = app.engine.changes();
    let adoptions = app.recent.adoptions();
    let position = start(&app, &params, &headers).await?;
    let served = app.engine.served();
    let watcher =
        RevisionWatcher::new((app, principal), kind, changes, position, served, adoptions, (permit, own));
    let events = unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    });
    // The head of the answer is sent with the first piece of its body: without one, a client would not know until the first
    // revision, or the first sign of life, that it is connected.
    let begun = once(ready(Ok(Event::default().comment("watching"))));
    Ok(Sse::new(begun.chain(events.fuse())).keep_alive(KeepAlive::default()))
}

async fn start(
    app: &AppState,
    params: &WatchParams,
    headers: &HeaderMap,
) -> Result<RevisionNumber, ApiError> {
    let last = match headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?")) {
        None | Some("") => None,
        Some(id) => {
            let wrong = |_| ApiError::new(Code::INVALID_HEADER, "Last-Event-ID is the number of a revision");
            Some(id.parse::<u64>().map_err(wrong)?)
        }
    };
    let Some(since) = last.or(params.since) else { return Ok(app.engine.served()) };
    let (asked, store) = (RevisionNumber::new(since), app.engine.store());
    let head = store.head().await?.number;
    if asked > head {
        return Err(StoreError::NoSuchRevision { asked, head }.into());
    }
    // Asked once before the stream begins, so that a compacted number is a 410 and no broken stream.
    let first = store.first().await?;
    match asked.next() < first {
        true => Err(StoreError::Compacted { asked: asked.next(), first }.into()),
        false => Ok(asked),
    }
}

/// What a watcher is to be sent.
enum WatchItem {
    /// A revision, and whether it is left out.
    Revision(Arc<Summary>, bool),
    /// What is left out changed.
    Quarantine(Event),
}

struct RevisionWatcher {
    app: AppState,
    /// Whose scopes say what is sent.
    principal: Principal,
    kind: Option<KindName>,
    changes: Changes,
    /// The last revision that was looked at.
    position: RevisionNumber,
    /// The newest revision that was seen to be served.
    served: RevisionNumber,
    /// Changes when this replica follows another log than this watcher.
    adoptions: channel::Receiver<u64>,
    /// What comes next. Events are made when they are taken, so that a client which does not read costs no copies.
    ready: VecDeque<WatchItem>,
    /// What is left out, as this watcher knows it.
    quarantined: Vec<RevisionNumber>,
    over: bool,
    /// Gives the places of this watcher back when it goes: that of all, and that of its caller.
    _places: (OwnedSemaphorePermit, CallerPlace),
}

impl RevisionWatcher {
    fn new(
        (app, principal): (AppState, Principal),
        kind: Option<KindName>,
        changes: Changes,
        position: RevisionNumber,
        served: RevisionNumber,
        adoptions: channel::Receiver<u64>,
        places: (OwnedSemaphorePermit, CallerPlace),
    ) -> Self {
        let (ready, quarantined) = (VecDeque::new(), Vec::new());
        Self {
            app,
            principal,
            kind,
            changes,
            position,
            served,
            adoptions,
            ready,
            quarantined,
            over: false,
            _places: places,
        }
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.over {
                return None;
            }
            // What was read of the log that was followed before is of no use any more.
            if self.adoptions.has_changed().unwrap_or_default() {
                return Some(self.last("log_adopted"));
            }
            match self.ready.pop_front() {
                Some(WatchItem::Revision(one, is_quarantined)) => {
                    return Some(self.event(&one, is_quarantined));
                }
                Some(WatchItem::Quarantine(event)) => return Some(event),
                None => {}
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "a watcher was interrupted");
                return Some(self.last("interrupted"));
            }
            if !self.ready.is_empty() {
                continue;
            }
            if self.position >= self.app.engine.served() {
                tokio::select! {
                    // What is live already is sent before the stop is.
                    biased;
                    _ = self.changes.changed() => {}
                    _ = self.adoptions.changed() => return Some(self.last("log_adopted")),
                    () = self.app.stopping.cancelled() => return Some(self.last("stopping")),
                }
            } else if self.app.stopping.is_cancelled() {
                return Some(self.last("stopping"));
            }
        }
    }

    /// Reads what is new, as far as it is served.
    async fn look(&mut self) -> Result<(), StoreError> {
        let world = self.app.engine.world();
        let (served, quarantined) = (world.revision(), world.quarantined());
        if served < self.served {
            // Another log is being adopted, whose revisions have the numbers of those that this watcher had.
            return Err(StoreError::NoSuchRevision { asked: self.served, head: served });
        }
        self.served = served;
        if self.position >= served {
            self.see_quarantine(quarantined);
            return Ok(());
        }
        let page = self.app.recent.since(&**self.app.engine.store(), self.position, served).await?;
        for one in page.into_iter().filter(|one| one.number <= served).take(READY_MAX) {
            self.position = one.number;
            if self.is_wanted(&one) {
                let is_quarantined = quarantined.contains(&one.number);
                self.ready.push_back(WatchItem::Revision(one, is_quarantined));
            }
        }
        if self.position >= served {
            self.see_quarantine(quarantined);
        }
        Ok(())
    }

    /// Sends what is quarantined, if it changed.
    fn see_quarantine(&mut self, now: &[RevisionNumber]) {
        if self.quarantined == now {
            return;
        }
        let numbers = |revisions: &[RevisionNumber]| revisions.iter().map(|it| it.get()).collect::<Vec<_>>();
        let mut released = std::mem::replace(&mut self.quarantined, now.to_vec());
        released.retain(|revision| !now.contains(revision));
        let data = serde_json::json!({
            "position": self.position.get(),
            "quarantined": numbers(now),
            "released": numbers(&released),
        });
        let event = Event::default().event("quarantine_changed").data(data.to_string());
        self.ready.push_back(WatchItem::Quarantine(event));
    }

    fn event(&self, one: &Summary, is_quarantined: bool) -> Event {
        let event = Event::default().event("revision").id(one.number.to_string());
        let has_scopes = self.principal.scopes().is_some();
        if !is_quarantined && !has_scopes {
            return event.data(&one.data);
        }
        let mut answer = one.answer.clone();
        answer.changes.retain(|change| self.shows(change));
        let watched = match is_quarantined {
            false => served_revision(&answer),
            true => {
                // Cost: a copy of what is known of the engine; few revisions are left out.
                let status = self.app.engine.status();
                let problems = status.quarantined.get(&one.number).map(|it| problem_items(&it.problems));
                let mut problems = problems.unwrap_or_default();
                problems.retain(|problem| !has_scopes || self.shows_problem(problem));
                quarantined_revision(&answer, problems)
            }
        };
        event.data(serde_json::to_string(&watched).unwrap_or_default())
    }

    fn is_wanted(&self, one: &Summary) -> bool {
        let is_cut = one.answer.changes_count > one.answer.changes.len() as u64;
        let is_shown = || is_cut || one.answer.changes.iter().any(|change| self.shows(change));
        self.kind.as_ref().is_none_or(|kind| one.kinds.contains(kind))
            && (self.principal.scopes().is_none() || is_shown())
    }

    /// Whether a change is of a document that who watches may see.
    fn shows(&self, change: &ChangeAnswer) -> bool {
        self.principal.scopes().is_none_or(|scopes| scopes.allow_name(&change.kind, &change.name))
    }

    /// The same of a problem, which may be of no document.
    fn shows_problem(&self, problem: &ProblemItem) -> bool {
        let id = problem.document.as_deref().and_then(|id| id.parse().ok());
        id.is_some_and(|id| self.principal.sees(&id))
    }

    fn last(&mut self, name: &str) -> Event {
        self.over = true;
        Event::default().event(name).data(format!("{{\"position\":{}}}", self.position))
    }
}
