//! The program `midflight`: the server, and the commands that talk to one. Data goes to stdout, messages to stderr; exit
//! 0 done, 1 refused, failed or different, 2 usage, 3 unreachable.

mod apply;
mod audit;
mod classify;
mod columns;
mod comments;
mod complete;
mod config;
mod connection;
mod contexts;
mod delete;
mod diff;
mod diffs;
mod doctor;
mod edit;
mod effects;
mod execute;
mod export;
mod fail;
mod files;
mod get;
mod history;
mod import;
mod initial_documents;
mod log;
mod login;
mod manual;
mod mcp;
#[cfg(feature = "modules")]
mod module;
mod output;
mod pattern;
mod progress;
mod reload;
mod restore;
mod rule;
mod schedules;
mod scheduling;
mod select;
mod serve;
mod status;
mod token;
mod tool;
mod watch;
mod webhook;
mod write;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};
use clap_complete::CompleteEnv;

use connection::Global;
use fail::Failure;
use output::Output;

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
    Reload(reload::ReloadArgs),
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
    /// List and execute rulesets.
    #[command(subcommand)]
    Rule(rule::RuleCommand),
    /// Execute a ruleset on an input; also `rule execute`.
    Execute(execute::ExecuteArgs),
    /// List, add, approve and disable patterns, and classify queries.
    #[command(subcommand)]
    Pattern(pattern::PatternCommand),
    /// Classify a query; also `pattern classify`.
    Classify(classify::ClassifyArgs),
    /// Show the catalogue of tools, fill it, select from it, compare and roll back versions.
    #[command(subcommand)]
    Tool(Box<tool::ToolCommand>),
    /// Select the best tool for a task, with the reasons; also `tool select`.
    Select(Box<select::SelectArgs>),
    /// Write, build and try modules; load, call and reload them, and go back.
    #[cfg(feature = "modules")]
    #[command(subcommand)]
    Module(Box<module::ModuleCommand>),
    /// List what was sent to webhooks, and send it again.
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Serve agents over standard input and output, from a running server.
    Mcp(mcp::McpArgs),
    /// Write all documents but schedules as YAML.
    Export(export::ExportArgs),
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
    /// Diagnose a server, its fleet, a token or a data folder.
    Doctor(doctor::DoctorArgs),
    /// Print the version.
    Version,
    /// Print the completion script of a shell; it completes names of documents too.
    Completions(manual::CompletionsArgs),
    /// Write the manual pages, one per command.
    Man(manual::ManArgs),
}

/// The commands, with the defaults of the bounds in their help.
fn command() -> clap::Command {
    Cli::command().mut_subcommand("serve", serve::with_defaults)
}

fn main() -> ExitCode {
    // A shell that completes a line asks this way, and gets nothing but the names.
    CompleteEnv::with_factory(command).var(manual::COMPLETE_VARIABLE).complete();
    let matches = command().get_matches();
    let mut cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    cli.global.prefer_flags(&matches);
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
    let client = || cli.global.client();
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
        Command::Reload(args) => reload::run(&client()?, &output, args).await,
        Command::Log(command) => log::run(&client()?, &output, command).await,
        Command::Schedules(args) => schedules::run(&client()?, &output, args).await,
        Command::Watch(args) => watch::run(&client()?, &output, &args).await,
        Command::Status(args) => status::status(&client()?, &output, &args).await,
        Command::Replicas => status::replicas(&client()?, &output).await,
        Command::Rule(command) => rule::run(&client()?, &output, command).await,
        Command::Execute(args) => execute::run(&client()?, &output, args).await,
        Command::Pattern(command) => pattern::run(&client()?, &output, command).await,
        Command::Classify(args) => classify::run(&client()?, &output, &args).await,
        Command::Tool(command) => tool::run(&client()?, &output, *command).await,
        Command::Select(args) => select::run(&client()?, &output, *args).await,
        #[cfg(feature = "modules")]
        Command::Module(command) => module::run(client, &output, *command).await,
        Command::Webhook(command) => webhook::run(&client()?, &output, command).await,
        Command::Mcp(args) => mcp::run(client()?, output, &args).await,
        Command::Export(args) => export::run(&client()?, &output, &args).await,
        Command::Import(args) => import::run(&client()?, &output, *args).await,
        Command::Login(args) => login::login(&cli.global, &output, args).await,
        Command::Context(command) => login::context(&output, command),
        Command::Token(command) => token::run(client, &output, command).await,
        Command::Audit(command) => audit::run(&client()?, &output, command).await,
        Command::Doctor(args) => doctor::run(&cli.global, &output, &args).await,
        Command::Version => output.line(&format!("midflight {}", env!("CARGO_PKG_VERSION"))),
        Command::Completions(args) => manual::completions(&output, &args),
        Command::Man(args) => manual::pages(&args),
    }
}
