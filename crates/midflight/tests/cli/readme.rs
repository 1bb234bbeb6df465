//! The README's tour, run as it is written: each block of commands, and each line that it says they answer.

use std::path::Path;

use midflight_testkit::tour;

use crate::harness::Server;

#[test]
fn the_tour_goes_as_the_readme_says() {
    let server = Server::with_loans();
    let readme = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md"));
    let variables = [("MIDFLIGHT_URL", &*server.url), ("MIDFLIGHT_TOKEN", &*server.token)];
    tour(readme, server.folder.path(), Path::new(env!("CARGO_BIN_EXE_midflight")), &variables);
}
