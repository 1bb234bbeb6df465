//! The program `midflight`: the server, and the commands that talk to one. Data goes to stdout, messages to stderr; exit
//! 0 done, 1 refused, failed or different, 2 usage, 3 unreachable.

mod apply;
mod audit;
mod classify;
mod client;
mod client_tls;
mod config;
mod contexts;
mod delete;
mod diff;
mod doctor;
mod edit;
mod execute;
mod fail;
mod files;
mod get;
mod history;
mod import;
mod initial_documents;
mod log;
mod login;
mod mcp;
#[cfg(feature = "modules")]
mod module;
mod output;
mod pattern;
mod progress;
mod restore;
mod schedules;
mod scheduling;
mod select;
mod serve;
mod sse;
mod status;
mod token;
mod tool;
mod watch;
mod write;

use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches as _, Parser, Subcommand};

use client::ServerClient;
use contexts::Context;
use fail::Failure;
use output::{Output, OutputFormat};

/// Answers of megabytes are made on many threads at once. The allocator of glibc keeps what each thread has freed; this
/// one gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Change what a running service does, in milliseconds, on every replica, with no request lost.
///
/// Exit codes: 0 done; 1 refused, failed, or `diff` found differences; 2 wrong usage; 3 the server does not answer.
/// Data goes to standard output and messages to standard error; with `--output json` errors are JSON too.
#[derive(Debug, Parser)]
#[command(name = "midflight", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command that connects to a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
struct Global {
    /// The server's address, as http://host:port, https://host:port or host:port; by default that of the current
    /// context, or http://127.0.0.1:8080 without one.
    #[arg(long, global = true, env = "MIDFLIGHT_URL", value_name = "URL")]
    url: Option<String>,
    /// The API token; by default that of the context of the address.
    #[arg(long, global = true, env = "MIDFLIGHT_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    #[command(flatten)]
    tls: client_tls::ClientTlsArgs,
    /// The output format.
    #[arg(long, short, global = true, env = "MIDFLIGHT_OUTPUT", value_enum, default_value_t = OutputFormat::Table)]
    output: OutputFormat,
}

impl Global {
    /// The server to talk to, by flags and variables, and else by the contexts.
    fn target(&self) -> Result<Context, Failure> {
        contexts::target(self.url.as_ref(), self.token.as_ref())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server.
    Serve(Box<serve::ServeArgs>),
    /// Put the documents of files into the log, as one revision.
    Apply(apply::ApplyArgs),
    /// List the kinds, list the documents of a kind, or show one document.
    #[command(alias = "ls")]
    Get(get::GetArgs),
    /// Show what files would change, or what a revision changed.
    Diff(diff::DiffArgs),
    /// Change a document in an editor.
    Edit(edit::EditArgs),
    /// Delete documents, as one revision.
    Delete(delete::DeleteArgs),
    /// List revisions, or the versions of a document.
    History(history::HistoryArgs),
    /// Restore an earlier state, as a new revision.
    #[command(alias = "revert", alias = "rollback")]
    Restore(restore::RestoreArgs),
    /// Show and change configs, and reload the server's own.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Read the sources and the log again and apply what changed, now or at a later time.
    Reload(status::ReloadArgs),
    /// Resolve a log that has diverged from the one that a replica followed.
    #[command(subcommand)]
    Log(log::LogCommand),
    /// List or cancel scheduled changes.
    Schedules(schedules::SchedulesArgs),
    /// Show revisions as they go live.
    Watch(watch::WatchArgs),
    /// Show the desired, the served and the last refused revision.
    Status(status::StatusArgs),
    /// Show the replicas that follow the log.
    Replicas,
    /// Execute a ruleset on an input.
    Execute(execute::ExecuteArgs),
    /// Classify a query.
    Classify(classify::ClassifyArgs),
    /// List, add, approve and disable patterns.
    #[command(subcommand)]
    Pattern(pattern::PatternCommand),
    /// Select the best tool for a task, with the reasons.
    Select(Box<select::SelectArgs>),
    /// Show the catalogue of tools, fill it, compare and roll back versions.
    #[command(subcommand)]
    Tool(Box<tool::ToolCommand>),
    /// Write, build and try modules; load, call and reload them, and go back.
    #[cfg(feature = "modules")]
    #[command(subcommand)]
    Module(Box<module::ModuleCommand>),
    /// Serve agents over standard input and output, from a running server.
    Mcp(mcp::McpArgs),
    /// Write all documents but schedules as YAML.
    Export(import::ExportArgs),
    /// Put the documents of a file into the log; also reads the formats of other systems.
    Import(Box<import::ImportArgs>),
    /// Keep the address and the token of a server, so that commands talk to it.
    Login(login::LoginArgs),
    /// List the servers that were logged in to, choose one, or forget one.
    #[command(subcommand)]
    Context(login::ContextCommand),
    /// Make, list, rotate and revoke API tokens.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Look at who did what, from where, and what came of it.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Diagnose a server, a token or a data folder.
    Doctor(doctor::DoctorArgs),
    /// Print the version.
    Version,
    /// Print the completion script of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// The commands, with the defaults of the bounds in their help.
fn command() -> clap::Command {
    Cli::command().mut_subcommand("serve", serve::with_defaults)
}

fn main() -> ExitCode {
    let matches = command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let format = cli.global.output;
    let given = serve::ArgSource(matches.subcommand_matches("serve").cloned());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail::tell(&Failure::failed(format!("cannot start the runtime: {error}")), format);
        }
    };
    match runtime.block_on(run(cli, &given)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail::tell(&failure, format),
    }
}

