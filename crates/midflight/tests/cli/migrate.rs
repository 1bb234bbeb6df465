//! The guides for those who come from other systems, run as they are written.

use crate::harness::Server;
use crate::transcripts::follow;

#[test]
fn a_tool_catalogue_is_brought_over_as_the_guide_says() {
    let server = Server::start(&[]);
    follow("docs/migrate/tools.md", &server, &[]);
}

#[test]
fn modules_are_brought_over_as_the_guide_says() {
    let server = Server::start(&[]);
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    std::os::unix::fs::symlink(repository.join("examples"), server.folder.path().join("examples")).unwrap();
    let guide = repository.join("docs/migrate/modules.md");
    let variables = [("MIDFLIGHT_URL", &*server.url), ("MIDFLIGHT_TOKEN", &*server.token)];
    tour(&guide, server.folder.path(), Path::new(env!("CARGO_BIN_EXE_midflight")), &variables);
}
