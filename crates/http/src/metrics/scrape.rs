//! The scrape: what is known of the replica at that moment, and all that was counted.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use metrics::Label;
use midflight_wire::problem::ProblemBody;

use super::registry::set_truth;
use super::replica::ReplicaMetrics;
use crate::app::AppState;
use crate::code::Code;
use crate::problem::ApiError;

/// Reads what is known of the replica at this moment.
fn refresh(metrics: &ReplicaMetrics, app: &AppState) {
    let (status, bus) = (app.engine.status(), app.bus.status());
    set_truth(&metrics.monitoring, status.refresh.enabled);
    metrics.served.set(status.served.get() as f64);
    metrics.desired.set(status.desired.get() as f64);
    metrics.quarantined.set(status.quarantined.len() as f64);
    set_truth(&metrics.store_available, status.store.available);
    metrics.store_answer.set(status.store.answered.map_or(-1.0, |ago| ago.as_secs_f64()));
    set_truth(&metrics.diverged, status.diverged.is_some());
    set_truth(&metrics.from_copy, status.from_copy);
    set_truth(&metrics.copy_current, status.copy_error.is_none());
    set_truth(&metrics.bus_connected, bus.connected);
    metrics.bus_reconnects.absolute(bus.reconnects);
    metrics.hints_published.absolute(bus.published);
    metrics.hints_received.absolute(bus.heard);
    metrics.hints_ignored.absolute(bus.ignored);
    let places = app.events.places.available_permits();
    metrics.websocket_clients.set(app.limits.websocket_clients_max.saturating_sub(places) as f64);
    metrics.runaways.set(status.runaways as f64);
    metrics.blocked_kinds.set(status.blocked_kinds.len() as f64);
    let blocked = app.directories.iter().filter(|directory| directory.status().blocked).count();
    metrics.blocked_directories.set(blocked as f64);
    if let (Some(tls), Some(metrics)) = (&app.tls, &metrics.certificate) {
        metrics.refresh(tls);
    }
}

/// The samples with more labels on each.
fn labelled(text: &str, labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return text.to_owned();
    }
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let labels = labels.join(",");
    let mut labelled = String::with_capacity(text.len() * 2);
    for line in text.split_inclusive('\n') {
        let end = line.find(['{', ' ']).filter(|_| !line.starts_with('#'));
        match end {
            None => labelled += line,
            Some(end) => {
                let (name, rest) = line.split_at(end);
                labelled += &match rest.strip_prefix('{') {
                    Some(rest) => format!("{name}{{{labels},{rest}"),
                    None => format!("{name}{{{labels}}}{rest}"),
                };
            }
        }
    }
    labelled
}

/// The metrics, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4"),
        (status = "default", body = ProblemBody)))]
pub(crate) async fn scrape(State(app): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    exposition(&app, "")
}

/// The metrics whose names begin so, as an answer in Prometheus' text format.
///
/// # Errors
/// 404 where the config disables metrics.
pub fn exposition(app: &AppState, prefix: &str) -> Result<Response, ApiError> {
    let text = exposition_text(app, prefix).ok_or_else(disabled)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// The metrics whose names begin so, in Prometheus' text format; none where the config disables metrics.
#[must_use]
pub fn exposition_text(app: &AppState, prefix: &str) -> Option<String> {
    let settings = (app.scrape)();
    if !settings.enabled {
        return None;
    }
    refresh(&app.replica_metrics, app);
    for kind in app.engine.status().kinds {
        let labels = vec![Label::new("kind", kind.kind.to_string())];
        app.metrics
            .gauge("midflight_documents", "Documents being served, by kind.", labels)
            .set(kind.documents as f64);
    }
    app.kinds.iter().for_each(|kind| kind.metrics(&app.metrics));
    Some(labelled(&named(&app.metrics.render(), prefix), &settings.labels))
}

/// The refusal where the config disables metrics.
pub(super) fn disabled() -> ApiError {
    ApiError::new(Code::NOT_FOUND, "metrics are disabled by the config (metrics.enabled)")
}

/// The lines of the metrics whose names begin so.
fn named<'t>(text: &'t str, prefix: &str) -> Cow<'t, str> {
    if prefix.is_empty() {
        return Cow::Borrowed(text);
    }
    let is_named = |line: &&str| {
        let comment = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        comment.unwrap_or(line).starts_with(prefix)
    };
    Cow::Owned(text.split_inclusive('\n').filter(is_named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metrics_of_one_prefix_keep_their_comments() {
        let text = "# HELP a_x counts\n# TYPE a_x counter\na_x 1\n\n# HELP b y\nb{c=\"a_x\"} 2\n";
        assert_eq!(named(text, "a_"), "# HELP a_x counts\n# TYPE a_x counter\na_x 1\n");
        assert_eq!(named(text, ""), text);
    }

    #[test]
    fn every_sample_gets_the_labels_and_no_comment_does() {
        let labels =
            BTreeMap::from([("env".to_owned(), "a\"b".to_owned()), ("zone".to_owned(), "x".to_owned())]);
        let text = "# HELP a counts {x y}\na 1\nb{c=\"d e\"} 2\n\n";
        let expected = "# HELP a counts {x y}\na{env=\"a\\\"b\",zone=\"x\"} 1\nb{env=\"a\\\"b\",zone=\"x\",c=\"d e\"} 2\n\n";
        assert_eq!(labelled(text, &labels), expected);
        assert_eq!(labelled(text, &BTreeMap::new()), text);
    }
}
