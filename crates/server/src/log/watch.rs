//! The stream of revisions (SSE): nothing missed, nothing twice, resumable by the number of the last one.
//!
//! The stream is read from the log, up to what is served here; a change of what is served only says when to look. So
//! a watcher that hears of a revision and then asks this replica gets an answer that has it.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use midflight_core::{KindName, RevisionNumber};
use midflight_live::Changes;
use midflight_store::{Appended, StoreError};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;

use crate::app::App;
use crate::params::{self, Params};
use crate::problem::{ApiError, Code, ProblemBody};
use crate::wire::RevisionAnswer;

/// Where to begin, and what to hear of.
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
/// Each event `revision` has the revision's number as its id and a `RevisionAnswer` as its data. A client that was cut
/// off goes on with `Last-Event-ID` (browsers do by themselves) or `?since=`. The stream ends with an event `stopping`
/// when the server stops, or `interrupted` when the log cannot be read; go on from the last id then. A number that was
/// compacted away is answered with 410 and where to start again.
#[utoipa::path(get, path = "/api/v1/watch", tag = "log",
    params(WatchParams, ("Last-Event-ID" = Option<String>, Header, description = "Goes before `since`")),
    responses((status = 200, body = String, content_type = "text/event-stream"),
        (status = "default", body = ProblemBody)))]
pub(super) async fn watch(
    State(app): State<App>,
    Params(params): Params<WatchParams>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let max = app.limits.watchers_max;
    let permit = app.watchers.clone().try_acquire_owned().map_err(|_| {
        ApiError::new(Code::Busy, format!("{max} watchers are connected (watchers_max); come back later"))
    })?;
    let kind = params::kind(params.kind.as_deref())?;
    // Heard before looked, so that no change falls in between.
    let changes = app.engine.changes();
    let position = start(&app, &params, &headers).await?;
    let watcher = Watcher {
        app,
        kind,
        changes,
        position,
        served,
        ready: VecDeque::new(),
        over: false,
        _permit: permit,
    };
    let events = unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok(event), watcher))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

async fn start(app: &App, params: &WatchParams, headers: &HeaderMap) -> Result<RevisionNumber, ApiError> {
    let last = match headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?")) {
        None | Some("") => None,
        Some(id) => {
            let wrong = |_| ApiError::new(Code::InvalidHeader, "Last-Event-ID is the number of a revision");
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
    store.since(asked, 1).await?;
    Ok(asked)
}

struct Watcher {
    app: App,
    kind: Option<KindName>,
    changes: Changes,
    /// The last revision that was looked at.
    position: RevisionNumber,
    /// The newest revision that was seen to be served.
    served: RevisionNumber,
    ready: VecDeque<Event>,
    over: bool,
    /// Gives the place of this watcher back when it goes.
    _permit: OwnedSemaphorePermit,
}

impl Watcher {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.over {
                return None;
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
                    // What is live already is told before the stop is.
                    biased;
                    _ = self.changes.changed() => {}
                    () = self.app.stopping.cancelled() => return Some(self.last("stopping")),
                }
            } else if self.app.stopping.is_cancelled() {
                return Some(self.last("stopping"));
            }
        }
    }

    /// Reads what is new, as far as it is served.
    async fn look(&mut self) -> Result<(), StoreError> {
        let served = self.app.engine.served();
        if served < self.served {
            // Another log was adopted, whose revisions have the numbers of those that this watcher had.
            return Err(StoreError::NoSuchRevision { asked: self.served, head: served });
        }
        self.served = served;
        if self.position >= served {
            return Ok(());
        }
        let page = self.app.recent.since(&**self.app.engine.store(), self.position, served).await?;
        for one in page.iter().filter(|one| one.revision.number <= served) {
            self.position = one.revision.number;
            if self.is_wanted(one) {
                self.ready.push_back(event(one));
            }
        }
        Ok(())
    }

    fn is_wanted(&self, one: &Appended) -> bool {
        let of_kind = |kind: &KindName| one.revision.changes.iter().any(|change| change.id.kind == *kind);
        self.kind.as_ref().is_none_or(of_kind)
    }

    fn last(&mut self, name: &str) -> Event {
        self.over = true;
        Event::default().event(name).data(format!("{{\"position\":{}}}", self.position))
    }
}

fn event(one: &Appended) -> Event {
    let event = Event::default().event("revision").id(one.revision.number.to_string());
    let data = serde_json::to_string(&RevisionAnswer::from(&one.revision));
    event.data(data.unwrap_or_default())
}
