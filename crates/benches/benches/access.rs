//! What a token and TLS cost a request: the same execution plain, with a token, and with a token over TLS, in turn.
//!
//! Client and server share the machine, and the client encrypts too, so figures are to be read against each other.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops where it fails, and prints"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_benches::http_client::{Connection, request};
use midflight_config::Origin;
use midflight_server::{RunningServer, ServeOptions, TlsFiles, start};
use midflight_testkit::CertificateAuthority;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const CONNECTIONS: usize = 16;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 7;
const TOKEN: &str = "a-token-of-the-benchmark-that-opens-nothing-else";

#[tokio::main]
async fn main() {
    let (authority, folder) = (CertificateAuthority::new(), tempfile::TempDir::new().unwrap());
    let (certificate, key) = authority.server(&["127.0.0.1"]).write(folder.path());
    let tls = TlsFiles { certificate, key, client_authorities: None, client_roles: Vec::new() };
    let (plain, encrypted) = (serve(None).await, serve(Some(tls)).await);
    let connector = connector(&authority);
    let body = json!({"data": {"age": 20}}).to_string();
    let execute = |token| request("POST", "/api/v1/rules/execute", token, false, &body);
    let (anonymous, with_token) = (execute(None), execute(Some(TOKEN)));

    let mut found = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        found[0].push(per_second(async || tcp(&plain.0).await, &anonymous).await);
        found[1].push(per_second(async || tcp(&plain.0).await, &with_token).await);
        let encrypt = async || {
            let name = ServerName::try_from("127.0.0.1").unwrap();
            connector.connect(name, tcp(&encrypted.0).await).await.unwrap()
        };
        found[2].push(per_second(encrypt, &with_token).await);
    }
    let [plain_rate, token_rate, tls_rate] = found.map(|mut figures| {
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    });
    let more = |rate: f64| (plain_rate / rate - 1.0) * 100.0;
    println!(
        "HTTP execute: plain {plain_rate:.0}/s; with a token {token_rate:.0}/s ({:+.1} % time, aim 3); with a token over \
         TLS {tls_rate:.0}/s ({:+.1} % time, aim 25)",
        more(token_rate),
        more(tls_rate)
    );
    plain.0.stop().await;
    encrypted.0.stop().await;
}

/// A server with one ruleset, in a folder of its own.
async fn serve(tls: Option<TlsFiles>) -> (RunningServer, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, TOKEN).unwrap();
    let mut options = ServeOptions::new(folder.path());
    options.config.listen("127.0.0.1:0".parse().unwrap(), Origin::Flag("--listen".to_owned()));
    options.admin_token_file = Some(token_file);
    let mut plain = options.clone();
    // The rules are put over plain HTTP, before TLS is on.
    plain.tls = None;
    let server = start(plain).await.unwrap();
    let condition = json!({"attribute": "age", "operator": "greater_than_or_equal", "constant": 18});
    let rule = json!({"rule_name": "adult", "type": "simple", "conditions": {"item": condition}, "rule_point": 1,
        "weight": 1, "priority": 1, "action_result": "Y"});
    let changes = json!([
        {"op": "put", "kind": "rules", "name": "bench", "body": {"default": true}},
        {"op": "put", "kind": "rules", "name": "bench/R1", "body": rule},
    ]);
    let body = json!({"changes": changes, "reason": "benchmark"}).to_string();
    let mut connection = Connection::over(tcp(&server).await);
    let (status, answer) =
        connection.send(&request("POST", "/api/v1/apply", Some(TOKEN), false, &body)).await.unwrap();
    assert!((200..300).contains(&status), "{status} {}", String::from_utf8_lossy(answer));
    if tls.is_none() {
        return (server, folder);
    }
    server.stop().await;
    options.tls = tls;
    (start(options).await.unwrap(), folder)
}

async fn tcp(server: &RunningServer) -> TcpStream {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn connector(authority: &CertificateAuthority) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

async fn per_second<S: AsyncRead + AsyncWrite + Unpin>(connect: impl AsyncFn() -> S, request: &[u8]) -> f64 {
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(Connection::over(connect().await));
    }
    let end = Instant::now() + ROUND;
    let askers = connections.into_iter().map(|mut connection| async move {
        let mut done = 0_u32;
        while Instant::now() < end {
            let (status, _) = connection.send(request).await.unwrap();
            assert_eq!(status, 200);
            done += 1;
        }
        f64::from(done)
    });
    let done: f64 = futures_util::future::join_all(askers).await.into_iter().sum();
    done / ROUND.as_secs_f64()
}
