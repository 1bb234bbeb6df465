//! Modules by the command line: the guide as it is written, what is tried in the process of the command, and the gates.

use std::path::{Path, PathBuf};
use std::process::Command;

use midflight_testkit::tour;
use serde_json::Value;

use crate::harness::{Ran, Server, binary, read, wait_for};

fn example(file: &str) -> String {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/modules")).join(file);
    path.to_str().unwrap().to_owned()
}

/// A command in a folder, without a server.
fn run_in(folder: &Path, args: &[&str]) -> Ran {
    let mut command: Command = binary();
    Ran::of(command.arg("module").args(args).current_dir(folder).output().unwrap())
}

fn refused(folder: &Path, args: &[&str], message: &str) {
    let ran = run_in(folder, args);
    assert!(
        ran.code == Some(1) && ran.stderr.contains(message),
        "{args:?}: {message} is not in {}",
        ran.stderr
    );
}

/// Runs the commands of a guide in a folder that has the examples. What they say has pauses and rates in it, so that it
/// is no transcript.
fn follow(guide: &str) {
    let server = Server::start(&[]);
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    std::os::unix::fs::symlink(repository.join("examples"), server.folder.path().join("examples")).unwrap();
    let variables = [("MIDFLIGHT_URL", &*server.url), ("MIDFLIGHT_TOKEN", &*server.token)];
    let binary = Path::new(env!("CARGO_BIN_EXE_midflight"));
    let reported = tour(&repository.join(guide), server.folder.path(), binary, &variables);
    assert_eq!(reported.matches("nothing was lost").count(), 2, "both gates ran: {reported}");
}

#[test]
fn the_guide_runs() {
    follow("docs/modules.md");
}

#[test]
fn modules_are_brought_over_as_the_guide_says() {
    follow("docs/migrate/modules.md");
}

#[test]
fn a_component_is_built_and_tried_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let built = run_in(folder.path(), &["build", &example("counter.wat"), "--out", "one.wasm"]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    assert!(built.stdout.contains("counter") && built.stdout.contains("1.0.0"), "{}", built.stdout);
    let args = ["test", &example("counter-2.wat"), "--from", "one.wasm", "--call", "add", "--call", "get"];
    let tried = run_in(folder.path(), &args);
    assert_eq!(tried.code, Some(0), "{}", tried.stderr);
    for message in [
        "add -> 1",
        "get -> 1",
        "1.0.0 -> 2.0.0, migrated from schema 1",
        "to 1.0.0, with its state as it was",
    ] {
        assert!(tried.stdout.contains(message), "{message} is not in {}", tried.stdout);
    }
    // Version 1 does not load a state of version 2.
    refused(folder.path(), &["test", "one.wasm", "--from", &example("counter-2.wat")], "schema_not_accepted");
    refused(folder.path(), &["test", "one.wasm", "--call", "sub"], "unknown_operation");
    std::fs::write(folder.path().join("m.yaml"), "limits: {state_bytes_max: 4, memory_byte_max: 1}\n")
        .unwrap();
    refused(folder.path(), &["test", "one.wasm", "--manifest", "m.yaml"], "at /limits/memory_byte_max: ");
    std::fs::write(folder.path().join("m.yaml"), "limits: {state_bytes_max: 4}\n").unwrap();
    refused(folder.path(), &["test", "one.wasm", "--manifest", "m.yaml"], "raise state_bytes_max");
}

#[test]
fn what_is_no_module_is_told_with_its_place_and_the_cure() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, bytes: &[u8]| std::fs::write(folder.path().join(file), bytes).unwrap();
    write("broken.wat", b"(module\n  (func $f (i32.cnst 1)))\n");
    refused(folder.path(), &["test", "broken.wat"], "2:");
    write("empty.wat", b"(module)");
    refused(folder.path(), &["test", "empty.wat"], "midflight:module/guest@1.0.0");
    write("core.wasm", b"\0asm\x01\0\0\0");
    refused(folder.path(), &["test", "core.wasm"], "implement the world midflight:module/hosted@1.0.0");
    write("text.wasm", b"no WASM");
    refused(
        folder.path(),
        &["build", "text.wasm"],
        "text.wasm: cannot make a component: these bytes are not WASM",
    );
    write("other.wat", b"(component)");
    refused(folder.path(), &["test", "other.wat"], "implement the world midflight:module/hosted@1.0.0");
    refused(folder.path(), &["test", "absent.wasm"], "cannot read absent.wasm");
    refused(folder.path(), &["build", "."], "has no Cargo.toml");
}

