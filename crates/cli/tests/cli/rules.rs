//! The guide to rules, run as it is written.

use crate::harness::Server;
use crate::transcripts::follow;

#[test]
fn the_guide_runs() {
    let server = Server::with_loans();
    follow("docs/rules.md", &server, &[]);
}
