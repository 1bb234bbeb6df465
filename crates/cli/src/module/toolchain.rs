//! Which compiler builds a project: cargo's own where it has the target, else one that has the source of the standard
//! library, which is then built too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::fail::Failure;

/// The target that projects are built for.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";
/// How to get it.
const TARGET_CURE: &str = "Install it with `rustup target add wasm32-unknown-unknown`, or install Debian's packages rustc-web, \
cargo-web, rust-web-src and lld, with which the standard library is built too.";
/// Where Debian's packages have their compiler, also where another one comes first in PATH.
const PACKAGED: &str = "/usr/bin/rustc";
/// The parts of the standard library that a module needs.
const STD: &str = "-Zbuild-std=std,panic_abort";
/// What a project that has its own settings for the standard library says, to cargo or in its config.
const OWN_SETTING: &str = "build-std";

/// A compiler that builds a project in place of cargo's own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Toolchain {
    rustc: PathBuf,
    /// What links for the target, if the compiler does not bring that along.
    linker: Option<PathBuf>,
    /// Whether the standard library is built too, from its source.
    builds_std: bool,
}

/// What is known of a compiler.
#[derive(Debug)]
struct FoundCompiler {
    rustc: PathBuf,
    has_target: bool,
    has_source: bool,
    /// What links for the target, where it is not the compiler's own.
    linker: Option<PathBuf>,
}

impl Toolchain {
    /// The compiler for the project in a folder, which cargo is given these arguments for; none for cargo's own.
    ///
    /// # Errors
    /// There is none; the message says how to get one.
    pub(super) async fn of(folder: &Path, arguments: &[String]) -> Result<Option<Self>, Failure> {
        let config = std::fs::read_to_string(folder.join(".cargo/config.toml")).unwrap_or_default();
        let has_setting = arguments.iter().any(|argument| argument.contains(OWN_SETTING));
        if has_setting || config.contains(OWN_SETTING) {
            return Ok(None);
        }
        let own = std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
        let own = look_at(folder, own, None).await;
        let packaged = look_at(folder, PathBuf::from(PACKAGED), linker()).await;
        choose([own, packaged]).ok_or_else(|| {
            let folder = folder.display();
            Failure::failed(format!(
                "cannot build {folder}: the target {TARGET} is not installed. {TARGET_CURE}"
            ))
        })
    }

    /// Sets up cargo to build with it.
    pub(super) fn set_up(&self, cargo: &mut Command) {
        cargo.env("RUSTC", &self.rustc);
        if let Some(linker) = &self.linker {
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        if self.builds_std {
            // The flag is not stable, and the compiler is.
            cargo.env("RUSTC_BOOTSTRAP", "1").arg(STD);
        }
    }
}

/// The first compiler that has the target, else the first that has the source; none inside where that is the first of
/// all, cargo's own, as it is.
fn choose(compilers: [FoundCompiler; 2]) -> Option<Option<Toolchain>> {
    let at = compilers.iter().position(|compiler| compiler.has_target);
    if at == Some(0) {
        return Some(None);
    }
    let at = at.or_else(|| compilers.iter().position(|compiler| compiler.has_source))?;
    let FoundCompiler { rustc, has_target, linker, .. } = compilers.into_iter().nth(at)?;
    Some(Some(Toolchain { rustc, linker, builds_std: !has_target }))
}

/// What a compiler has, as it is chosen in a folder. One that does not run has nothing.
async fn look_at(folder: &Path, rustc: PathBuf, linker: Option<PathBuf>) -> FoundCompiler {
    let print = async |what: &[&str]| {
        let mut command = Command::new(&rustc);
        command.args(what).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
        let ran = command.output().await.ok().filter(|ran| ran.status.success())?;
        Some(PathBuf::from(String::from_utf8_lossy(&ran.stdout).trim()))
    };
    let libraries = print(&["--print", "target-libdir", "--target", TARGET]).await;
    let root = print(&["--print", "sysroot"]).await;
    let source = root.map(|root| root.join("lib/rustlib/src/rust/library/std/Cargo.toml"));
    FoundCompiler {
        has_target: libraries.is_some_and(|folder| folder.is_dir()),
        has_source: source.is_some_and(|file| file.is_file()),
        rustc,
        linker,
    }
}

/// The program `wasm-ld` of PATH, as Debian's packages of LLVM have it: alone or with its version, the latest first.
fn linker() -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    let found =
        std::env::split_paths(&path).flat_map(|folder| std::fs::read_dir(folder).into_iter().flatten());
    let files = found.filter_map(|entry| Some(entry.ok()?.path()));
    files
        .filter_map(|file| Some((linker_version(file.file_name()?.to_str()?)?, file)))
        .max()
        .map(|(_, file)| file)
}

/// The version of a program called `wasm-ld` or `wasm-ld-14`. The one without a version is the system's choice.
fn linker_version(name: &str) -> Option<u32> {
    match name.strip_prefix("wasm-ld")? {
        "" => Some(u32::MAX),
        version => version.strip_prefix('-')?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiler(rustc: &str, has_target: bool, has_source: bool) -> FoundCompiler {
        let linker = (rustc == PACKAGED).then(|| PathBuf::from("wasm-ld"));
        FoundCompiler { rustc: rustc.into(), has_target, has_source, linker }
    }

    #[test]
    fn cargos_own_compiler_is_preferred_and_an_installed_target_to_one_that_is_built() {
        let own = |has_target, has_source| compiler("rustc", has_target, has_source);
        let packaged = |has_target, has_source| compiler(PACKAGED, has_target, has_source);
        let other = |rustc: &str, builds_std| {
            let linker = (rustc == PACKAGED).then(|| PathBuf::from("wasm-ld"));
            Some(Some(Toolchain { rustc: rustc.into(), linker, builds_std }))
        };
        let table = [
            (own(true, true), packaged(true, true), Some(None)),
            (own(false, true), packaged(true, false), other(PACKAGED, false)),
            (own(false, true), packaged(false, true), other("rustc", true)),
            (own(false, false), packaged(false, true), other(PACKAGED, true)),
            (own(false, false), packaged(false, false), None),
        ];
        for (own, packaged, expected) in table {
            assert_eq!(choose([own, packaged]), expected);
        }
    }

    #[test]
    fn linkers_are_known_by_their_names() {
        let versions = ["wasm-ld", "wasm-ld-14", "wasm-ld-x", "wasm-ldd", "ld.lld"].map(linker_version);
        assert_eq!(versions, [Some(u32::MAX), Some(14), None, None, None]);
    }

    #[tokio::test]
    async fn a_project_with_settings_of_its_own_is_built_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["-Zbuild-std=core".to_owned()];
        assert_eq!(Toolchain::of(folder.path(), &arguments).await.unwrap(), None);
        std::fs::create_dir(folder.path().join(".cargo")).unwrap();
        let config = "[unstable]\nbuild-std = [\"std\", \"panic_abort\"]\n";
        std::fs::write(folder.path().join(".cargo/config.toml"), config).unwrap();
        assert_eq!(Toolchain::of(folder.path(), &[]).await.unwrap(), None);
    }
}
