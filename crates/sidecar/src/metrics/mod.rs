//! What is counted, and the text that Prometheus reads.

pub(crate) mod serve;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::hash::Hash;

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Rejected,
    Unreachable,
    Unverified,
}

impl Reason {
    const ALL: [Self; 3] = [Self::Rejected, Self::Unreachable, Self::Unverified];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Unreachable => "unreachable",
            Self::Unverified => "unverified",
        }
    }
}

/// How long past three intervals the watching thread may be silent and still count as alive: it may be reading much.
const BEAT_GRACE: Duration = Duration::from_secs(10);

/// The counters, and the state of each content.
#[derive(Debug)]
pub(crate) struct Metrics {
    state: Mutex<MetricValues>,
    silence_max: Duration,
}

#[derive(Debug)]
struct MetricValues {
    attempts: u64,
    successes: u64,
    failures: [u64; Reason::ALL.len()],
    last_success: Option<SystemTime>,
    watch_errors: u64,
    hashes: Hashes,
    beat: Instant,
}

/// Three things that are never mixed up: what is served, what should be, and what was refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hashes {
    pub(crate) verified: Option<Hash>,
    pub(crate) pending: Option<Hash>,
    pub(crate) refused: Option<Hash>,
}

impl Metrics {
    pub(crate) fn new(interval: Duration) -> Self {
        let state = MetricValues {
            attempts: 0,
            successes: 0,
            failures: [0; Reason::ALL.len()],
            last_success: None,
            watch_errors: 0,
            hashes: Hashes::default(),
            beat: Instant::now(),
        };
        Self { state: Mutex::new(state), silence_max: interval * 3 + BEAT_GRACE }
    }

    fn state(&self) -> MutexGuard<'_, MetricValues> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports that the watching continues.
    pub(crate) fn beat(&self) {
        self.state().beat = Instant::now();
    }

    /// Whether the watching continues, as of a moment.
    fn is_alive(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.state().beat) <= self.silence_max
    }

    pub(crate) fn watch_error(&self) {
        self.state().watch_errors += 1;
    }

    pub(crate) fn attempt(&self) {
        self.state().attempts += 1;
    }

    /// Counts a success together with what it made of the contents.
    pub(crate) fn success(&self, hashes: Hashes) {
        let mut state = self.state();
        state.hashes = hashes;
        state.successes += 1;
        state.last_success = Some(SystemTime::now());
    }

    /// Counts a failure together with what it made of the contents.
    pub(crate) fn failure(&self, reason: Reason, hashes: Hashes) {
        let mut state = self.state();
        state.hashes = hashes;
        if let Some(count) = state.failures.get_mut(reason as usize) {
            *count += 1;
        }
    }

    /// Reports the state of each content.
    pub(crate) fn hashes(&self, hashes: Hashes) {
        self.state().hashes = hashes;
    }

    /// The text that Prometheus reads, version 0.0.4 of its exposition format.
    fn text(&self) -> String {
        let state = self.state();
        let mut text = String::new();
        let one = |text: &mut String, name: &str, of: &str, help: &str, samples: &[(String, String)]| {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {of}\n"));
            for (labels, value) in samples {
                text.push_str(&format!("{name}{labels} {value}\n"));
            }
        };
        let plain = |count: u64| [(String::new(), count.to_string())];
        let help = "Reload attempts.";
        one(&mut text, "config_reload_attempts_total", "counter", help, &plain(state.attempts));
        let help = "Reload attempts that the app confirmed.";
        one(&mut text, "config_reload_successes_total", "counter", help, &plain(state.successes));
        let failures = Reason::ALL.into_iter().zip(state.failures);
        let failures: Vec<_> = failures
            .map(|(reason, count)| (format!("{{reason=\"{}\"}}", reason.name()), count.to_string()))
            .collect();
        let help = "Reload attempts that failed, by reason: rejected by the app, app unreachable, or not verified in time.";
        one(&mut text, "config_reload_failures_total", "counter", help, &failures);
        if let Some(at) = state.last_success {
            let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            let help = "Unix time of the last confirmed reload, in seconds.";
            let at = [(String::new(), format!("{seconds:.3}"))];
            one(&mut text, "config_reload_last_success_timestamp", "gauge", help, &at);
        }
        let Hashes { verified, pending, refused } = state.hashes;
        let hashes = [("verified", verified), ("pending", pending), ("refused", refused)];
        let hashes: Vec<_> = hashes
            .into_iter()
            .filter_map(|(name, hash)| Some((format!("{{hash=\"{}\",state=\"{name}\"}}", hash?), "1".into())))
            .collect();
        let help = "Hashes of the content that is served, desired and rejected.";
        one(&mut text, "config_reload_hash_info", "gauge", help, &hashes);
        let help = "Reads of the watched files that failed.";
        one(&mut text, "config_reload_watch_errors_total", "counter", help, &plain(state.watch_errors));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_is_there_from_the_start_and_no_success_is_made_up() {
        let text = Metrics::new(Duration::from_secs(5)).text();
        for line in [
            "config_reload_attempts_total 0",
            "config_reload_successes_total 0",
            "config_reload_failures_total{reason=\"rejected\"} 0",
            "config_reload_failures_total{reason=\"unreachable\"} 0",
            "config_reload_failures_total{reason=\"unverified\"} 0",
            "config_reload_watch_errors_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(!text.contains("last_success"));
        assert!(!text.contains("config_reload_hash_info{"));
    }

    #[test]
    fn events_are_reported() {
        let metrics = Metrics::new(Duration::from_secs(5));
        metrics.attempt();
        let (served, refused) = (Hash::of(b"1"), Hash::of(b"2"));
        metrics.success(Hashes { verified: Some(served), pending: None, refused: None });
        metrics.failure(
            Reason::Unreachable,
            Hashes { verified: Some(served), pending: None, refused: Some(refused) },
        );
        metrics.watch_error();
        let text = metrics.text();
        assert!(text.contains("\nconfig_reload_successes_total 1\n"));
        assert!(text.contains("{reason=\"unreachable\"} 1\n"));
        assert!(
            text.contains(&format!("config_reload_hash_info{{hash=\"{served}\",state=\"verified\"}} 1\n"))
        );
        assert!(
            text.contains(&format!("config_reload_hash_info{{hash=\"{refused}\",state=\"refused\"}} 1\n"))
        );
        assert!(!text.contains("pending"));
        let at = text.lines().find_map(|line| line.strip_prefix("config_reload_last_success_timestamp "));
        assert!(at.unwrap().parse::<f64>().unwrap() > 1e9);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(text.contains(&format!("# TYPE {name} ")), "{line}");
        }
    }

    #[test]
    fn a_watcher_that_is_silent_for_long_is_not_alive() {
        let metrics = Metrics::new(Duration::from_secs(5));
        metrics.beat();
        let now = Instant::now();
        assert!(metrics.is_alive(now + Duration::from_secs(24)));
        assert!(!metrics.is_alive(now + Duration::from_secs(26)));
    }
}
