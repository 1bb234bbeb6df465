//! Health: alive, ready, and the compatibility endpoint for hot reloading. Every answer has a body; unhealthy is 503.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use midflight_bus::BusStatus;
use midflight_core::Outcome;
use midflight_engine::EngineStatus;
use midflight_wire::health::{BusAnswer, Checks, HotReloadHealth, LiveAnswer, ReadyAnswer};
use serde_json::Value;
use utoipa_axum::routes;

use crate::app::{AppState, RedactText};
use crate::directories;
use crate::kind::{KindHealth, Members, add_to, members_of};
use crate::monitoring_status::monitoring_status;
use crate::principal::Permission::{Open, Read};
use crate::problem::ApiError;
use crate::routes::Routes;
use crate::tls::health::{certificate_health, certificate_problem};
use crate::wire::{ms, quarantined_revisions, stamp, store_answer};

/// The routes of health.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().at(Open, routes!(live)).at(Open, routes!(ready)).at(Read, routes!(hot_reload))
}

/// Whether the process answers. Nothing else is looked at: restarting it would help nothing else.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = LiveAnswer)))]
async fn live() -> Json<LiveAnswer> {
    Json(LiveAnswer { status: "alive".into() })
}

/// Whether requests should be sent here. It is ready while the store is unavailable, since it continues to serve; with
/// `ready_stale_ms_max`, for no longer than that. It is not while all that the log has is quarantined here.
#[utoipa::path(get, path = "/health/ready", tag = "health",
    responses((status = 200, body = ReadyAnswer), (status = 503, body = ReadyAnswer)))]
async fn ready(State(app): State<AppState>) -> (StatusCode, Json<ReadyAnswer>) {
    let status = app.engine.status();
    let serves_nothing =
        !status.quarantined.is_empty() && status.kinds.iter().all(|kind| kind.documents == 0);
    let not_ready = match app.stopping.is_cancelled() {
        true => Some("stopping"),
        false if serves_nothing => Some("nothing_served"),
        false => is_stale(&status, app.limits.ready_stale_ms_max, Timestamp::now()).then_some("stale"),
    };
    let code = if not_ready.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let answer = ReadyAnswer {
        status: not_ready.unwrap_or("ready").into(),
        stale_since: status.stale_since.map(stamp),
        revision: status.served.get(),
        quarantined: quarantined_revisions(app.engine.world().quarantined()),
        store_available: status.store.available,
        log_diverged: status.diverged.is_some(),
        degraded: blocked(&status).collect(),
    };
    (code, Json(answer))
}

/// Whether what is served is older than the log for longer than it may be; 0 is no limit.
fn is_stale(status: &EngineStatus, ms_max: u64, now: Timestamp) -> bool {
    let age = status.stale_since.map(|since| now.duration_since(since).as_millis());
    ms_max > 0 && age.is_some_and(|age| age > i128::from(ms_max))
}

fn bus_answer(status: BusStatus, redact: &RedactText) -> BusAnswer {
    BusAnswer {
        name: status.name.into(),
        address: status.address,
        connected: status.connected,
        since_ms: ms(status.since.elapsed()),
        reconnects: status.reconnects,
        published: status.published,
        heard: status.heard,
        ignored: status.ignored,
        last_error: status.last_error.map(|error| redact(&error)),
    }
}

/// The kinds whose changes are refused here, since work of theirs does not end.
fn blocked(status: &EngineStatus) -> impl Iterator<Item = String> {
    status.blocked_kinds.iter().map(|(kind, lost)| {
        format!(
            "changes of the kind {kind} are refused here: {lost} left threads that do not end \
             (runaways_max); restart this process, and change what took too long"
        )
    })
}

