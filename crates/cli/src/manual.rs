//! `completions` and `man`: what a package installs beside the program.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use super::fail::Failure;
use super::output::{Output, eprint_status};

/// The variable by which a completion script asks this program for names.
pub(super) const COMPLETE_VARIABLE: &str = "MIDFLIGHT_COMPLETE";

/// The flags of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: ShellArg,
}

/// A shell with completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ShellArg {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// The flags of `man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The folder, as /usr/local/share/man/man1; created if it does not exist.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints the script that has a shell ask this program, by its name in the path.
pub(super) fn completions(output: &Output, args: &CompletionsArgs) -> Result<(), Failure> {
    let name = args.shell.to_possible_value();
    let name = name.as_ref().map_or("", |value| value.get_name());
    let shells = Shells::builtins();
    let shell = shells.completer(name);
    let shell = shell.ok_or_else(|| Failure::failed(format!("{name} has no completion")))?;
    let mut script = Vec::new();
    shell
        .write_registration(COMPLETE_VARIABLE, "midflight", "midflight", "midflight", &mut script)
        .map_err(|error| Failure::failed(format!("cannot write the script: {error}")))?;
    output.raw(&script)
}

/// Writes a manual page for each command.
pub(super) fn pages(args: &ManArgs) -> Result<(), Failure> {
    let folder = args.folder.display();
    std::fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(super::command(), &args.folder))
        .map_err(|error| Failure::failed(format!("cannot write manual pages to {folder}: {error}")))?;
    eprint_status(&format!(
        "manual pages written to {folder}; read the first one with: man {folder}/midflight.1"
    ));
    Ok(())
}