async fn run(cli: Cli, given: &serve::ArgSource) -> Result<(), Failure> {
    let output = Output::new(cli.global.output);
    let client = || {
        let target = cli.global.target()?;
        ServerClient::new(&target.url, target.token, &cli.global.tls)
    };
    match cli.command {
        Command::Serve(args) => serve::run(*args, given).await,
        Command::Apply(args) => apply::run(&client()?, &output, args).await,
        Command::Get(args) => get::run(&client()?, &output, &args).await,
        Command::Diff(args) => diff::run(&client()?, &output, args).await,
        Command::Edit(args) => edit::run(&client()?, &output, args).await,
        Command::Delete(args) => delete::run(&client()?, &output, args).await,
        Command::History(args) => history::run(&client()?, &output, args).await,
        Command::Restore(args) => restore::run(&client()?, &output, args).await,
        Command::Config(command) => config::run(client, &output, command).await,
        Command::Reload(args) => status::reload(&client()?, &output, &args).await,
        Command::Log(command) => log::run(&client()?, &output, command).await,
        Command::Schedules(args) => schedules::run(&client()?, &output, args).await,
        Command::Watch(args) => watch::run(&client()?, &output, &args).await,
        Command::Status(args) => status::status(&client()?, &output, &args).await,
        Command::Replicas => status::replicas(&client()?, &output).await,
        Command::Execute(args) => execute::run(&client()?, &output, args).await,
        Command::Classify(args) => classify::run(&client()?, &output, &args).await,
        Command::Pattern(command) => pattern::run(&client()?, &output, command).await,
        Command::Select(args) => select::run(&client()?, &output, &args).await,
        Command::Tool(command) => tool::run(&client()?, &output, *command).await,
        #[cfg(feature = "modules")]
        Command::Module(command) => module::run(client, &output, *command).await,
        Command::Mcp(args) => mcp::run(client()?, output, &args).await,
        Command::Export(args) => import::export(&client()?, &output, &args).await,
        Command::Import(args) => import::run(&client()?, &output, *args).await,
        Command::Login(args) => login::login(&cli.global, &output, args).await,
        Command::Context(command) => login::context(&output, command),
        Command::Token(command) => token::run(client, &output, command).await,
        Command::Audit(command) => audit::run(&client()?, &output, command).await,
        Command::Doctor(args) => doctor::run(&cli.global, &output, &args).await,
        Command::Version => output.line(&format!("midflight {}", env!("CARGO_PKG_VERSION"))),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "midflight", &mut script);
            output.raw(&script)
        }
    }
}
