//! The certificate of the server in health and metrics.

use jiff::Timestamp;
use metrics::Gauge;
use midflight_wire::health::CertificateHealth;

use super::endpoint::{TlsEndpoint, TlsStatus};
use crate::metrics::registry::{MetricsRegistry, set_truth};
use crate::wire::stamp;

/// From how many days before its end on a certificate is reported. 14: time for an operator to see it and act.
const DAYS_MIN: i64 = 14;

/// The certificate as it is in health.
pub(crate) fn certificate_health(status: &TlsStatus) -> CertificateHealth {
    CertificateHealth {
        names: status.names.clone(),
        not_after: stamp(status.not_after),
        days_left: status.days_left(),
        error: status.error.as_ref().map(ToString::to_string),
    }
}

/// What is wrong with it.
pub(crate) fn certificate_problem(health: &CertificateHealth) -> Option<String> {
    let CertificateHealth { not_after, days_left, error, .. } = health;
    match error {
        Some(error) => Some(format!(
            "cannot load the TLS files: {error}; keeping the current certificate ({days_left} days left)"
        )),
        None if *days_left < 0 => Some(format!("the TLS certificate expired at {not_after}")),
        None if *days_left < DAYS_MIN => {
            Some(format!("the TLS certificate expires at {not_after} ({days_left} days left)"))
        }
        None => None,
    }
}

/// The metrics of a certificate, read at each scrape.
pub(crate) struct CertificateMetrics {
    expires_in: Gauge,
    is_current: Gauge,
}

impl CertificateMetrics {
    pub(crate) fn new(registry: &MetricsRegistry) -> Self {
        let gauge = |name, help| registry.gauge(name, help, Vec::new());
        Self {
            expires_in: gauge(
                "midflight_tls_certificate_expires_in_seconds",
                "Time until the certificate of this server expires, in seconds; negative afterwards.",
            ),
            is_current: gauge(
                "midflight_tls_certificate_current",
                "1 while the certificate of the files is in use; 0 when they cannot be loaded.",
            ),
        }
    }

    pub(crate) fn refresh(&self, endpoint: &TlsEndpoint) {
        let status = endpoint.status();
        self.expires_in.set(status.not_after.duration_since(Timestamp::now()).as_secs_f64());
        set_truth(&self.is_current, status.error.is_none());
    }
}
