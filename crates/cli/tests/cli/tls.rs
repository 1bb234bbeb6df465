//! TLS by the command line: what a server refuses to start with, whom commands trust, and what the log says of a
//! handshake that failed.

use std::path::Path;
use std::process::Command;

use midflight_testkit::{CertificateAuthority, IssuedCertificate, Midflight};

use crate::harness::{Ran, binary, serve, wait_for};

const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

fn path(folder: &Path, file: &str) -> String {
    folder.join(file).display().to_string()
}

/// A server with a certificate, which takes client certificates of its authority.
fn server(folder: &Path, authority: &CertificateAuthority, certificate: &IssuedCertificate) -> Midflight {
    let (cert, key) = certificate.write(folder);
    let ca = authority.write(folder);
    let flags = [
        format!("--tls-cert={}", cert.display()),
        format!("--tls-key={}", key.display()),
        format!("--tls-client-ca={}", ca.display()),
        "--tls-client-role=deploy=editor".to_owned(),
        "--require-token".to_owned(),
    ];
    Midflight::start(Path::new(env!("CARGO_BIN_EXE_midflight")), &flags.each_ref().map(String::as_str))
}

/// A command against a server, with a certificate of a client.
fn command(server: &Midflight, ca: &str, client: Option<&IssuedCertificate>, args: &[&str]) -> Command {
    let mut command = binary();
    command.env("MIDFLIGHT_URL", server.url()).env("MIDFLIGHT_CA_FILE", ca).args(args);
    if let Some(client) = client {
        let folder = server.folder().join("client");
        std::fs::create_dir_all(&folder).unwrap();
        let (cert, key) = client.write(&folder);
        command.env("MIDFLIGHT_CLIENT_CERT", cert).env("MIDFLIGHT_CLIENT_KEY", key);
    }
    command
}

fn run(mut command: Command) -> Ran {
    Ran::of(command.output().unwrap())
}

#[test]
fn a_client_certificate_is_a_caller_and_one_of_another_authority_is_refused_with_a_line_in_the_log() {
    let (authority, stranger) = (CertificateAuthority::new(), CertificateAuthority::new());
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path(), &authority, &authority.server(&NAMES));
    assert!(server.url().starts_with("https://127.0.0.1:"), "{}", server.url());
    let ca = path(folder.path(), "ca.pem");
    let deploy = authority.client("deploy", &[]);
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, "kind: rules\nname: a\nbody: {}\n").unwrap();
    let applied = run(command(&server, &ca, Some(&deploy), &["apply", "-f", file.to_str().unwrap()]));
    assert_eq!(applied.code, Some(0), "{}", applied.stderr);
    let history = run(command(&server, &ca, Some(&deploy), &["history"]));
    assert!(history.stdout.contains("cert:deploy"), "{}", history.stdout);
    let anonymous = run(command(&server, &ca, None, &["status"]));
    assert!(
        anonymous.code == Some(1) && anonymous.stderr.contains("unauthenticated"),
        "{}",
        anonymous.stderr
    );
    for (client, reason) in
        [(stranger.client("deploy", &[]), "UnknownIssuer"), (authority.expired_client("deploy"), "Expired")]
    {
        let refused = run(command(&server, &ca, Some(&client), &["status"]));
        assert_ne!(refused.code, Some(0));
        wait_for("the line in the log", || {
            let log = server.log();
            log.lines()
                .any(|it| it.contains("client certificate refused") && it.contains(reason))
                .then_some(())
        });
    }
    // Who trusts another authority does not talk to the server.
    std::fs::write(&ca, stranger.pem()).unwrap();
    let refused = run(command(&server, &ca, None, &["status"]));
    assert!(refused.code == Some(3) && refused.stderr.contains("UnknownIssuer"), "{}", refused.stderr);
    wait_for("the line in the log", || server.log().contains("client refused the certificate").then_some(()));
}

#[test]
fn a_certificate_that_has_expired_or_is_for_another_name_is_refused_by_commands() {
    let authority = CertificateAuthority::new();
    for (certificate, reason) in [
        (authority.expired_server(&NAMES), "expired"),
        (authority.server(&["rules.example"]), "not valid for"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = server(folder.path(), &authority, &certificate);
        let refused = run(command(&server, &path(folder.path(), "ca.pem"), None, &["status"]));
        assert!(refused.code == Some(3) && refused.stderr.contains(reason), "{}", refused.stderr);
        assert_eq!(server.log().contains("clients will refuse the TLS certificate"), reason == "expired");
    }
}

#[test]
fn plain_http_for_other_machines_is_refused_unless_the_risk_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path());
    let status = command.env("MIDFLIGHT_LISTEN", "0.0.0.0:0").status().unwrap();
    assert_eq!(status.code(), Some(1));
    let said = std::fs::read_to_string(folder.path().join("stderr")).unwrap();
    assert!(
        said.contains("refusing to serve plain HTTP on 0.0.0.0:0") && said.contains("--plain-http"),
        "{said}"
    );
    let half = Ran::of(
        serve(folder.path()).args(["--tls-cert", "a"]).stderr(std::process::Stdio::piped()).output().unwrap(),
    );
    assert!(half.code == Some(2) && half.stderr.contains("--tls-key"), "{}", half.stderr);
}
