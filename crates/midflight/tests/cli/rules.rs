//! The guide to rules, run as it is written.

use std::path::Path;

use midflight_testkit::tour;

use crate::harness::Server;

#[test]
fn it_goes_as_the_guide_says() {
    let server = Server::with_loans();
    let guide = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md"));
    let variables = [("MIDFLIGHT_URL", &*server.url), ("MIDFLIGHT_TOKEN", &*server.token)];
    tour(guide, server.folder.path(), Path::new(env!("CARGO_BIN_EXE_midflight")), &variables);
}
