//! `login` and `context`: which servers a person uses, and which of them commands talk to.

use std::io::{BufRead as _, IsTerminal as _};

use clap::{Args, Subcommand};
use midflight_client::Answer;
use midflight_client::wire::tokens::Whoami;
use serde::Serialize;

use super::columns::TableColumn;
use super::connection::Global;
use super::contexts::{Context, Contexts, name_of};
use super::fail::Failure;
use super::output::{Output, eprint_status};

/// The longest line that is read as a token, in bytes. 16 KiB: a JSON Web Token with many claims.
const TOKEN_BYTES_MAX: u64 = 16 << 10;

/// The flags of `login`.
#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    /// The server's address, as http://127.0.0.1:8080.
    #[arg(value_name = "URL")]
    address: String,
    /// The name of the context; the host and port of the address by default.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// A login that was made.
#[derive(Debug, Serialize)]
struct LoginAnswer<'a> {
    context: &'a str,
    url: &'a str,
    whoami: &'a Answer<Whoami>,
}

/// A known server, without its token.
#[derive(Debug, Serialize)]
struct KnownServer {
    name: String,
    url: String,
    current: bool,
    has_token: bool,
}

/// The commands of `context`.
#[derive(Debug, Subcommand)]
pub(super) enum ContextCommand {
    /// List the known servers.
    List,
    /// Use this server for later commands.
    Use {
        /// The context.
        name: String,
    },
    /// Remove a server and its token.
    Remove {
        /// The context.
        name: String,
    },
}

/// Checks a token with a server, and keeps both.
pub(super) async fn login(global: &Global, output: &Output, args: LoginArgs) -> Result<(), Failure> {
    let token = match global.given_token()? {
        Some(token) => token,
        None => ask()?.trim().to_owned(),
    };
    if token.is_empty() {
        return Err(Failure::usage(
            "no token given: use --token, --token-file, MIDFLIGHT_TOKEN or standard input",
        ));
    }
    let target = Context { url: args.address, token: Some(token.clone()) };
    let client = global.client_of(&target)?;
    let whoami = client.whoami().await?;
    let name = args.name.unwrap_or_else(|| name_of(client.address()));
    let mut contexts = Contexts::read()?;
    contexts.add(&name, Context { url: client.address().to_owned(), token: Some(token) });
    contexts.current = Some(name.clone());
    let file = contexts.write()?;
    eprint_status(&format!("token kept in {}", file.display()));
    let answer = LoginAnswer { context: &name, url: client.address(), whoami: &whoami };
    output.data(&answer, || format!("logged in to {} as {} ({})\n", answer.url, whoami.name, whoami.role))
}

/// Reads a token from standard input, without showing it at a terminal.
fn ask() -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let hidden = stdin.is_terminal().then(|| {
        eprint_status("Token:");
        Hidden::new()
    });
    let mut line = String::new();
    let read = std::io::Read::take(stdin.lock(), TOKEN_BYTES_MAX).read_line(&mut line);
    drop(hidden);
    read.map_err(|error| Failure::failed(format!("cannot read the token from standard input: {error}")))?;
    Ok(line)
}

/// A terminal that shows nothing of what is typed, as long as this is there.
struct Hidden {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Hidden {
    #[cfg(unix)]
    fn new() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(std::io::stdin()).ok();
        if let Some(mut modes) = before.clone() {
            modes.local_modes.remove(LocalModes::ECHO);
            // Where it cannot be hidden it is shown; the token is asked for all the same.
            tcsetattr(std::io::stdin(), OptionalActions::Flush, &modes).ok();
        }
        Self { before }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            use rustix::termios::{OptionalActions, tcsetattr};
            tcsetattr(std::io::stdin(), OptionalActions::Now, before).ok();
        }
    }
}

pub(super) fn context(output: &Output, command: ContextCommand) -> Result<(), Failure> {
    let mut contexts = Contexts::read()?;
    match command {
        ContextCommand::List => list(output, &contexts),
        ContextCommand::Use { name } => {
            known(&contexts, &name)?;
            contexts.current = Some(name.clone());
            contexts.write()?;
            eprint_status(&format!("commands talk to {name} from now on"));
            Ok(())
        }
        ContextCommand::Remove { name } => {
            known(&contexts, &name)?;
            contexts.contexts.remove(&name);
            contexts.current = contexts.current.filter(|current| *current != name);
            contexts.write()?;
            eprint_status(&format!("{name} removed; its token is still valid on the server"));
            Ok(())
        }
    }
}

fn known(contexts: &Contexts, name: &str) -> Result<(), Failure> {
    if contexts.contexts.contains_key(name) {
        return Ok(());
    }
    let names: Vec<_> = contexts.contexts.keys().map(String::as_str).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(Failure::usage(format!(
        "unknown context {name:?}: known are {names}; add one with `midflight login URL`"
    )))
}

const SERVERS: &[TableColumn<KnownServer>] = &[
    TableColumn::new("", |server| if server.current { "*".to_owned() } else { String::new() }),
    TableColumn::new("NAME", |server| server.name.clone()),
    TableColumn::new("URL", |server| server.url.clone()),
    TableColumn::wide("TOKEN", |server| if server.has_token { "yes".to_owned() } else { "no".to_owned() }),
];

/// The contexts, without their tokens.
fn list(output: &Output, contexts: &Contexts) -> Result<(), Failure> {
    let current = contexts.current().map(|(name, _)| name);
    let server = |(name, context): (&String, &Context)| KnownServer {
        name: name.clone(),
        url: context.url.clone(),
        current: current == Some(name.as_str()),
        has_token: context.token.is_some(),
    };
    let servers: Vec<_> = contexts.contexts.iter().map(server).collect();
    output.list(&servers, &servers, SERVERS, |server| server.name.clone())?;
    if servers.is_empty() {
        eprint_status("no context; add one with `midflight login URL`");
    }
    Ok(())
}
