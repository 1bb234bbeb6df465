//! `token`: the API tokens of a server, and the way back in for who has its host.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use midflight_client::Client;
use midflight_client::wire::tokens::{RotateBody, TokenAnswer, TokenBody};
use serde::Serialize;

use super::columns::{TableColumn, optional};
use super::fail::Failure;
use super::output::{Output, eprint_status};
use super::scheduling::milliseconds;

/// How long a server that runs is waited for when a token is recovered.
const RECOVERY_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked meanwhile.
const RECOVERY_LOOK: Duration = Duration::from_millis(50);

/// The commands of `token`.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Create a token and print it; it is not shown again.
    Create(Box<CreateArgs>),
    /// List the tokens, without the tokens themselves.
    List,
    /// Revoke tokens: every replica refuses them.
    Revoke {
        /// The tokens, by name.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Replace a token under its name and print the new one; the previous one stays valid for a while.
    Rotate {
        /// The token, by name.
        name: String,
        /// How long the previous token stays valid, as 30m or 24h; 0s: not at all.
        #[arg(long, value_parser = milliseconds, value_name = "LENGTH", default_value = "1h")]
        overlap: u64,
    },
    /// Replace a lost admin token, on the host of the server.
    Recover {
        /// The data folder of the server.
        #[arg(long, value_name = "DIR", env = "MIDFLIGHT_DATA_DIR")]
        data_dir: PathBuf,
    },
}

/// The flags of `token create`.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// The name of the token, which is the author of its changes.
    name: String,
    /// What it may do.
    #[arg(long, value_enum)]
    role: RoleWord,
    /// Documents that it may see and change, as rules or "rules/pricing/*"; may be given several times. All by default.
    #[arg(long = "scope", value_name = "PATTERN")]
    scopes: Vec<String>,
    /// How long it is valid, as 24h; for ever by default.
    #[arg(long, value_parser = milliseconds, value_name = "LENGTH", conflicts_with = "expires_at")]
    expires_in: Option<u64>,
    /// Until when it is valid, as 2026-01-31T03:00:00Z.
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// For an agent: the revision whose tools it sees, independent of the served one.
    #[arg(long, value_name = "REVISION", help_heading = "For agents over MCP")]
    at: Option<u64>,
    /// For an agent: list all tools, or a search of them.
    #[arg(long, value_enum, help_heading = "For agents over MCP")]
    expose: Option<ExposeWord>,
    /// For an agent: a tool to list beside the search; may be given several times.
    #[arg(long, value_delimiter = ',', value_name = "TOOL", help_heading = "For agents over MCP")]
    pin: Vec<String>,
}

/// What a token may do; each includes what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleWord {
    /// Reads.
    Viewer,
    /// Executes, classifies, selects and calls.
    Executor,
    /// Changes documents.
    Editor,
    /// Reloads and restores.
    Operator,
    /// Manages tokens and reads the audit.
    Admin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExposeWord {
    All,
    Search,
}

const TOKENS: &[TableColumn<TokenAnswer>] = &[
    TableColumn::new("NAME", |token| token.name.clone()),
    TableColumn::new("ROLE", |token| token.role.clone()),
    TableColumn::new("SCOPES", |token| {
        token.scopes.as_ref().map_or_else(|| "*".to_owned(), |scopes| scopes.join(" "))
    }),
    TableColumn::new("EXPIRES", |token| match token.expired {
        true => format!("expired {}", optional(token.expires_at.as_ref())),
        false => optional(token.expires_at.as_ref()),
    }),
    TableColumn::new("LAST USED", |token| optional(token.last_used_at.as_ref())),
    TableColumn::wide("CREATED", |token| token.created_at.clone()),
    TableColumn::wide("BY", |token| optional(token.created_by.as_ref())),
    TableColumn::wide("ID", |token| optional(token.id.as_ref())),
];

pub(super) async fn run(
    client: impl FnOnce() -> Result<Client, Failure>,
    output: &Output,
    command: TokenCommand,
) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(args) => create(&client()?, output, *args).await,
        TokenCommand::List => list(&client()?, output).await,
        TokenCommand::Revoke { names } => revoke(&client()?, output, &names).await,
        TokenCommand::Rotate { name, overlap } => rotate(&client()?, output, &name, overlap).await,
        TokenCommand::Recover { data_dir } => recover(output, &data_dir).await,
    }
}

/// The word of a value, as the API has it.
fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

async fn create(client: &Client, output: &Output, args: CreateArgs) -> Result<(), Failure> {
    let body = TokenBody {
        name: args.name,
        role: word(args.role),
        scopes: Some(args.scopes).filter(|scopes| !scopes.is_empty()),
        expires_at: args.expires_at,
        expires_in_ms: args.expires_in,
        at: args.at,
        expose: args.expose.map(word),
        pin: args.pin,
    };
    let made = client.create_token(&body).await?;
    // Alone, for people and for scripts that keep it.
    output.data(&made, || made.token.clone() + "\n")?;
    eprint_status(&format!("token {} made; it is not shown again", body.name));
    Ok(())
}

async fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let found = client.tokens().await?;
    output.list(&found, found.iter().map(|it| &**it), TOKENS, |token| token.name.clone())
}

/// Revokes one after the other, and tells those that were revoked also when a later one is refused.
async fn revoke(client: &Client, output: &Output, names: &[String]) -> Result<(), Failure> {
    let mut revoked = Vec::new();
    let mut ended = Ok(());
    for name in names {
        match client.revoke_token(name).await {
            Ok(()) => revoked.push(name.as_str()),
            Err(refused) => {
                ended = Err(refused.into());
                break;
            }
        }
    }
    if !revoked.is_empty() {
        let lines = || revoked.iter().map(|name| format!("token {name} revoked\n")).collect();
        output.data(&revoked, lines)?;
    }
    ended
}

async fn rotate(client: &Client, output: &Output, name: &str, overlap_ms: u64) -> Result<(), Failure> {
    let made = client.rotate_token(name, &RotateBody { overlap_ms: Some(overlap_ms) }).await?;
    output.data(&made, || made.token.clone() + "\n")?;
    eprint_status(&match &made.info.previous_valid_until {
        None => format!("token {name} rotated; the one of before is refused from now on"),
        Some(until) => format!("token {name} rotated; the previous one is valid until {until}"),
    });
    Ok(())
}

/// A token that was recovered.
#[derive(Debug, Serialize)]
struct RecoveredAnswer<'a> {
    token: &'a str,
    /// Whether a running server accepts it already.
    in_effect: bool,
}

async fn recover(output: &Output, data_dir: &std::path::Path) -> Result<(), Failure> {
    let recovered = midflight_server::recover_admin_token(data_dir);
    let recovered = recovered.map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Failure::failed(format!("{error}{cause}"))
    })?;
    let began = Instant::now();
    while !recovered.is_taken() && began.elapsed() < RECOVERY_WAIT {
        tokio::time::sleep(RECOVERY_LOOK).await;
    }
    let shown = RecoveredAnswer { token: &recovered.token, in_effect: recovered.is_taken() };
    output.data(&shown, || format!("{}\n", shown.token))?;
    eprint_status(match recovered.is_taken() {
        true => {
            "admin token replaced; keep it with `midflight login URL --token TOKEN`\n\
             if the server has --admin-token-file, write it into that file too: the token there is refused now"
        }
        false => {
            "no server runs on this folder; the token is valid when one starts on it\n\
             if that has --admin-token-file, write it into that file too: the token there will be refused"
        }
    });
    Ok(())
}
