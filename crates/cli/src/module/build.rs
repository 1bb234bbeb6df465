//! `module build`: a component of a project in Rust, by cargo, or of a file.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use clap::Args;
use midflight_module_host::encode::component_of_core;
use serde_json::Value;
use tokio::process::Command;

use super::artifact::{component_of_file, encode_failure};
use super::local::LocalHost;
use super::report::DescribedComponent;
use super::toolchain::{TARGET, Toolchain};
use crate::fail::Failure;
use crate::output::{Output, eprint_status};

/// The flags of `module build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The folder of a project with a Cargo.toml, a core module (.wasm), or a text in WAT (.wat).
    #[arg(default_value = ".", value_name = "PATH")]
    path: PathBuf,
    /// Where the component is written; by default NAME.component.wasm in the project, or beside the file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Arguments for cargo, after --.
    #[arg(last = true, value_name = "ARGUMENT")]
    cargo: Vec<String>,
}

pub(super) async fn run(output: &Output, args: &BuildArgs) -> Result<(), Failure> {
    let bytes = if args.path.is_dir() {
        build_project(&args.path, &args.cargo).await?
    } else if args.cargo.is_empty() {
        component_of_file(&args.path)?
    } else {
        return Err(Failure::usage(
            "only the folder of a project is built by cargo; leave out what is after --",
        ));
    };
    let description = LocalHost::new()?.describe(&bytes).await?;
    let out = args.out.clone().unwrap_or_else(|| {
        let stem = args.path.file_stem().filter(|_| args.path.is_file());
        let name =
            stem.map_or_else(|| description.info.name.clone(), |stem| stem.to_string_lossy().into_owned());
        let folder = if args.path.is_dir() { Some(&*args.path) } else { args.path.parent() };
        folder.unwrap_or(Path::new("")).join(format!("{name}.component.wasm"))
    });
    std::fs::write(&out, &bytes)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", out.display())))?;
    eprint_status(&format!("{}: {} bytes", out.display(), bytes.len()));
    let described = DescribedComponent::new(&description);
    output.data(&described, || described.text())
}

/// Builds a project, and makes a component of the core module that comes of it.
pub(super) async fn build_project(folder: &Path, arguments: &[String]) -> Result<Arc<[u8]>, Failure> {
    if !folder.join("Cargo.toml").is_file() {
        let message = format!(
            "{} has no Cargo.toml; name the folder of a project, as `midflight module new` makes one, or a file",
            folder.display()
        );
        return Err(Failure::failed(message));
    }
    let file = cargo_build(folder, arguments).await?;
    let core = std::fs::read(&file)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))?;
    component_of_core(&core).map(Arc::from).map_err(|error| encode_failure(&file, &error))
}

/// Runs cargo, whose messages for people go to stderr, and answers the core module that it has built.
async fn cargo_build(folder: &Path, arguments: &[String]) -> Result<PathBuf, Failure> {
    let toolchain = Toolchain::of(folder, arguments).await?;
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    if let Some(toolchain) = toolchain {
        toolchain.set_up(&mut command);
    }
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::inherit());
    let ran = command.output().await.map_err(|error| {
        Failure::failed(format!("cannot run cargo: {error}; install Rust, as from https://rustup.rs"))
    })?;
    if !ran.status.success() {
        return Err(Failure::failed(format!("cargo cannot build {}", folder.display())));
    }
    let built: Vec<PathBuf> = String::from_utf8_lossy(&ran.stdout).lines().filter_map(core_module).collect();
    match built.as_slice() {
        [file] => Ok(file.clone()),
        [] => Err(Failure::failed(format!(
            "{} builds no module; write crate-type = [\"cdylib\"] under [lib] in its Cargo.toml",
            folder.display()
        ))),
        several => Err(Failure::failed(format!(
            "{} builds {} modules; choose one with `-- -p PACKAGE`",
            folder.display(),
            several.len()
        ))),
    }
}

/// The core module of a message of cargo.
fn core_module(line: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_library = message.pointer("/target/kind")?.as_array()?.iter().any(|kind| kind == "cdylib");
    if message.get("reason")? != "compiler-artifact" || !is_library {
        return None;
    }
    let files = message.get("filenames")?.as_array()?.iter().filter_map(Value::as_str);
    files.map(PathBuf::from).find(|file| file.extension().is_some_and(|ending| ending == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_module_is_found_in_what_cargo_says() {
        let library = r#"{"reason":"compiler-artifact","target":{"kind":["cdylib"]},"filenames":["/t/a.d","/t/a.wasm"]}"#;
        assert_eq!(core_module(library), Some(PathBuf::from("/t/a.wasm")));
        for other in [
            r#"{"reason":"compiler-artifact","target":{"kind":["rlib"]},"filenames":["/t/b.rlib"]}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "no JSON",
        ] {
            assert_eq!(core_module(other), None);
        }
    }
}
