//! TLS of the server: a certificate that is replaced under load, the protocols that a client may choose, and client
//! certificates as callers.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use midflight_config::Origin;
use midflight_server::{ServeError, ServeOptions, TlsFiles};
use midflight_testkit::{CertificateAuthority, IssuedCertificate};
use reqwest::{Client, Method, Version};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::audit::entry;
use crate::support::{DEADLINE, Server, answer, options, server_with};

/// What the certificates of the servers here are for.
pub(crate) const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];

pub(crate) fn files(folder: &Path, certificate: &IssuedCertificate) -> TlsFiles {
    let (certificate, key) = certificate.write(folder);
    TlsFiles { certificate, key, client_authorities: None, client_roles: Vec::new() }
}

/// The settings of a client that trusts an authority, and may present a certificate.
fn config(
    authority: &CertificateAuthority,
    client: Option<&IssuedCertificate>,
    protocol: &str,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let mut config = match client {
        None => config.with_no_client_auth(),
        Some(client) => {
            let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).unwrap();
            config.with_client_auth_cert(vec![client.der()], key).unwrap()
        }
    };
    config.alpn_protocols = vec![protocol.into()];
    config
}

fn client(authority: &CertificateAuthority, client: Option<&IssuedCertificate>, protocol: &str) -> Client {
    midflight_testkit::choose_cryptography();
    Client::builder().tls_backend_preconfigured(config(authority, client, protocol)).build().unwrap()
}

/// A server with TLS, and a client of it for HTTP/1.1.
pub(crate) async fn with_tls(
    authority: &CertificateAuthority,
    files: TlsFiles,
    change: impl FnOnce(&mut ServeOptions),
) -> Server {
    let mut server = server_with(|options| {
        options.tls = Some(files);
        change(options);
    })
    .await;
    server.client = client(authority, None, "http/1.1");
    server
}

/// The certificate that a new connection is encrypted with.
async fn presented(server: &Server, authority: &CertificateAuthority) -> CertificateDer<'static> {
    let stream = TcpStream::connect(server.running.address()).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config(authority, None, "http/1.1")));
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Asks until a condition is true.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let ask = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, ask).await.unwrap();
}

async fn health(server: &Server) -> Value {
    server.get("/health/hot-reload").await.json
}

