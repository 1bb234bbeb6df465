//! Access by the command line: the guide, contexts, the first start, a lost token, a token that changes in its file.

use std::path::Path;

use midflight_testkit::tour;
use serde_json::Value;

use crate::harness::{Ran, Server, binary, read, serve, wait_for};

#[test]
fn the_guide_of_access_goes_as_it_says() {
    let server = Server::with_loans();
    let guide = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/access.md"));
    let variables = [("MIDFLIGHT_URL", &*server.url), ("MIDFLIGHT_TOKEN", &*server.token)];
    // Not held against a transcript: when a token was last used is written by and by.
    let output = tour(guide, server.folder.path(), Path::new(env!("CARGO_BIN_EXE_midflight")), &variables);
    assert!(output.contains("token ci revoked"), "{output}");
}

#[test]
fn the_first_start_keeps_a_context_so_that_commands_work_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let mut command = binary();
    command.env("XDG_CONFIG_HOME", &config).env("MIDFLIGHT_LISTEN", "127.0.0.1:0");
    command.args(["serve", "--data-dir"]).arg(folder.path().join("data"));
    command.arg("--ready-file").arg(folder.path().join("ready"));
    command.stderr(std::fs::File::create(folder.path().join("stderr")).unwrap());
    let _server = midflight_testkit::Process::start(&mut command);
    let url = wait_for("the ready file", || std::fs::read_to_string(folder.path().join("ready")).ok());
    let run = |args: &[&str]| {
        let mut command = binary();
        command.env("XDG_CONFIG_HOME", &config).args(args);
        Ran::of(command.output().unwrap())
    };
    let contexts = run(&["context", "list", "-o", "json"]);
    let contexts: Value = serde_json::from_str(&contexts.stdout).unwrap();
    assert_eq!((&contexts[0]["url"], &contexts[0]["current"]), (&url.trim().into(), &true.into()));
    let made = run(&["token", "create", "ci", "--role", "viewer"]);
    assert!(made.code == Some(0) && made.stdout.starts_with("mf_"), "{}", made.stderr);
    let token = made.stdout.trim();
    let file = config.join("midflight/contexts.json");
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    // A login with another token replaces the context of its name, and what was given goes before it.
    let logged_in = run(&["login", url.trim(), "--name", "as-ci", "--token", token]);
    assert!(logged_in.stdout.contains("as ci (viewer)"), "{}{}", logged_in.stdout, logged_in.stderr);
    let refused = run(&["token", "list"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("use one of admin"), "{}", refused.stderr);
    let name = url.trim().trim_start_matches("http://");
    assert_eq!(run(&["context", "use", name]).code, Some(0));
    assert!(run(&["token", "list"]).stdout.contains("ci"));
    let wrong = run(&["login", url.trim(), "--token", "mf_wrong"]);
    assert!(wrong.code == Some(1) && wrong.stderr.contains("unauthenticated"), "{}", wrong.stderr);
    let unknown = run(&["context", "use", "nowhere"]);
    assert!(unknown.code == Some(2) && unknown.stderr.contains(name), "{}", unknown.stderr);
    assert_eq!(run(&["context", "remove", name]).code, Some(0));
    let left = run(&["context", "list", "-o", "json"]);
    let left: Value = serde_json::from_str(&left.stdout).unwrap();
    assert_eq!((left.as_array().unwrap().len(), &left[0]["name"]), (1, &"as-ci".into()));
}

#[test]
fn a_lost_admin_token_is_replaced_on_the_host_with_and_without_a_running_server() {
    let server = Server::start(&[]);
    let recover = |folder: &Path| {
        let mut command = binary();
        command.args(["token", "recover", "--data-dir"]).arg(folder.join("data"));
        Ran::of(command.output().unwrap())
    };
    let recovered = recover(server.folder.path());
    assert!(recovered.stderr.contains("admin token replaced"), "{}", recovered.stderr);
    let mut list = binary();
    list.args(["token", "list", "--url", &server.url, "--token", recovered.stdout.trim()]);
    let listed = Ran::of(list.output().unwrap());
    assert!(listed.stdout.contains("admin"), "{}", listed.stderr);
    server.refused(&["token", "list"]);

    // The hash alone waits for the next start.
    let (_, folder) = server.signal("-TERM");
    let mut command = binary();
    command.args(["token", "recover", "--data-dir"]).arg(folder.path().join("data"));
    let mut waiting = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let file = folder.path().join("data/recover-admin-token");
    let kept =
        wait_for("the request", || std::fs::read_to_string(&file).ok().filter(|text| !text.is_empty()));
    assert_eq!(kept.trim().len(), 64);
    // The token file of the harness would replace it again.
    std::fs::remove_file(folder.path().join("token")).unwrap();
    let mut again = binary();
    again
        .env("MIDFLIGHT_LISTEN", "127.0.0.1:0")
        .args(["serve", "--data-dir"])
        .arg(folder.path().join("data"));
    again.arg("--ready-file").arg(folder.path().join("ready"));
    let _again = midflight_testkit::Process::start(&mut again);
    let url = wait_for("the ready file", || std::fs::read_to_string(folder.path().join("ready")).ok());
    let mut token = String::new();
    std::io::Read::read_to_string(&mut waiting.stdout.take().unwrap(), &mut token).unwrap();
    assert!(waiting.wait().unwrap().success());
    let mut list = binary();
    list.args(["token", "list", "--url", url.trim(), "--token", token.trim()]);
    let listed = Ran::of(list.output().unwrap());
    assert!(listed.stdout.contains("admin"), "{}", listed.stderr);

    let nowhere = recover(Path::new("/nowhere"));
    assert!(nowhere.code == Some(1) && nowhere.stderr.contains("not a folder"), "{}", nowhere.stderr);
}

#[test]
fn a_token_that_changes_in_its_file_counts_without_a_restart() {
    let server = Server::start(&[]);
    let other = "another-token-of-the-tests-that-is-long-enough";
    std::fs::write(server.folder.path().join("token"), other).unwrap();
    #[cfg(unix)]
    server.signal_to("-HUP");
    let with = |token: &str| {
        let mut command = binary();
        command.args(["token", "list", "--url", &server.url, "--token", token]);
        Ran::of(command.output().unwrap())
    };
    wait_for("the new token", || (with(other).code == Some(0)).then_some(()));
    assert!(with(&server.token).stderr.contains("unknown token"));
    assert!(!read(&server.folder.path().join("stderr")).contains(other), "no token is logged");
}

#[test]
fn what_is_wrong_with_the_flags_of_json_web_tokens_is_said_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    for (flags, why) in [
        (&["--jwt-issuer", "i", "--jwt-audience", "a", "--jwt-role", "x=viewer"][..], "needs keys"),
        (&["--jwt-issuer", "i", "--jwt-keys-url", "https://x", "--jwt-role", "x=viewer"], "no audience"),
        (&["--jwt-issuer", "i", "--jwt-keys-url", "https://x", "--jwt-audience", "a"], "no role"),
        (&["--jwt-issuer", "i", "--jwt-role", "x=root"], "the role is viewer"),
        (&["--jwt-issuer", "i", "--jwt-algorithm", "none"], "unknown algorithm"),
        (&["--jwt-audience", "a"], "--jwt-issuer"),
    ] {
        let status = serve(folder.path()).args(flags).status().unwrap();
        let message = read(&folder.path().join("stderr"));
        assert!(status.code() == Some(2) && message.contains(why), "{flags:?}: {message}");
    }
}
