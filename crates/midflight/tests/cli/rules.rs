//! The guide to rules, run as it is written.

use crate::harness::Server;
use crate::transcripts::follow;

#[test]
fn it_goes_as_the_guide_says() {
    let server = Server::with_loans();
    follow("docs/rules.md", &server, &[]);
}
