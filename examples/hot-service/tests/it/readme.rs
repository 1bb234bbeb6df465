//! The tour of the README, run as it is written.

use std::path::Path;

use midflight_testkit::{Daemon, tour};

use crate::support::binary;

#[test]
fn the_readme_tour_runs() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = here.join("README.md");
    let text = std::fs::read_to_string(&readme).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    std::fs::copy(here.join("config.yaml"), &config).unwrap();
    let start = text.lines().find_map(|line| line.strip_prefix("    cargo run -- ")).unwrap();
    let start = start.replace("config.yaml", config.to_str().unwrap()).replace(":8080", ":0");
    let service = Daemon::start(binary(), &start.split(' ').collect::<Vec<_>>(), &[]);
    tour(&readme, folder.path(), binary(), &[("SERVICE", service.url())]);
}