#[test]
fn a_project_is_made_once_and_under_a_name_that_a_crate_may_have() {
    let folder = tempfile::tempdir().unwrap();
    let made = run_in(folder.path(), &["new", "visits"]);
    assert_eq!((made.code, made.stdout.trim()), (Some(0), "visits"), "{}", made.stderr);
    let project: PathBuf = folder.path().join("visits");
    for file in ["Cargo.toml", "src/lib.rs", "module.yaml", "midflight-guest/wit/module.wit"] {
        assert!(project.join(file).is_file(), "{file}");
    }
    refused(folder.path(), &["new", "visits"], "name another with --folder");
    let wrong = run_in(folder.path(), &["new", "Visits!"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("invalid name"), "{}", wrong.stderr);
}

#[test]
fn the_gates_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let json = |args: &[&str]| -> Value {
        let ran = run_in(folder.path(), &[args, &["--output", "json"]].concat());
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let stateful = json(&["test-stateful-reload", "--messages", "20"]);
    assert_eq!((&stateful["lost"], &stateful["reloads_rejected"]), (&0.into(), &8.into()), "{stateful}");
    let calls = ["--calls", "4000", "--reloads", "24", "--modules", "2", "--callers", "4"];
    let concurrent = json(&[&["test-concurrent-reload"][..], &calls].concat());
    let expected = [
        ("lost", 0),
        ("calls", 4_000),
        ("replies", 4_000),
        ("reloads_committed", 12),
        ("reloads_rejected", 12),
    ];
    for (key, value) in expected {
        assert_eq!(concurrent[key], value, "{key} of {concurrent}");
    }
}

/// The version of the counter that answers, once there is one.
fn version(server: &Server) -> Option<String> {
    let listed: Value = serde_json::from_str(&server.run(&["module", "list", "--output", "json"])).unwrap();
    listed.get(0)?.get("version")?.as_str().map(str::to_owned)
}

#[test]
fn a_watched_directory_is_loaded_whenever_a_component_changes() {
    let server = Server::start(&[]);
    let folder = server.folder.path().join("components");
    std::fs::create_dir(&folder).unwrap();
    let put = |from: &str, to: &str| {
        // As editors save: beside it, then in its place.
        std::fs::copy(example(from), folder.join("saved")).unwrap();
        std::fs::rename(folder.join("saved"), folder.join(to)).unwrap();
    };
    put("counter.wat", "counter.wat");
    let log = server.folder.path().join("watch");
    let mut command = server.command(&["module", "watch", "components"]);
    command.stdout(std::process::Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let mut watching = command.spawn().unwrap();
    wait_for("version 1", || version(&server).filter(|version| version == "1.0.0"));
    assert_eq!(server.run(&["module", "call", "counter", "add"]).trim(), "1");
    put("counter-2.wat", "counter.wat");
    wait_for("version 2", || version(&server).filter(|version| version == "2.0.0"));
    assert_eq!(server.run(&["module", "call", "counter", "add"]).trim(), "2");
    put("counter.wat", "another.wat");
    wait_for("a refusal", || read(&log).contains("keep one of them here").then_some(()));
    std::fs::write(folder.join("broken.wat"), "(module").unwrap();
    wait_for("another refusal", || read(&log).contains("broken.wat: not loaded").then_some(()));
    assert_eq!(version(&server).unwrap(), "2.0.0");
    watching.kill().and_then(|()| watching.wait()).unwrap();
}

#[test]
fn what_is_loaded_must_be_what_was_meant() {
    let server = Server::start(&[]);
    let counter = example("counter.wat");
    for (flags, message) in [
        (["--name", "other"], "calls its name \"counter\", not \"other\"; nothing was changed"),
        (["--version", "9"], "calls its version \"1.0.0\", not \"9\""),
    ] {
        let refused = server.refused(&[&["module", "load", &counter][..], &flags].concat());
        assert!(refused.contains(message), "{message} is not in {refused}");
    }
    assert!(server.run(&["module", "load", &counter, "--config", "[1]"]).contains("modules/counter added"));
    // The config stays when a load does not name another one.
    let again = Ran::of(server.command(&["module", "load", &counter]).output().unwrap());
    assert!(again.code == Some(0) && again.stderr.contains("unchanged"), "{}", again.stderr);
    let called = Ran::of(server.command(&["module", "call", "counter", "sub"]).output().unwrap());
    assert!(called.code == Some(1) && called.stderr.contains("unknown_operation"), "{}", called.stderr);
    let rolled = server.refused(&["module", "rollback", "counter"]);
    assert!(rolled.contains("restore a generation"), "{rolled}");
    let usage =
        Ran::of(server.command(&["module", "rollback", "counter", "--generation", "1"]).output().unwrap());
    assert!(usage.code == Some(2) && usage.stderr.contains("--reason"), "{}", usage.stderr);
    // A state of another schema is refused, and the module goes on.
    server.write("state", "12345678");
    let import = ["module", "state", "import", "counter", "state", "--schema", "7", "--reason", "a test"];
    assert!(server.refused(&import).contains("schema"));
    assert_eq!(server.run(&["module", "call", "counter", "get"]).trim(), "0");
    assert!(server.run(&["module", "verify"]).contains("verified"));
}
