//! The guide to a fleet, run as it is written.

use std::path::Path;

use midflight_testkit::{TOKEN, tour};

use crate::harness::{Fleet, Hints, adults, binary, until};

const ADULTS: &str = "kind: rules
name: conditions/old
body: {attribute: age, operator: greater_than_or_equal, constant: 20}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guide_runs() {
    let fleet = Fleet::start(3, Hints::Postgres);
    adults(&fleet.ask, fleet.url(0)).await;
    until(|| async {
        let output = fleet.ask.get(fleet.url(0), "/api/v1/replicas").await.ok()?;
        (output["items"].as_array()?.len() == 3).then_some(())
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("adults.yaml"), ADULTS).unwrap();
    let guide = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fleet.md"));
    let variables =
        [("MIDFLIGHT_URL", fleet.url(0)), ("MIDFLIGHT_TOKEN", TOKEN), ("DATABASE", fleet.log.as_str())];
    let output = tokio::task::block_in_place(|| tour(guide, folder.path(), binary(), &variables));
    assert!(output.contains("$ midflight"), "{output}");
}