/// What is wrong and does not prevent answers.
fn degraded(status: &EngineStatus, sources: &[BusStatus], looked: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if !status.store.available {
        let answered = status.store.answered.map_or_else(
            || "the log has not responded yet".to_owned(),
            |ago| format!("log unavailable (last response {} ms ago)", ago.as_millis()),
        );
        wrong.push(format!("{answered}; the served revision may be out of date"));
    }
    if let Some(diverged) = &status.diverged {
        wrong.push(format!("log_diverged: {diverged}"));
    }
    if let Some(abandoned) = &status.abandoned_copy {
        wrong.push(format!(
            "log_diverged at the start: {abandoned}; the local copy could not be served, so the log is followed as it \
             is now; see what was lost, and confirm it with `midflight log adopt`"
        ));
    }
    if status.from_copy {
        wrong.push("serving the local copy".to_owned());
    }
    if let Some(error) = &status.copy_error {
        wrong.push(format!("cannot write the local copy: {error}"));
    }
    wrong.extend(blocked(status));
    let connected: Vec<_> =
        sources.iter().filter(|source| source.connected).map(|source| source.name).collect();
    let others = if connected.is_empty() { "nothing".to_owned() } else { connected.join(", ") };
    for source in sources.iter().filter(|source| !source.connected) {
        let (name, since) = (source.name, source.since.elapsed().as_millis());
        wrong.push(format!("no hints from {name} for {since} ms; hints come from {others}; {looked}"));
    }
    if !status.failed_checks.is_empty() {
        wrong.push(format!("checks fail on the local copy: {}", status.failed_checks));
    }
    wrong
}

/// The health of hot reloading: 503 when a check fails. An unavailable log fails none, since the current revision stays
/// in service; the status is `degraded` then. With monitoring switched off, or without any document, it is unhealthy;
/// probes that route requests should ask `/health/ready`.
#[utoipa::path(get, path = "/health/hot-reload", tag = "health",
    responses((status = 200, body = HotReloadHealth), (status = 503, body = HotReloadHealth)))]
async fn hot_reload(State(app): State<AppState>) -> Result<(StatusCode, Json<Members>), ApiError> {
    let status = app.engine.status();
    let now = monitoring_status(&app, &status);
    let succeeded = status
        .last_reload
        .as_ref()
        .is_none_or(|event| event.outcome.is_live() || event.outcome == Outcome::LoadFailed);
    let bus = &app.bus;
    let sources = bus.sources();
    let last_looked_ms =
        status.last_checked_at.map(|at| ms(Timestamp::now().duration_since(at).unsigned_abs()));
    let looked = last_looked_ms.map_or_else(
        || "the log was not polled yet".to_owned(),
        |ago| format!("the log was last polled {ago:.0} ms ago"),
    );
    let mut kinds = app.kinds.health(&status);
    let mut degraded = degraded(&status, &sources, &looked);
    degraded.extend(kinds.iter_mut().flat_map(|kind| std::mem::take(&mut kind.degraded)));
    degraded.extend(directories::degraded(&app.directories));
    let tls = app.tls.as_ref().map(|tls| certificate_health(&tls.status()));
    degraded.extend(tls.iter().filter_map(certificate_problem));
    if status.store.available && !now.fresh {
        let max = now.max_age_seconds;
        degraded.push(format!(
            "the served revision may be outdated: {looked}, more than HOT_RELOAD_MAX_AGE_SECONDS ({max}); lower \
             HOT_RELOAD_INTERVAL_SECONDS or raise that age"
        ));
    }
    let checks = Checks {
        monitoring_active: now.monitoring_active,
        last_reload_successful: succeeded && status.quarantined.is_empty(),
    };
    let healthy =
        checks.monitoring_active && checks.last_reload_successful && kinds.iter().all(KindHealth::passes);
    let answer = HotReloadHealth {
        status: match (healthy, degraded.is_empty()) {
            (true, true) => "healthy",
            (true, false) => "degraded",
            (false, _) => "unhealthy",
        }
        .into(),
        monitoring_active: now.monitoring_active,
        auto_reload_enabled: now.auto_reload_enabled,
        last_reload: now.last_reload_time,
        reload_count: now.reload_count,
        last_reload_status: now.last_reload_status,
        checks,
        fresh: now.fresh,
        last_looked_ms,
        quarantined: status.quarantined.keys().map(|revision| revision.get()).collect(),
        store_available: status.store.available,
        store: store_answer(&status.store),
        from_copy: status.from_copy,
        bus: bus_answer(bus.status(), &app.redact),
        tls,
        hint_sources: sources.into_iter().map(|source| bus_answer(source, &app.redact)).collect(),
        degraded,
    };
    let mut answer = members_of(&answer)?;
    for kind in kinds {
        if let Some(Value::Object(checks)) = answer.get_mut("checks") {
            add_to(checks, kind.checks);
        }
        add_to(&mut answer, kind.members);
    }
    Ok((if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(answer)))
}
