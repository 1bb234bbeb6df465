//! Programs of this workspace, for tests of another package than theirs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// One at a time: tests of a process ask for the same.
static ASKED: Mutex<()> = Mutex::new(());

/// A program of this workspace. Cargo gives a test the paths of the programs of its own package, and of no other.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The package.
    pub package: &'static str,
    /// The program, or the example.
    pub name: &'static str,
    /// Whether it is an example of the package.
    pub is_example: bool,
    /// The features that it needs.
    pub features: &'static str,
}

impl Program {
    /// The server and its command line.
    pub const MIDFLIGHT: Self =
        Self { package: "midflight-cli", name: "midflight", is_example: false, features: "" };
    /// The sidecar.
    pub const SIDECAR: Self =
        Self { package: "midflight-sidecar", name: "midflight-sidecar", is_example: false, features: "" };
    /// The app that the sidecar is tried with.
    pub const DOUBLE: Self =
        Self { package: "midflight-sidecar", name: "double", is_example: true, features: "" };
    /// The example of a service.
    pub const HOT_SERVICE: Self = Self {
        package: "midflight-example-hot-service",
        name: "hot-service",
        is_example: false,
        features: "",
    };

    /// Where it is, of the profile of this test. It is taken as it is when it is newer than each of its sources: a
    /// build of the whole workspace has made it, with other features than a build of it alone would. Else Cargo makes
    /// it.
    #[must_use]
    pub fn path(self) -> PathBuf {
        let _one = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let folder = if self.is_example { profile.join("examples") } else { profile.to_owned() };
        let program = folder.join(self.name);
        if !is_fresh(&program) {
            self.build(profile);
        }
        program
    }

    fn build(self, profile: &Path) {
        let target = profile.parent().unwrap();
        let name = match profile.file_name().unwrap().to_str().unwrap() {
            "debug" => "dev",
            other => other,
        };
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--locked", "--package", self.package, "--profile", name, "--target-dir"]);
        cargo.arg(target).args([if self.is_example { "--example" } else { "--bin" }, self.name]);
        cargo.args(["--features", self.features]).current_dir(env!("CARGO_MANIFEST_DIR"));
        let made = cargo.output().unwrap();
        assert!(made.status.success(), "{cargo:?}: {}", String::from_utf8_lossy(&made.stderr));
    }
}

/// Whether a program is there and newer than all that it is made of, which Cargo lists beside it.
fn is_fresh(program: &Path) -> bool {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|it| it.modified()).ok();
    let Some(made) = changed(program) else { return false };
    let Ok(list) = std::fs::read_to_string(program.with_extension("d")) else { return false };
    let Some((_, sources)) = list.split_once(": ") else { return false };
    // A space in a name is written with a backslash before it.
    let sources = sources.replace("\\ ", "\0");
    let is_older = |source: &str| {
        let source: Option<SystemTime> = changed(Path::new(&source.replace('\0', " ")));
        source.is_some_and(|source| source <= made)
    };
    sources.split_whitespace().all(is_older)
}
