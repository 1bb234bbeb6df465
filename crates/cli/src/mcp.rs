//! `mcp`: agents over standard input and output, from a running server.
//!
//! Each line of the input is a message that is sent to the server's `/mcp`, and each message that comes back is a line
//! of the output. Nothing else is written there. The protocol until 2025-11-25 has sessions ([`session`]); since
//! 2026-07-28 each message is complete by itself, with headers that repeat its contents ([`headers`]).

mod bridge;
mod exchange;
mod headers;
mod lines;
mod message;
mod session;

use clap::{Args, ValueEnum};

use super::client::ServerClient;
use super::fail::Failure;
use super::output::{Output, eprint_status};
use bridge::McpBridge;

/// The flags of `mcp`.
#[derive(Debug, Args)]
pub(super) struct McpArgs {
    /// Serve the catalogue as of this revision, whatever the server serves.
    #[arg(long, value_name = "REVISION")]
    at: Option<u64>,
    /// List all tools, or only those that find and call the others.
    #[arg(long)]
    expose: Option<ExposedTools>,
    /// Tools to list beside the search, separated by commas.
    #[arg(long, value_name = "TOOL", value_delimiter = ',')]
    pin: Vec<String>,
}

/// Which tools are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExposedTools {
    All,
    Search,
}

impl McpArgs {
    /// The query of the address.
    fn query(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        if self.expose == Some(ExposedTools::All) && !self.pin.is_empty() {
            return Err(Failure::usage(
                "--pin goes with --expose search; with --expose all every tool is listed",
            ));
        }
        let expose = self.expose.and_then(|expose| expose.to_possible_value());
        let expose = expose.map(|expose| expose.get_name().to_owned());
        Ok(vec![
            ("at", self.at.map(|at| at.to_string()).unwrap_or_default()),
            ("expose", expose.unwrap_or_default()),
            ("pin", self.pin.join(",")),
        ])
    }
}

pub(super) async fn run(client: ServerClient, output: Output, args: &McpArgs) -> Result<(), Failure> {
    let url = client.url(&["mcp"], &args.query()?);
    eprint_status(&format!("serving agents over standard input and output from {url}"));
    let (out, written) = lines::write(output);
    // What is pinned to a revision never changes.
    McpBridge::new(client, url, out, args.at.is_none()).run(lines::read(), written).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_the_query_of_the_address() {
        let args = |at, expose, pin: &[&str]| McpArgs {
            at,
            expose,
            pin: pin.iter().map(|name| (*name).to_owned()).collect(),
        };
        let client =
            ServerClient::new("http://host:1", None, &crate::client_tls::ClientTlsArgs::default()).unwrap();
        let url = |args: McpArgs| client.url(&["mcp"], &args.query().unwrap()).to_string();
        assert_eq!(url(args(None, None, &[])), "http://host:1/mcp");
        assert_eq!(
            url(args(Some(42), Some(ExposedTools::Search), &["a", "b"])),
            "http://host:1/mcp?at=42&expose=search&pin=a%2Cb"
        );
        let refused = args(None, Some(ExposedTools::All), &["a"]).query().unwrap_err();
        assert!(refused.text().contains("--expose search"));
    }
}
