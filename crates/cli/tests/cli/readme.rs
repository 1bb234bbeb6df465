//! The README's tour, run as it is written: each block of commands, and each line that it says they answer.

use crate::harness::Server;
use crate::transcripts::follow;

#[test]
fn the_readme_tour_runs() {
    let server = Server::with_loans();
    follow("README.md", &server, &[]);
}