/// How many requests each kind of client sends.
const KEPT: usize = 3_000;
const NEW: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_certificate_is_replaced_under_ten_thousand_requests_and_none_is_lost() {
    let authority = Arc::new(CertificateAuthority::new());
    let folder = tempfile::tempdir().unwrap();
    let server = with_tls(&authority, files(folder.path(), &authority.server(&NAMES)), |_| ()).await;
    let url = server.url("/health/live");
    let mut tasks = Vec::new();
    for (protocol, version) in [("http/1.1", Version::HTTP_11), ("h2", Version::HTTP_2)] {
        for (requests, is_kept) in [(KEPT, true), (KEPT / 2, true), (NEW, false)] {
            let (url, authority) = (url.clone(), Arc::clone(&authority));
            tasks.push(tokio::spawn(async move {
                let mut http = client(&authority, None, protocol);
                for _ in 0..requests {
                    if !is_kept {
                        http = client(&authority, None, protocol);
                    }
                    let response = http.get(&url).send().await.unwrap();
                    assert_eq!((response.status().as_u16(), response.version()), (200, version));
                    response.bytes().await.unwrap();
                }
                requests
            }));
        }
    }
    let done = Arc::new(AtomicBool::new(false));
    let is_done = Arc::clone(&done);
    let load = tokio::spawn(async move {
        let mut sent = 0;
        for task in tasks {
            sent += task.await.unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
        sent
    });
    let mut replaced = 0;
    while !done.load(Ordering::Relaxed) {
        let next = authority.server(&NAMES);
        files(folder.path(), &next);
        until(async || presented(&server, &authority).await == next.der()).await;
        replaced += 1;
    }
    assert_eq!(load.await.unwrap(), 10_000);
    assert!(replaced > 1, "{replaced}");
}

#[tokio::test]
async fn a_pair_that_cannot_be_used_keeps_the_one_in_use_and_is_reported() {
    let authority = CertificateAuthority::new();
    let folder = tempfile::tempdir().unwrap();
    let (first, other) = (authority.server(&NAMES), authority.server(&NAMES));
    let tls = files(folder.path(), &first);
    let server = with_tls(&authority, tls.clone(), |_| ()).await;
    let now = health(&server).await;
    assert_eq!((&now["tls"]["names"], &now["tls"]["error"]), (&json!(NAMES), &Value::Null));
    assert!(now["tls"]["days_left"].as_i64().unwrap() > 365);
    let degraded = |health: &Value| health["degraded"].to_string();
    // The key of another certificate, no certificate, and one that has expired.
    std::fs::write(&tls.key, &other.key).unwrap();
    until(async || degraded(&health(&server).await).contains("does not belong to the certificate")).await;
    std::fs::write(&tls.certificate, "").unwrap();
    until(async || degraded(&health(&server).await).contains("no certificate in PEM")).await;
    files(folder.path(), &authority.expired_server(&NAMES));
    until(async || degraded(&health(&server).await).contains("expired at 2020-02-01")).await;
    let metrics = server.client.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nmidflight_tls_certificate_current 0"), "{metrics}");
    assert_eq!(presented(&server, &authority).await, first.der());
    files(folder.path(), &other);
    until(async || presented(&server, &authority).await == other.der()).await;
    let now = health(&server).await;
    assert_eq!((&now["tls"]["error"], &now["degraded"]), (&Value::Null, &json!([])));
    let metrics = server.client.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nmidflight_tls_certificate_current 1"), "{metrics}");
}

#[tokio::test]
async fn the_names_of_a_client_certificate_give_a_role_and_are_the_author() {
    let (authority, stranger) = (CertificateAuthority::new(), CertificateAuthority::new());
    let folder = tempfile::tempdir().unwrap();
    let mut tls = files(folder.path(), &authority.server(&NAMES));
    tls.client_authorities = Some(authority.write(folder.path()));
    tls.client_roles =
        vec!["deploy=editor@rules".parse().unwrap(), "spiffe://cluster/ops=admin".parse().unwrap()];
    let mut server = with_tls(&authority, tls, |options| options.require_token = true).await;
    let whoami = async |server: &Server| answer(server.anonymous(Method::GET, "/api/v1/whoami")).await;
    whoami(&server).await.problem(401, "unauthenticated");
    for (protocol, name, sans, role) in [
        ("http/1.1", "deploy", &[][..], "editor"),
        ("h2", "deploy", &[][..], "editor"),
        ("h2", "ops", &["spiffe://cluster/ops"][..], "admin"),
    ] {
        server.client = client(&authority, Some(&authority.client(name, sans)), protocol);
        let who = whoami(&server).await.ok();
        assert_eq!((&who["name"], &who["role"]), (&json!(format!("cert:{name}")), &json!(role)));
        assert!(who["expires_at"].is_string());
    }
    server.client = client(&authority, Some(&authority.client("deploy", &[])), "h2");
    let put = server.anonymous(Method::PUT, "/api/v1/rulesets/a").json(&json!({}));
    let revision = answer(put).await.json["revision"].as_u64().unwrap();
    let put = server.anonymous(Method::PUT, "/api/v1/config/a").json(&json!({}));
    answer(put).await.problem(403, "forbidden");
    // A token goes before the certificate.
    let seen = server.request(Method::GET, &format!("/api/v1/revisions/{revision}"));
    assert_eq!(answer(seen).await.ok()["revision"]["author"], "cert:deploy");
    let as_admin = server.request(Method::GET, "/api/v1/whoami");
    assert_eq!(answer(as_admin).await.ok()["name"], "admin");
    // One without a rule is for the encryption alone.
    server.client = client(&authority, Some(&authority.client("guest", &[])), "h2");
    whoami(&server).await.problem(401, "unauthenticated");
    // One of another authority, and one that has expired, are refused before any request.
    for refused in [stranger.client("deploy", &[]), authority.expired_client("deploy")] {
        let client = client(&authority, Some(&refused), "http/1.1");
        assert!(client.get(server.url("/health/live")).send().await.is_err());
    }
    server.client = client(&authority, None, "http/1.1");
    let refused = entry(&server, "?outcome=refused&action=TLS%20handshake", |_| true).await;
    assert_eq!(
        (&refused["code"], &refused["status"], &refused["from"]),
        (&json!("client_certificate_refused"), &json!(495), &json!("127.0.0.1"))
    );
    assert!(refused["target"].as_str().unwrap().contains("UnknownIssuer"), "{refused:#}");
}

#[tokio::test]
async fn a_server_without_tls_is_for_this_machine_alone() {
    let start = async |change: fn(&mut ServeOptions)| {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(&dir);
        options.config.listen(SocketAddr::from(([0, 0, 0, 0], 0)), Origin::Flag("--listen".to_owned()));
        change(&mut options);
        midflight_server::start(options).await
    };
    let refused = start(|_| ()).await.unwrap_err();
    assert!(matches!(refused, ServeError::PlainHttp(_)), "{refused}");
    assert!(refused.to_string().contains("--plain-http"), "{refused}");
    start(|options| options.plain_http = true).await.unwrap().stop().await;
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_at_the_start() {
    let authority = CertificateAuthority::new();
    let folder = tempfile::tempdir().unwrap();
    let good = files(folder.path(), &authority.server(&NAMES));
    let start = async |tls: TlsFiles| {
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(&dir);
        options.tls = Some(tls);
        midflight_server::start(options).await.map(drop).unwrap_err().to_string()
    };
    let missing = start(TlsFiles { certificate: "/nowhere/tls.crt".into(), ..good.clone() }).await;
    assert!(missing.contains("cannot read /nowhere/tls.crt"), "{missing}");
    let swapped = TlsFiles { certificate: good.key.clone(), key: good.certificate.clone(), ..good.clone() };
    assert!(start(swapped).await.contains("no certificate in PEM"));
    let no_role = TlsFiles { client_authorities: Some(authority.write(folder.path())), ..good };
    assert!(start(no_role).await.contains("--tls-client-role"));
}

/// A connection of HTTP/2, whose answers get a window of so many bytes.
async fn http2(
    server: &Server,
    authority: &CertificateAuthority,
    window: u32,
) -> (h2::client::SendRequest<axum::body::Bytes>, tokio::task::JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(server.running.address()).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config(authority, None, "h2")));
    let stream = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await.unwrap();
    let (client, connection) =
        h2::client::Builder::new().initial_window_size(window).handshake(stream).await.unwrap();
    (client, tokio::spawn(connection))
}

