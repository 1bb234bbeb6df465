//! The guides for those who come from other systems, run as they are written.

use crate::harness::Server;
use crate::transcripts::follow;

#[test]
fn a_tool_catalogue_is_brought_over_as_the_guide_says() {
    let server = Server::start(&[]);
    follow("docs/migrate/tools.md", &server, &[]);
}
