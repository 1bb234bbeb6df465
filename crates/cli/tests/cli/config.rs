//! Configs on the command line, and the guide to them, run as it is written.

use crate::harness::{Ran, Server, binary, serve, wait_for};
use crate::transcripts::follow;

const TEXT: &str = "log: {level: info, format: text}\nmetrics: {enabled: true, labels: {zone: a}}\n";

#[test]
fn the_guide_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("midflight.yaml");
    std::fs::write(&file, TEXT).unwrap();
    let server = Server::start_in(folder, &["--config", file.to_str().unwrap()]);
    follow("docs/config.md", &server, &[]);
}

#[test]
fn a_file_is_checked_without_a_server_and_a_start_on_a_bad_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("midflight.yaml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Ran::of(binary().args(["config", "check"]).arg(&file).output().unwrap())
    };
    assert_eq!(check(TEXT).code, Some(0));
    let bad = check("log:\n  levle: info\n");
    assert_eq!((bad.code, bad.stdout.as_str()), (Some(1), ""));
    let reported = "midflight.yaml:2:10: at /log/levle: unknown key \"levle\"; did you mean \"level\"?";
    assert!(bad.stderr.contains(reported), "{}", bad.stderr);

    let ended = serve(folder.path()).arg("--config").arg(&file).status().unwrap();
    assert_eq!(ended.code(), Some(1));
    let message = crate::harness::read(&folder.path().join("stderr"));
    assert!(message.contains(reported), "{message}");
}

#[test]
fn a_signal_and_the_file_are_enough_and_flags_cover_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("midflight.yaml");
    std::fs::write(&file, TEXT).unwrap();
    let server = Server::start_in(folder, &["--config", file.to_str().unwrap(), "--log", "warn"]);
    let status = || server.command(&["config", "status", "-o", "json"]).output().unwrap();
    std::fs::write(&file, TEXT.replace("info", "debug")).unwrap();
    wait_for("the file to be followed", || {
        let message = Ran::of(status());
        message.stderr.contains("/log/level is overridden by flag --log").then_some(())
    });
    assert!(server.run(&["config", "show", "-o", "json"]).contains("\"flag --log\""));

    // An edit past the file is the file's to take back.
    let past = server.refused(&["config", "set", "midflight", "tokens.refresh_ms=700"]);
    assert!(past.contains("belongs to file:") && past.contains("--take-over"), "{past}");
    server.run(&["config", "set", "midflight", "tokens.refresh_ms=700", "--take-over"]);
    assert!(server.run(&["config", "show"]).contains("700"));
    server.signal_to("-HUP");
    wait_for("the signal to be heard", || {
        let message = Ran::of(status()).stdout;
        (message.contains("\"signal\"") && !server.run(&["config", "show"]).contains(" 700 ")).then_some(())
    });
}

#[test]
fn a_config_in_toml_is_checked_served_and_applied_like_one_in_yaml() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("midflight.toml");
    let text = "[log]\nlevel = \"info\"\nformat = \"text\"\n";
    std::fs::write(&file, "[log]\nlevle = \"info\"\n").unwrap();
    let bad = Ran::of(binary().args(["config", "check"]).arg(&file).output().unwrap());
    let reported = "midflight.toml:2:9: at /log/levle: unknown key \"levle\"; did you mean \"level\"?";
    assert!(bad.code == Some(1) && bad.stderr.contains(reported), "{}", bad.stderr);
    std::fs::write(&file, text).unwrap();
    let server = Server::start_in(folder, &["--config", file.to_str().unwrap()]);
    std::fs::write(&file, text.replace("info", "debug")).unwrap();
    wait_for("the file to be followed", || {
        server
            .run(&["config", "show"])
            .lines()
            .any(|line| line.contains("log.level") && line.contains("debug"))
            .then_some(())
    });
    let folder = server.folder.path().join("documents");
    std::fs::create_dir(&folder).unwrap();
    let shop = "kind = \"config\"\nname = \"shop\"\n[body]\nport = 80\n[body.log]\nlevel = \"info\"\n";
    std::fs::write(folder.join("shop.toml"), shop).unwrap();
    assert_eq!(server.run(&["import", "documents"]), "config/shop added\n");
    assert!(server.run(&["config", "show", "shop"]).contains("80"));
}

#[test]
fn a_schema_is_inferred_from_a_file_or_a_served_config_and_applied() {
    let server = Server::start(&[]);
    server.write("shop.toml", "port = 80\n[log]\nlevel = \"info\"\n");
    let infer = |what: &str, more: &[&str]| {
        let args = [["config", "infer-schema", what].as_slice(), more].concat();
        let ran = Ran::of(server.command(&args).output().unwrap());
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("review"), "{}", ran.stderr);
        ran.stdout
    };
    let schema = infer("shop.toml", &[]);
    assert!(schema.starts_with("kind: config\nname: schemas/shop\nbody:\n"), "{schema}");
    server.write("schema.yaml", &schema);
    server.run(&["apply", "-f", "schema.yaml"]);
    server.write("shop.yaml", "kind: config\nname: shop\nbody: {port: 80, log: {level: info}}\n");
    server.run(&["apply", "-f", "shop.yaml"]);
    assert!(server.refused(&["config", "set", "shop", "prot=80"]).contains("prot"));
    assert_eq!(infer("shop", &[]), schema);
    assert_eq!(infer("shop.yaml", &[]), schema);
    assert!(infer("shop", &["--name", "other", "-o", "json"]).contains("\"schemas/other\""));
    server.write("secret.yaml", "db: {password: hunter22}\n");
    let ran = Ran::of(server.command(&["config", "infer-schema", "secret.yaml"]).output().unwrap());
    assert!(ran.stderr.contains("/db/password looks like a secret"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("hunter22") && !ran.stderr.contains("hunter22"));
    assert!(server.refused(&["config", "infer-schema", "gone"]).contains("config/gone"));
}
