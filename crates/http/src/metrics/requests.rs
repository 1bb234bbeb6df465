//! Counts and times of requests, by route, method and class of status.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{Counter, Histogram, Label, Unit};

use super::registry::MetricsRegistry;

/// The upper ends of the buckets, in seconds: from an execution to an edit that waits for a whole fleet.
const SECONDS: &[f64] = &[5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// The route of a request that no route takes.
const NONE: &str = "none";

/// The metrics of requests: made for what was asked for, since most routes are never answered with most classes.
#[derive(Default)]
pub(crate) struct RequestMetrics {
    known: RwLock<HashMap<String, Vec<RouteMetrics>>>,
}

/// What is measured of one route, method and class.
#[derive(Clone)]
struct RouteMetrics {
    method: &'static str,
    class: &'static str,
    count: Counter,
    time: Histogram,
}

impl RequestMetrics {
    /// Counts a request that was answered after so long. `route` is the path with its variables.
    pub(crate) fn count(
        &self,
        registry: &MetricsRegistry,
        (route, method): (Option<&str>, &Method),
        status: StatusCode,
        took: Duration,
    ) {
        let measured = self.of(registry, route.unwrap_or(NONE), word(method), status);
        measured.count.increment(1);
        measured.time.record(took.as_secs_f64());
    }

    fn of(
        &self,
        registry: &MetricsRegistry,
        route: &str,
        method: &'static str,
        status: StatusCode,
    ) -> RouteMetrics {
        let class = class(status);
        let is_it = |it: &&RouteMetrics| it.method == method && it.class == class;
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(found) = known.get(route).and_then(|all| all.iter().find(is_it)) {
                return found.clone();
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let of_route = known.entry(route.to_owned()).or_default();
        if let Some(found) = of_route.iter().find(is_it) {
            return found.clone();
        }
        let made = RouteMetrics::new(registry, route, method, class);
        of_route.push(made.clone());
        made
    }
}

impl RouteMetrics {
    fn new(registry: &MetricsRegistry, route: &str, method: &'static str, class: &'static str) -> Self {
        let labels = || {
            vec![
                Label::new("route", route.to_owned()),
                Label::from_static_parts("method", method),
                Label::from_static_parts("status", class),
            ]
        };
        Self {
            method,
            class,
            count: registry.counter(
                "midflight_http_requests_total",
                "HTTP requests, by route, method and status class.",
                labels(),
            ),
            time: registry.sampled_histogram(
                "midflight_http_request_duration_seconds",
                "Time from the request headers to the response headers, in seconds, by route, method and status class.",
                Unit::Seconds,
                SECONDS,
                labels(),
            ),
        }
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

/// Only methods that routes have are distinguished: a client may make up any number of others.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
