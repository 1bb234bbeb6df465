//! What monitoring reads, held against the committed transcripts.
//!
//! `INSTA_UPDATE=always cargo test ...` writes them anew; read the difference before it is committed.

use midflight_http::code::Code;

use crate::support::server;

fn check_transcript(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[tokio::test]
async fn the_help_of_every_metric() {
    let server = server().await.with_loans().await;
    let output =
        server.anonymous(reqwest::Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let mut lines: Vec<_> = output.lines().filter(|line| line.starts_with("# HELP")).collect();
    lines.sort_unstable();
    assert!(lines.len() > 20, "{output}");
    check_transcript("metrics", &lines.join("\n"));
}

fn line(code: Code) -> String {
    format!("{} {}: {}", code.status().as_u16(), code.as_str(), code.title())
}

#[tokio::test]
async fn the_title_of_every_error() {
    let server = server().await;
    let mut lines: Vec<_> = server.running.service().codes().map(line).collect();
    lines.sort_unstable();
    lines.dedup();
    check_transcript("errors", &lines.join("\n"));
}
