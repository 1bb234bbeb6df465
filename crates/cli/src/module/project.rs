//! `module new`: the project of a module in Rust, with the library that it needs, so that it builds anywhere.

use std::path::{Path, PathBuf};

use clap::Args;
use midflight_module_host::encode::WORLD;

use crate::fail::Failure;
use crate::output::{Output, eprint_status};

/// The longest name, in bytes: it is the name of a crate, too.
const NAME_BYTES_MAX: usize = 64;

/// The file of a project, with its text.
type ProjectFile = (&'static str, &'static str);

/// The files of the module itself. `{name}` stands for its name.
const FILES: [ProjectFile; 4] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
    ("module.yaml", include_str!("template/module.yaml.txt")),
    (".gitignore", include_str!("template/gitignore.txt")),
];

/// The library for modules, as it is in this repository.
const LIBRARY: [ProjectFile; 5] = [
    ("midflight-guest/Cargo.toml", include_str!("../../../../guests/sdk/Cargo.toml")),
    ("midflight-guest/src/lib.rs", include_str!("../../../../guests/sdk/src/lib.rs")),
    ("midflight-guest/src/state.rs", include_str!("../../../../guests/sdk/src/state.rs")),
    ("midflight-guest/src/codec.rs", include_str!("../../../../guests/sdk/src/codec.rs")),
    ("midflight-guest/wit/module.wit", WORLD),
];
/// Where the library finds the world in this repository, and where it finds it in a project.
const WORLD_FOLDER: (&str, &str) = ("../../crates/module-host/wit", "wit");

/// The workspace of the modules in this repository, which says which wit-bindgen the library is built with.
const WORKSPACE: &str = include_str!("../../../../guests/Cargo.toml");

/// The flags of `module new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The name of the module: lower-case letters, digits, - and _, and a letter first.
    name: String,
    /// The folder to create; by default the name.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

pub(super) fn run(output: &Output, args: &NewArgs) -> Result<(), Failure> {
    let name = &args.name;
    let mut letters = name.chars();
    let is_name = letters.next().is_some_and(|first| first.is_ascii_lowercase())
        && letters.all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '_'));
    if !is_name || name.len() > NAME_BYTES_MAX {
        return Err(Failure::usage(format!(
            "invalid name {name:?}: use up to {NAME_BYTES_MAX} of a-z 0-9 - _, and a letter first"
        )));
    }
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(name));
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::failed(format!("cannot make {}: {error}", path.display()))
    };
    match std::fs::read_dir(&folder).map(|mut entries| entries.next().is_some()) {
        Ok(true) => {
            let message = format!("{} is there and not empty; name another with --folder", folder.display());
            return Err(Failure::failed(message));
        }
        Ok(false) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(&folder, &error)),
    }
    for (file, text) in files(name) {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(&folder);
        std::fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
        std::fs::write(&path, text).map_err(|error| failed(&path, &error))?;
    }
    output.line(&folder.display().to_string())?;
    let shown = folder.display();
    eprint_status(&format!(
        "next: midflight module test {shown} --call add, then midflight module load {shown}"
    ));
    Ok(())
}

/// The files of a project.
fn files(name: &str) -> Vec<(&'static str, String)> {
    let dependency = WORKSPACE.lines().find(|line| line.starts_with("wit-bindgen = ")).unwrap_or_default();
    let filled = |(file, text): &ProjectFile| {
        (*file, text.replace("{name}", name).replace("{wit_bindgen}", dependency))
    };
    let copied = |(file, text): &ProjectFile| (*file, text.replace(WORLD_FOLDER.0, WORLD_FOLDER.1));
    FILES.iter().map(filled).chain(LIBRARY.iter().map(copied)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_project_points_out_of_it() {
        let files = files("visits");
        let text = |wanted: &str| &files.iter().find(|(file, _)| *file == wanted).unwrap().1;
        assert!(
            text("Cargo.toml").contains("name = \"visits\"\n")
                && text("Cargo.toml").contains("\nwit-bindgen = {")
        );
        assert!(text("src/lib.rs").contains("const NAME: &'static str = \"visits\";"));
        assert!(text("midflight-guest/src/lib.rs").contains("path: \"wit\""));
        for (file, text) in &files {
            assert!(!text.contains("../") && !text.contains("{name}") && !text.is_empty(), "{file}");
        }
    }
}
