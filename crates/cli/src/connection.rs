//! The flags of every command that connects to a server, and the connection.

use std::path::PathBuf;
use std::sync::Arc;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use midflight_client::{Client, ClientBuilder};

use super::contexts::{self, Context};
use super::fail::Failure;
use super::output::OutputFormat;
use super::progress::RequestReporter;

/// The files of a connection to an https:// address.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ClientTlsArgs {
    /// A file with certificate authorities to trust beside the public ones, as PEM, for an https:// address.
    #[arg(long, global = true, env = "MIDFLIGHT_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A file with a client certificate to present, as PEM; it needs --client-key.
    #[arg(long, global = true, env = "MIDFLIGHT_CLIENT_CERT", value_name = "FILE")]
    client_cert: Option<PathBuf>,
    /// The private key of --client-cert, as PEM.
    #[arg(long, global = true, env = "MIDFLIGHT_CLIENT_KEY", value_name = "FILE")]
    client_key: Option<PathBuf>,
}

impl ClientTlsArgs {
    fn add_to(&self, mut builder: ClientBuilder) -> Result<ClientBuilder, Failure> {
        if let Some(file) = &self.ca_file {
            builder = builder.ca_file(file);
        }
        match (&self.client_cert, &self.client_key) {
            (None, None) => Ok(builder),
            (Some(file), Some(key_file)) => Ok(builder.client_certificate(file, key_file)),
            _ => Err(Failure::usage("give --client-cert and --client-key together")),
        }
    }
}

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
    #[command(flatten)]
    tls: ClientTlsArgs,
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
            tls: ClientTlsArgs {
                ca_file: variable("MIDFLIGHT_CA_FILE").map(PathBuf::from),
                client_cert: variable("MIDFLIGHT_CLIENT_CERT").map(PathBuf::from),
                client_key: variable("MIDFLIGHT_CLIENT_KEY").map(PathBuf::from),
            },
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
        self.builder_of(&self.target()?)
    }

    /// A client of it.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        self.client_of(&self.target()?)
    }

    fn builder_of(&self, target: &Context) -> Result<ClientBuilder, Failure> {
        let mut builder = Client::builder(target.url.as_str());
        if let Some(token) = &target.token {
            builder = builder.token(token.as_str());
        }
        self.tls.add_to(builder)
    }

    /// A client of a server, which reports on stderr what happens beside the results of requests.
    pub(super) fn client_of(&self, target: &Context) -> Result<Client, Failure> {
        let (reporter, address) = (Arc::new(RequestReporter::default()), target.url.clone());
        let builder = self.builder_of(target)?.on_event(move |event| reporter.report(&address, &event));
        Ok(builder.build()?)
    }
}
