//! `module`: modules written, built, tried in this process, loaded, called, reloaded and rolled back.

mod artifact;
mod build;
mod gates;
mod load;
mod local;
mod manifest;
mod project;
mod remote;
mod report;
mod state;
mod toolchain;
mod trial;
mod verify;
mod watch;

use clap::{Args, Subcommand};
use midflight_client::Client;

use super::fail::Failure;
use super::output::Output;

/// The commands of `module`.
#[derive(Debug, Subcommand)]
pub(super) enum ModuleCommand {
    /// Create a Rust project for a module.
    New(project::NewArgs),
    /// Build the component of a project in Rust, of a core module or of a text in WAT.
    Build(build::BuildArgs),
    /// Test a component in this process, with the states of earlier versions; no server is needed.
    Test(trial::TestArgs),
    /// Put a component into the store, and make it the live version of its module, as one revision.
    // `--version` is that of the component.
    #[command(disable_version_flag = true)]
    Load(load::LoadArgs),
    /// List the modules, each with the version that answers.
    List,
    /// Show a module with its manifest, its limits and its last reload.
    Show(ModuleNameArgs),
    /// Call an operation of a module.
    Call(remote::CallArgs),
    /// Reload a module on the server that is asked, from its live manifest.
    Reload(remote::ModuleReloadArgs),
    /// Return to the previous version, or restore a generation.
    Rollback(remote::RollbackArgs),
    /// List the reloads of a module on the server that is asked, the newest first.
    History(remote::ModuleHistoryArgs),
    /// Write the state of a module to a file, or load one.
    #[command(subcommand)]
    State(state::StateCommand),
    /// Load the components of a directory when they change; nothing is built.
    Watch(watch::ModuleWatchArgs),
    /// Fetch the component of every live manifest, and compare its digest.
    Verify,
    /// Reload a module in this process with a fault in each phase; exit 1 when a message or a part of the state is
    /// lost.
    TestStatefulReload(gates::StatefulArgs),
    /// Reload modules in this process while callers call them; exit 1 when a message or a part of the state is lost.
    TestConcurrentReload(gates::ConcurrentArgs),
}

/// The name of a module.
#[derive(Debug, Args)]
pub(super) struct ModuleNameArgs {
    /// The module.
    name: String,
}

pub(super) async fn run(
    client: impl Fn() -> Result<Client, Failure>,
    output: &Output,
    command: ModuleCommand,
) -> Result<(), Failure> {
    match command {
        ModuleCommand::New(args) => project::run(output, &args),
        ModuleCommand::Build(args) => build::run(output, &args).await,
        ModuleCommand::Test(args) => trial::run(output, &args).await,
        ModuleCommand::Load(args) => load::run(&client()?, output, &args).await,
        ModuleCommand::List => remote::list(&client()?, output).await,
        ModuleCommand::Show(args) => remote::show(&client()?, output, &args.name).await,
        ModuleCommand::Call(args) => remote::call(&client()?, output, &args).await,
        ModuleCommand::Reload(args) => remote::reload(&client()?, output, &args).await,
        ModuleCommand::Rollback(args) => remote::rollback(&client()?, output, &args).await,
        ModuleCommand::History(args) => remote::history(&client()?, output, &args).await,
        ModuleCommand::State(command) => state::run(&client()?, output, &command).await,
        ModuleCommand::Watch(args) => watch::run(&client()?, output, &args).await,
        ModuleCommand::Verify => verify::run(&client()?, output).await,
        ModuleCommand::TestStatefulReload(args) => gates::stateful(output, &args).await,
        ModuleCommand::TestConcurrentReload(args) => gates::concurrent(output, &args).await,
    }
}
