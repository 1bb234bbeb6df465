//! The flags of every command that connects to a server, and the connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use midflight_client::{Client, ClientBuilder};

use super::contexts::{self, Context};
use super::fail::Failure;
use super::output::OutputFormat;
use super::progress::RequestReporter;

/// Flags of every command that connects to a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Global {
    /// The server's address, as http://host:port, https://host:port or host:port; by default that of the current
    /// context, or http://127.0.0.1:8080 without one.
    #[arg(long, global = true, env = "MIDFLIGHT_URL", value_name = "URL")]
    url: Option<String>,
    /// The API token; by default that of the context of the address.
    #[arg(long, global = true, env = "MIDFLIGHT_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// A file with the API token. A flag takes precedence over a variable, and --token over --token-file.
    #[arg(long, global = true, env = "MIDFLIGHT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with certificate authorities to trust beside the public ones, as PEM, for an https:// address.
    #[arg(long, global = true, env = "MIDFLIGHT_CA_FILE", value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// The output format.
    #[arg(long, short, global = true, env = "MIDFLIGHT_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    pub(super) output: OutputFormat,
}

impl Global {
    /// What variables say, for completion: it knows no flags.
    pub(super) fn of_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            url: variable("MIDFLIGHT_URL"),
            token: variable("MIDFLIGHT_TOKEN"),
            token_file: variable("MIDFLIGHT_TOKEN_FILE").map(PathBuf::from),
            ca_file: variable("MIDFLIGHT_CA_FILE").map(PathBuf::from),
            output: OutputFormat::Table,
        }
    }

    /// Of a token and a file of one, keeps the flag when the other is from a variable.
    pub(super) fn prefer_flags(&mut self, matches: &ArgMatches) {
        let is_flag = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        if is_flag("token_file") && !is_flag("token") {
            self.token = None;
        }
    }

    /// The token of the flags and variables; none when they have none.
    pub(super) fn given_token(&self) -> Result<Option<String>, Failure> {
        let token = self.token.clone().filter(|token| !token.is_empty());
        match (token, &self.token_file) {
            (Some(token), _) => Ok(Some(token)),
            (None, None) => Ok(None),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file);
                let text = text.map_err(|error| {
                    Failure::usage(format!("cannot read the token file {}: {error}", file.display()))
                })?;
                match text.trim() {
                    "" => Err(Failure::usage(format!("the token file {} is empty", file.display()))),
                    token => Ok(Some(token.to_owned())),
                }
            }
        }
    }

    /// The server to talk to, by flags and variables, and else by the contexts.
    fn target(&self) -> Result<Context, Failure> {
        contexts::target(self.url.as_ref(), self.given_token()?.as_ref())
    }

    /// How to connect to it.
    pub(super) fn builder(&self) -> Result<ClientBuilder, Failure> {
        Ok(builder(&self.target()?, self.ca_file.as_deref()))
    }

    /// A client of it.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        connect(&self.target()?, self.ca_file.as_deref())
    }
}

fn builder(target: &Context, ca_file: Option<&Path>) -> ClientBuilder {
    let mut builder = Client::builder(target.url.as_str());
    if let Some(token) = &target.token {
        builder = builder.token(token.as_str());
    }
    match ca_file {
        Some(file) => builder.ca_file(file),
        None => builder,
    }
}

/// A client of a server, which reports on stderr what happens beside the results of requests.
pub(super) fn connect(target: &Context, ca_file: Option<&Path>) -> Result<Client, Failure> {
    let (reporter, address) = (Arc::new(RequestReporter::default()), target.url.clone());
    let builder = builder(target, ca_file).on_event(move |event| reporter.report(&address, &event));
    Ok(builder.build()?)
}
