//! `token`: the API tokens of a server, and the way back in for who has its host.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand, ValueEnum};
use reqwest::{Method, Url};
use serde_json::{Map, Value, json};

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::output::{Output, OutputFormat, eprint_status, table, text};
use super::scheduling::milliseconds;

/// How long a server that runs is waited for when a token is recovered.
const RECOVERY_WAIT: Duration = Duration::from_secs(10);
/// How often it is looked meanwhile.
const RECOVERY_LOOK: Duration = Duration::from_millis(50);

/// The commands of `token`.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it; it is not shown again.
    Create(Box<CreateArgs>),
    /// List the tokens, without the tokens themselves.
    List,
    /// Refuse tokens from now on, on every replica.
    Revoke {
        /// The tokens, by name.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Make a token again under its name and print it; the one of before stays valid for a while.
    Rotate {
        /// The token, by name.
        name: String,
        /// How long the one of before stays valid, as 30m or 24h; 0s for not at all.
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
    /// Its name, the author of what it changes.
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
    /// For an agent: the revision whose tools it works with, whatever is served.
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

const TOKENS: [&str; 3] = ["api", "v1", "tokens"];

pub(super) async fn run(
    client: impl FnOnce() -> Result<ServerClient, Failure>,
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

async fn create(client: &ServerClient, output: &Output, args: CreateArgs) -> Result<(), Failure> {
    let word = |value: Option<clap::builder::PossibleValue>| {
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    };
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(args.name));
    body.insert("role".to_owned(), json!(word(args.role.to_possible_value())));
    let given = [
        ("scopes", (!args.scopes.is_empty()).then(|| json!(args.scopes))),
        ("expires_in_ms", args.expires_in.map(Value::from)),
        ("expires_at", args.expires_at.map(Value::from)),
        ("at", args.at.map(Value::from)),
        ("expose", args.expose.map(|expose| json!(word(expose.to_possible_value())))),
        ("pin", (!args.pin.is_empty()).then(|| json!(args.pin))),
    ];
    body.extend(given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    let made =
        client.send(Method::POST, client.url(&TOKENS, &[]), RequestBody::Json(body.into()), &[]).await?.body;
    shown(output, &made)?;
    eprint_status(&format!("token {} made; it is not shown again", args.name));
    Ok(())
}

/// Prints a token, alone for people and for scripts that keep it.
fn shown(output: &Output, made: &Value) -> Result<(), Failure> {
    match output.format() {
        OutputFormat::Table => output.line(&text(made, "token")),
        _ => output.data(made, String::new),
    }
}

async fn list(client: &ServerClient, output: &Output) -> Result<(), Failure> {
    let list = Value::from(client.all(&TOKENS, &[]).await?);
    output.data(&list, || {
        let rows = list.as_array().into_iter().flatten().map(|token| {
            let scopes = token
                .get("scopes")
                .and_then(Value::as_array)
                .map(|scopes| scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "));
            let expires = match token.get("expired") {
                Some(Value::Bool(true)) => format!("expired {}", text(token, "expires_at")),
                _ => text(token, "expires_at"),
            };
            [
                text(token, "name"),
                text(token, "role"),
                scopes.unwrap_or_else(|| "*".to_owned()),
                expires,
                text(token, "last_used_at"),
            ]
        });
        table(&["NAME", "ROLE", "SCOPES", "EXPIRES", "LAST USED"], rows)
    })
}

/// The address of a token, whose name is one segment.
fn one(client: &ServerClient, name: &str, rest: &[&str]) -> Result<Url, Failure> {
    let mut url = client.url(&TOKENS, &[]);
    let segments = url.path_segments_mut();
    let mut segments = segments.map_err(|()| {
        Failure::usage(
            "invalid --url: expected the address of a \
                                                             server",
        )
    })?;
    segments.push(name).extend(rest);
    drop(segments);
    Ok(url)
}

/// Revokes one after the other, and tells those that were revoked also when a later one is refused.
async fn revoke(client: &ServerClient, output: &Output, names: &[String]) -> Result<(), Failure> {
    let mut revoked = Vec::new();
    let mut ended = Ok(());
    for name in names {
        match client.send(Method::DELETE, one(client, name, &[])?, RequestBody::None, &[]).await {
            Ok(_) => revoked.push(name.as_str()),
            Err(refused) => {
                ended = Err(refused);
                break;
            }
        }
    }
    if !revoked.is_empty() {
        let lines = || revoked.iter().map(|name| format!("token {name} revoked\n")).collect();
        output.data(&json!(revoked), lines)?;
    }
    ended
}

async fn rotate(client: &ServerClient, output: &Output, name: &str, overlap_ms: u64) -> Result<(), Failure> {
    let body = RequestBody::Json(json!({ "overlap_ms": overlap_ms }));
    let made = client.send(Method::POST, one(client, name, &["rotate"])?, body, &[]).await?.body;
    shown(output, &made)?;
    let until = made.get("info").map(|info| text(info, "previous_valid_until")).unwrap_or_default();
    eprint_status(&match until.as_str() {
        "" => format!("token {name} rotated; the one of before is refused from now on"),
        until => format!("token {name} rotated; the one of before is valid until {until}"),
    });
    Ok(())
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
    shown(output, &json!({ "token": recovered.token, "in_effect": recovered.is_taken() }))?;
    eprint_status(match recovered.is_taken() {
        true => "admin token replaced; keep it with `midflight login URL --token TOKEN`",
        false => "no server runs on this folder; the token is valid when one starts on it",
    });
    Ok(())
}
