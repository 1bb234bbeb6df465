//! The command line: data on stdout, messages on stderr; exit 0 done, 1 refused, failed or different, 2 usage, 3 unreachable.

mod apply;
mod classify;
mod client;
mod config;
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
mod later;
mod log;
mod mcp;
#[cfg(feature = "modules")]
mod module;
mod output;
mod pattern;
mod progress;
mod restore;
mod rows;
mod schedules;
mod seed;
mod select;
mod serve;
mod sse;
mod status;
mod tool;
mod watch;
mod write;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches as _, Parser, Subcommand};

use client::Client;
use fail::Failure;
use output::{Format, Output};

/// Change what a running service does, in milliseconds, on every replica, with no request lost.
///
/// Exit codes: 0 done; 1 refused, failed, or `diff` found differences; 2 wrong usage; 3 the server does not answer. Data goes to
/// standard output and messages to standard error; with `--output json` errors are JSON too.
#[derive(Debug, Parser)]
#[command(name = "midflight", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes that talks to a server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Talking to a server")]
struct Global {
    /// The server's address: http://host:port, https://host:port or host:port.
    #[arg(
        long,
        global = true,
        env = "MIDFLIGHT_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    url: String,
    /// The API token; whoever changes something needs one.
    #[arg(long, global = true, env = "MIDFLIGHT_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// A file with certificate authorities to trust beside the public ones, as PEM, for an https:// address.
    #[arg(long, global = true, env = "MIDFLIGHT_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How to print what is asked for.
    #[arg(long, short, global = true, env = "MIDFLIGHT_OUTPUT", value_enum, default_value_t = Format::Table)]
    output: Format,
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
    /// Bring an earlier state back, as a new revision.
    #[command(alias = "revert", alias = "rollback")]
    Restore(restore::RestoreArgs),
    /// Look at configs, change them, and reload the server's own.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Read the sources and the log again and apply what changed, now or at a later time.
    Reload(status::ReloadArgs),
    /// Tell a replica what to do about a log that is not the one that it followed.
    #[command(subcommand)]
    Log(log::LogCommand),
    /// List what waits for its time, or cancel some of it.
    Schedules(schedules::SchedulesArgs),
    /// Show revisions as they go live.
    Watch(watch::WatchArgs),
    /// Show what is wanted, what is served and what was refused.
    Status(status::StatusArgs),
    /// Show the replicas that follow the log.
    Replicas,
    /// Execute a ruleset on an input.
    Execute(execute::ExecuteArgs),
    /// Tell what a query is.
    Classify(classify::ClassifyArgs),
    /// Look at patterns, make them, approve and disable them.
    #[command(subcommand)]
    Pattern(pattern::PatternCommand),
    /// Choose the tool that fits a task, and say why.
    Select(Box<select::SelectArgs>),
    /// Look at the catalogue of tools, fill it, compare and take back versions.
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
    /// Put the documents of a file into the log, or those of the systems that this one replaces.
    Import(Box<import::ImportArgs>),
    /// Look for what is wrong with a server, a token or a data folder.
    Doctor(doctor::DoctorArgs),
    /// Print the version.
    Version,
    /// Write the completions of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// The commands, with the defaults of the bounds in their help.
fn command() -> clap::Command {
    Cli::command().mut_subcommand("serve", serve::with_defaults)
}

/// Runs the command of this process's arguments.
pub(super) fn main() -> ExitCode {
    let matches = command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let format = cli.global.output;
    let given = serve::Given(matches.subcommand_matches("serve").cloned());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail::tell(&Failure::failed(format!("the runtime does not start: {error}")), format);
        }
    };
    match runtime.block_on(run(cli, &given)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail::tell(&failure, format),
    }
}

async fn run(cli: Cli, given: &serve::Given) -> Result<(), Failure> {
    let output = Output::new(cli.global.output);
    let client = || Client::new(&cli.global.url, cli.global.token.clone(), cli.global.ca_file.as_deref());
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
        Command::Doctor(args) => doctor::run(&cli.global, &output, &args).await,
        Command::Version => output.line(&format!("midflight {}", env!("CARGO_PKG_VERSION"))),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "midflight", &mut script);
            output.raw(&script)
        }
    }
}