fn get(server: &Server, path: &str) -> axum::http::Request<()> {
    axum::http::Request::get(server.url(path)).body(()).unwrap()
}

#[tokio::test]
async fn a_client_of_http2_that_reads_nothing_or_asks_nothing_is_left() {
    let authority = CertificateAuthority::new();
    let folder = tempfile::tempdir().unwrap();
    let server = with_tls(&authority, files(folder.path(), &authority.server(&NAMES)), |options| {
        options.limits.write_idle_ms_max = 200;
        options.limits.receive_ms_max = 2_000;
    })
    .await;
    // Its answers are made and never read: it answers pings all the while.
    let (mut client, connection) = http2(&server, &authority, 0).await;
    let answered = client.send_request(get(&server, "/openapi.json"), true).unwrap().0.await.unwrap();
    assert_eq!(answered.status(), 200);
    let ended = tokio::time::timeout(DEADLINE, connection).await.unwrap().unwrap();
    assert!(ended.is_err() || answered.into_body().data().await.is_none_or(|part| part.is_err()));
    // One that is idle is closed in order.
    let (mut client, connection) = http2(&server, &authority, 65_535).await;
    let answered = client.send_request(get(&server, "/health/live"), true).unwrap().0.await.unwrap();
    assert_eq!(answered.status(), 200);
    tokio::time::timeout(DEADLINE, connection).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn the_bounds_of_http2_are_those_that_are_said() {
    let authority = CertificateAuthority::new();
    let folder = tempfile::tempdir().unwrap();
    let server = with_tls(&authority, files(folder.path(), &authority.server(&NAMES)), |_| ()).await;
    let (mut client, connection) = http2(&server, &authority, 65_535).await;
    let huge = "x".repeat(70 << 10);
    let mut request = get(&server, "/health/live");
    request.headers_mut().insert("x-huge", huge.parse().unwrap());
    let refused = client.send_request(request, true).unwrap().0.await;
    assert!(refused.is_err() || refused.is_ok_and(|answered| answered.status() == 431));
    // What the server said when the connection began.
    assert_eq!(client.current_max_send_streams(), 100);
    connection.abort();
    // Others are served all the while.
    server.get("/health/live").await.ok();
}

#[tokio::test]
async fn a_websocket_comes_encrypted_over_http1() {
    let authority = CertificateAuthority::new();
    let folder = tempfile::tempdir().unwrap();
    let server = with_tls(&authority, files(folder.path(), &authority.server(&NAMES)), |_| ()).await;
    let stream = TcpStream::connect(server.running.address()).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config(&authority, None, "http/1.1")));
    let stream = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await.unwrap();
    let url = server.url("/ws/hot-reload").replace("https://", "ws://");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    let first = futures_util::StreamExt::next(&mut socket);
    let first = tokio::time::timeout(DEADLINE, first).await.unwrap().unwrap().unwrap();
    assert!(first.to_text().unwrap().contains("\"status\""), "{first:?}");
    server.running.stop().await;
}
