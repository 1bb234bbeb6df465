//! The dashboard and the alerts of `deploy/` ask for metrics that a running server has, with labels that they have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use midflight_testkit::CertificateAuthority;
use serde_json::Value;

use crate::support::Server;
use crate::tls::{NAMES, files, with_tls};

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The names of metrics of a text.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text.split(|letter| !is_part(letter));
    words.filter(|word| word.starts_with("midflight_")).map(str::to_owned).collect()
}

/// The labels of each metric of a scrape.
async fn scraped(server: &Server) -> BTreeMap<String, BTreeSet<String>> {
    let text = server.anonymous(reqwest::Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let mut metrics = BTreeMap::<String, BTreeSet<String>>::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name: String = line.chars().take_while(|letter| !" {".contains(*letter)).collect();
        let labels = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        let keys =
            labels.into_iter().flat_map(|(labels, _)| labels.split(',')).filter_map(|it| it.split_once('='));
        metrics.entry(name).or_default().extend(keys.map(|(key, _)| key.to_owned()));
    }
    metrics
}

/// The expressions of every panel.
fn expressions(dashboard: &Value) -> Vec<&str> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_metric_of_the_dashboard_and_of_the_alerts_exists() {
    // With TLS: a server without it has no metrics of its certificate.
    let authority = CertificateAuthority::new();
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path(), &authority.server(&NAMES));
    let server = with_tls(&authority, files, |_| ()).await;
    // A request, so that requests are counted.
    server.get("/api/v1/status").await.ok();
    let exist = scraped(&server).await;
    let dashboard: Value = serde_json::from_str(&file("deploy/grafana/midflight.json")).unwrap();
    let expressions = expressions(&dashboard);
    assert!(expressions.len() > 20, "{}", expressions.len());
    let alerts = file("deploy/prometheus/alerts.yaml");
    let asked: BTreeSet<String> = expressions.iter().flat_map(|it| names(it)).chain(names(&alerts)).collect();
    let missing: Vec<_> = asked.iter().filter(|name| !exist.contains_key(*name)).collect();
    assert!(missing.is_empty(), "{missing:?} are not among {:?}", exist.keys());
    let of_tls: Vec<_> = exist.keys().filter(|name| name.starts_with("midflight_tls_")).collect();
    assert!(of_tls.len() >= 2, "{of_tls:?}");
    for name in of_tls {
        assert!(names(&alerts).contains(name), "no alert asks for {name}");
    }
    for (metric, label) in [
        ("midflight_reloads_failed_total", "outcome"),
        ("midflight_http_requests_total", "status"),
        ("midflight_webhook_attempts_total", "outcome"),
    ] {
        assert!(exist[metric].contains(label), "{metric}: {:?}", exist[metric]);
    }
}
