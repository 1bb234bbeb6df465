//! JSON Web Tokens: who comes in by one, and every way in which one is refused.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use midflight_server::{JwtAlgorithm, JwtOptions, JwtSettings, KeySources};
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Server, answer, server_with};

const ISSUER: &str = "https://issuer.example";
const SECRET: &[u8] = b"a-secret-of-the-tests-that-is-long-enough";

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": ["midflight"], "sub": "anna", "exp": now() + 600, "roles": ["writers"]})
}

/// A token of a header and claims, signed by a function.
fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// A key of Ed25519 with its public half as an issuer publishes it.
struct Key {
    pair: Ed25519KeyPair,
    kid: &'static str,
}

impl Key {
    fn new(kid: &'static str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { pair: Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap(), kid }
    }

    fn public(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.kid, "x": x})
    }

    fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.kid});
        signed(&header, claims, |message| self.pair.sign(message).as_ref().to_vec())
    }
}

fn hmac(secret: &[u8], message: &[u8]) -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    ring::hmac::sign(&key, message).as_ref().to_vec()
}

fn settings(algorithms: Vec<JwtAlgorithm>, keys: KeySources) -> JwtSettings {
    let rules = ["readers=viewer", "writers=editor@rules", "owners=admin"];
    let verify = JwtOptions {
        issuer: ISSUER.to_owned(),
        audiences: vec!["midflight".to_owned()],
        algorithms,
        leeway: Duration::from_secs(30),
        role_claim: "roles".to_owned(),
        roles: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
        name_claim: "sub".to_owned(),
    };
    JwtSettings { verify, keys }
}

fn public() -> Vec<JwtAlgorithm> {
    vec![JwtAlgorithm::Rs256, JwtAlgorithm::Es256, JwtAlgorithm::EdDsa]
}

/// A server that takes tokens by the keys of a set in a file.
async fn by_file(set: &Value) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, set.to_string()).unwrap();
    let keys = KeySources { files: vec![file], ..KeySources::default() };
    let server = server_with(|options| options.jwt = Some(settings(public(), keys))).await;
    (server, folder)
}

/// Who was refused, and why.
fn refusal(entry: &Value) -> String {
    format!("{} {}", entry["actor"].as_str().unwrap(), entry["code"].as_str().unwrap())
}

async fn whoami(server: &Server, token: &str) -> crate::support::Answer {
    answer(server.anonymous(Method::GET, "/api/v1/whoami").bearer_auth(token)).await
}

/// Asks until a token is taken, or is not: keys are read beside requests.
async fn until(server: &Server, token: &str, status: u16) -> Value {
    let ask = async {
        loop {
            let answer = whoami(server, token).await;
            if answer.status == status {
                return answer.json;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, ask).await.unwrap()
}

#[tokio::test]
async fn a_token_gives_the_role_and_the_scopes_of_its_claims() {
    let key = Key::new("k1");
    let (server, _folder) = by_file(&json!({"keys": [key.public(), {"kty": "unknown"}]})).await;
    let token = key.token(&claims());
    let who = until(&server, &token, 200).await;
    assert_eq!(
        (&who["name"], &who["role"], &who["scopes"]),
        (&json!("jwt:anna"), &json!("editor"), &json!(["rules"]))
    );
    let put = server.anonymous(Method::PUT, "/api/v1/rulesets/a").bearer_auth(&token).json(&json!({}));
    let revision = answer(put).await.json["revision"].as_u64().unwrap();
    let revision = server.get(&format!("/api/v1/revisions/{revision}")).await.ok();
    assert_eq!(
        (&revision["revision"]["author"], &revision["revision"]["principal"]),
        (&json!("jwt:anna"), &who["id"])
    );
    let config = server.anonymous(Method::PUT, "/api/v1/config/x").bearer_auth(&token).json(&json!({}));
    answer(config).await.problem(403, "forbidden");
    // The same subject is the same principal with each token.
    let mut other = claims();
    other["jti"] = json!("another");
    assert_eq!(whoami(&server, &key.token(&other)).await.ok()["id"], who["id"]);
    // API tokens go on being taken.
    assert_eq!(whoami(&server, &server.token).await.ok()["role"], "admin");
}

#[tokio::test]
async fn a_browser_signs_in_with_a_token_and_has_it_as_its_cookie() {
    let key = Key::new("k1");
    let (server, _folder) = by_file(&json!({"keys": [key.public()]})).await;
    let token = key.token(&claims());
    until(&server, &token, 200).await;
    let log_in = async |token: &str| {
        answer(server.anonymous(Method::POST, "/api/v1/session").json(&json!({"token": token}))).await
    };
    let session = log_in(&token).await;
    assert_eq!(session.status, 201, "{:#}", session.json);
    assert_eq!(session.json["name"], "jwt:anna");
    let cookie = session.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let with = |method: Method, path: &str| server.anonymous(method, path).header("cookie", &cookie);
    let who = answer(with(Method::GET, "/api/v1/whoami")).await.ok();
    assert_eq!((&who["name"], &who["role"]), (&json!("jwt:anna"), &json!("editor")));
    // It ends with the token, at the latest.
    assert_eq!(session.json["expires_at"], who["expires_at"]);
    // As with any session, only pages of the server change something.
    let put = || with(Method::PUT, "/api/v1/rulesets/a").json(&json!({}));
    answer(put()).await.problem(403, "foreign_origin");
    assert_eq!(answer(put().header("origin", server.running.url())).await.status, 201);
    let out = answer(with(Method::DELETE, "/api/v1/session").header("origin", server.running.url())).await;
    assert_eq!(out.status, 204);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    // One that is not valid any more is as none.
    let mut expired = claims();
    expired["exp"] = json!(now() - 600);
    let stale = format!("midflight_session={}", key.token(&expired));
    let who = answer(server.anonymous(Method::GET, "/api/v1/whoami").header("cookie", stale)).await.ok();
    assert_eq!(who["name"], "anonymous");
    let mut long = claims();
    long["groups"] = json!("g".repeat(4_000));
    let refused = log_in(&key.token(&long)).await.problem(422, "invalid_body");
    assert!(refused["detail"].as_str().unwrap().contains("more than 4000 bytes"), "{refused}");
}

/// Of a JSON Web Token the store has no session, so its cookie is the same after each log-out.
#[tokio::test]
async fn log_outs_with_a_token_as_the_cookie_have_a_rate() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, SECRET).unwrap();
    let server = server_with(|options| {
        let keys = KeySources { secret_file: Some(file), ..KeySources::default() };
        options.jwt = Some(settings(vec![JwtAlgorithm::Hs256], keys));
        options.limits.sessions_per_second_max = 1;
    })
    .await;
    let token = signed(&json!({"alg": "HS256"}), &claims(), |message| hmac(SECRET, message));
    until(&server, &token, 200).await;
    let log_out = || {
        let request = server.anonymous(Method::DELETE, "/api/v1/session");
        request.header("cookie", format!("midflight_session={token}")).header("sec-fetch-site", "same-origin")
    };
    let refused = crate::sessions::until_refused(log_out, 204).await;
    assert!(refused["detail"].as_str().unwrap().contains("\"jwt:anna\""), "{refused}");
    // Without a session there is nothing to count.
    for _ in 0..5 {
        assert_eq!(answer(server.anonymous(Method::DELETE, "/api/v1/session")).await.status, 204);
    }
}

#[tokio::test]
async fn every_token_that_is_not_valid_is_refused_and_says_why() {
    let (key, stranger) = (Key::new("k1"), Key::new("k1"));
    let (server, _folder) = by_file(&json!({"keys": [key.public()]})).await;
    until(&server, &key.token(&claims()), 200).await;
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        key.token(&claims)
    };
    let without = |name: &str| {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        key.token(&claims)
    };
    let good = key.token(&claims());
    let parts: Vec<_> = good.split('.').collect();
    let mut admin = claims();
    admin["roles"] = json!(["owners"]);
    let none = json!({"alg": "none", "typ": "JWT"});
    let public_key = key.pair.public_key().as_ref().to_vec();
    let confused = json!({"alg": "HS256", "kid": "k1"});
    let es256 = json!({"alg": "ES256", "kid": "k1"});
    let critical = json!({"alg": "EdDSA", "kid": "k1", "crit": ["exp"]});
    let sign = |message: &[u8]| key.pair.sign(message).as_ref().to_vec();
    for (token, why) in [
        (signed(&none, &claims(), |_| Vec::new()), "algorithm is unknown"),
        (format!("{}.{}.", encoded(&none), encoded(&claims())), "algorithm is unknown"),
        // The public key as the secret of an HMAC, which anybody could sign with.
        (signed(&confused, &claims(), |message| hmac(&public_key, message)), "HS256 is not allowed"),
        (signed(&es256, &claims(), sign), "key is not known"),
        (signed(&critical, &claims(), sign), "critical headers"),
        (format!("{}.{}.{}", parts[0], encoded(&admin), parts[2]), "signature"),
        (format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0; 64])), "signature"),
        (format!("{}.{}.", parts[0], parts[1]), "signature"),
        (stranger.token(&claims()), "signature"),
        (Key::new("k2").token(&claims()), "key is not known"),
        (with("exp", json!(now() - 60)), "expired"),
        (with("exp", json!("soon")), "exp"),
        (with("nbf", json!(now() + 600)), "not valid yet"),
        (with("aud", json!("another")), "not for this server"),
        (with("iss", json!("https://other.example")), "issuer"),
        (with("sub", json!("")), "name"),
        (with("sub", json!("a\nb")), "control characters"),
        (with("sub", json!("x".repeat(300))), "longer than"),
        (without("exp"), "exp"),
        (without("aud"), "aud"),
        (without("iss"), "iss"),
        (without("sub"), "sub"),
        (with("more", json!("x".repeat(20_000))), ""),
        ("a.b.c".to_owned(), "cannot be read"),
        ("..".to_owned(), "cannot be read"),
    ] {
        let refused = whoami(&server, &token).await;
        // A header that is too long is refused before it is looked at.
        if refused.status == 431 {
            continue;
        }
        let refused = refused.problem(401, "unauthenticated");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains(why) && !detail.contains(&token), "{token}: {detail}");
    }
    let no_one = whoami(&server, &with("roles", json!(["guests"]))).await.problem(403, "forbidden");
    assert!(no_one["detail"].as_str().unwrap().contains("readers (viewer)"), "{no_one:#}");
    whoami(&server, &without("roles")).await.problem(403, "forbidden");
    // Whose token is known and refused is named in the audit; what is not signed by a known key names nobody.
    let path = "/api/v1/audit?outcome=refused&limit=500";
    let audit = answer(server.request(Method::GET, path)).await.ok();
    let actors: BTreeSet<_> = audit["items"].as_array().unwrap().iter().map(refusal).collect();
    let expected = ["anonymous unauthenticated", "jwt:anna forbidden", "jwt:anna unauthenticated"];
    assert_eq!(actors.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    // Clocks may be apart as far as was said.
    whoami(&server, &with("exp", json!(now() - 5))).await.ok();
}

#[tokio::test]
async fn es256_and_hs256_are_verified_each_by_its_own_key() {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let point = pair.public_key().as_ref();
    let half = |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(&point[range]);
    let public = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": half(1..33), "y": half(33..65)});
    let folder = tempfile::tempdir().unwrap();
    let (file, secret) = (folder.path().join("keys.json"), folder.path().join("secret"));
    std::fs::write(&file, json!({"keys": [public]}).to_string()).unwrap();
    std::fs::write(&secret, [SECRET, b"\n"].concat()).unwrap();
    let keys = KeySources { files: vec![file], secret_file: Some(secret), ..KeySources::default() };
    let algorithms = vec![JwtAlgorithm::Es256, JwtAlgorithm::Hs256];
    let server = server_with(|options| options.jwt = Some(settings(algorithms, keys))).await;
    let sign = |message: &[u8]| pair.sign(&random, message).unwrap().as_ref().to_vec();
    let es256 = signed(&json!({"alg": "ES256"}), &claims(), sign);
    let hs256 = signed(&json!({"alg": "HS256"}), &claims(), |message| hmac(SECRET, message));
    until(&server, &es256, 200).await;
    whoami(&server, &hs256).await.ok();
    let confused = signed(&json!({"alg": "HS256"}), &claims(), |message| hmac(point, message));
    whoami(&server, &confused).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_key_that_changes_in_its_file_counts_without_a_restart() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let (server, folder) = by_file(&json!({"keys": [old.public()]})).await;
    until(&server, &old.token(&claims()), 200).await;
    std::fs::write(folder.path().join("keys.json"), json!({"keys": [new.public()]}).to_string()).unwrap();
    until(&server, &new.token(&claims()), 200).await;
    whoami(&server, &old.token(&claims())).await.problem(401, "unauthenticated");
    // A broken file changes nothing.
    std::fs::write(folder.path().join("keys.json"), "{").unwrap();
    whoami(&server, &new.token(&claims())).await.ok();
}

/// An issuer, whose key set is what a function answers to each request.
async fn issuer(
    answer: impl Fn(usize) -> axum::response::Response + Clone + Send + Sync + 'static,
) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let handler = move || {
        let (answer, nth) = (answer.clone(), asked.fetch_add(1, Ordering::Relaxed));
        async move { answer(nth) }
    };
    let router = Router::new().route("/keys", get(handler));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn by_url(url: String) -> Server {
    let keys = KeySources { url: Some(url), ..KeySources::default() };
    server_with(|options| options.jwt = Some(settings(public(), keys))).await
}

#[tokio::test]
async fn a_key_set_is_read_from_its_address() {
    let key = Arc::new(Key::new("k1"));
    let set = json!({"keys": [key.public()]}).to_string();
    let server = by_url(issuer(move |_| set.clone().into_response()).await).await;
    until(&server, &key.token(&claims()), 200).await;
}

#[tokio::test]
async fn a_key_set_that_is_huge_gone_broken_or_elsewhere_holds_up_nobody_and_gives_no_key() {
    let key = Key::new("k1");
    let set = json!({"keys": [key.public()]}).to_string();
    let elsewhere = issuer({
        let set = set.clone();
        move |_| set.clone().into_response()
    })
    .await;
    let huge = format!("{}{set}", " ".repeat(2 << 20));
    let secret = json!({"keys": [{"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)}]}).to_string();
    for broken in [
        issuer(move |_| huge.clone().into_response()).await,
        issuer(|_| StatusCode::NOT_FOUND.into_response()).await,
        issuer(|_| "<html>".into_response()).await,
        issuer(move |_| secret.clone().into_response()).await,
        issuer(move |_| Redirect::temporary(&elsewhere).into_response()).await,
        // Nobody listens there.
        "http://127.0.0.1:1/keys".to_owned(),
    ] {
        let server = by_url(broken.clone()).await;
        let refused = whoami(&server, &key.token(&claims())).await.problem(401, "unauthenticated");
        assert!(refused["detail"].as_str().unwrap().contains("key is not known"), "{broken}: {refused:#}");
        whoami(&server, &server.token).await.ok();
        server.running.stop().await;
    }
}

#[tokio::test]
async fn options_that_would_let_anybody_in_are_refused() {
    let start = async |settings: JwtSettings| {
        let dir = tempfile::tempdir().unwrap();
        let mut options = crate::support::options(&dir);
        options.jwt = Some(settings);
        midflight_server::start(options).await.map(drop).unwrap_err().to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let private = file("private", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let short = file("short", "short");
    let set = file("set", &json!({"keys": [Key::new("k").public()]}).to_string());
    let of_file =
        |file: &std::path::Path| KeySources { files: vec![file.to_owned()], ..KeySources::default() };
    let of_url = |url: &str| KeySources { url: Some(url.to_owned()), ..KeySources::default() };
    let of_secret = KeySources { secret_file: Some(short), ..KeySources::default() };
    for (keys, why) in [
        (KeySources::default(), "no key"),
        (of_file(&private), "private key"),
        (of_file(std::path::Path::new("/nowhere/key")), "/nowhere/key"),
        (of_secret, "at least 32 bytes"),
        (of_url("http://issuer.example/keys"), "use https"),
        (of_url("ftp://127.0.0.1/keys"), "use https"),
        (of_url("keys"), "invalid URL"),
    ] {
        let messages = start(settings(public(), keys)).await;
        assert!(messages.contains(why), "{messages}");
    }
    let mut no_one = settings(public(), of_file(&set));
    no_one.verify.audiences.clear();
    assert!(start(no_one).await.contains("no audience"));
}

#[tokio::test]
async fn agents_find_out_who_issues_tokens() {
    let (server, _folder) = by_file(&json!({"keys": [Key::new("k1").public()]})).await;
    let of_mcp = "/.well-known/oauth-protected-resource/mcp";
    let metadata = server.get(of_mcp).await.ok();
    assert_eq!(metadata["resource"], server.url("/mcp"));
    assert_eq!(metadata["authorization_servers"], json!([ISSUER]));
    let metadata = server.get("/.well-known/oauth-protected-resource").await.ok();
    assert_eq!(metadata["resource"], server.running.url());
    let by_proxy = server.request(Method::GET, of_mcp).header("x-forwarded-proto", "https");
    let by_proxy = answer(by_proxy).await.ok();
    assert!(by_proxy["resource"].as_str().unwrap().starts_with("https://"), "{by_proxy}");
    let refused =
        answer(server.anonymous(Method::POST, "/mcp").bearer_auth("mf_wrong").json(&json!({}))).await;
    let challenge = refused.headers["www-authenticate"].to_str().unwrap().to_owned();
    assert_eq!(
        challenge,
        format!("Bearer realm=\"midflight\", resource_metadata=\"{}\"", server.url(of_mcp))
    );
    refused.problem(401, "unauthenticated");
    let elsewhere = answer(server.anonymous(Method::GET, "/api/v1/status").bearer_auth("mf_wrong")).await;
    assert_eq!(elsewhere.headers["www-authenticate"], "Bearer realm=\"midflight\"");
}

/// A key of RSA, which ring does not generate; it is for this test alone.
const RSA: &[u8] = include_bytes!("keys/rsa.pem");
const RSA_PUBLIC: &str = include_str!("keys/rsa.pub.pem");
/// One that is too short to be trusted.
const RSA_SHORT: &str = include_str!("keys/rsa-1024.pub.pem");

fn rs256(message: &[u8]) -> Vec<u8> {
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from_pem_slice(RSA).unwrap();
    let pair = ring::signature::RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    let random = SystemRandom::new();
    pair.sign(&ring::signature::RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
    signature
}

/// The public half of the key of RSA, as an issuer publishes it.
fn rsa_of_set() -> Value {
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from_pem_slice(RSA).unwrap();
    let pair = ring::signature::RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let public = ring::signature::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
    let (n, e) = (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e));
    json!({"kty": "RSA", "kid": "r1", "alg": "RS256", "n": n, "e": e})
}

#[tokio::test]
async fn rs256_is_verified_by_a_key_of_a_set_and_by_one_in_pem() {
    let (of_set, _set) = by_file(&json!({"keys": [rsa_of_set()]})).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rsa.pem");
    std::fs::write(&file, RSA_PUBLIC).unwrap();
    let keys = KeySources { files: vec![file.clone()], ..KeySources::default() };
    let of_pem = server_with(|options| options.jwt = Some(settings(public(), keys))).await;
    let good = signed(&json!({"alg": "RS256"}), &claims(), rs256);
    for server in [&of_set, &of_pem] {
        assert_eq!(until(server, &good, 200).await["name"], "jwt:anna");
        let parts: Vec<_> = good.split('.').collect();
        let mut admin = claims();
        admin["roles"] = json!(["owners"]);
        for (wrong, why) in [
            (format!("{}.{}.{}", parts[0], encoded(&admin), parts[2]), "signature"),
            // The public key as the secret of an HMAC.
            (
                signed(&json!({"alg": "HS256"}), &claims(), |message| hmac(RSA_PUBLIC.as_bytes(), message)),
                "HS256 is not allowed",
            ),
            (signed(&json!({"alg": "RS512"}), &claims(), rs256), "RS512 is not allowed"),
            (signed(&json!({"alg": "ES256"}), &claims(), rs256), "key is not known"),
        ] {
            let refused = whoami(server, &wrong).await.problem(401, "unauthenticated");
            assert!(refused["detail"].as_str().unwrap().contains(why), "{why}: {refused:#}");
        }
    }
    // A key that is too short is no key.
    std::fs::write(&file, RSA_SHORT).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut options = crate::support::options(&dir);
    let keys = KeySources { files: vec![file], ..KeySources::default() };
    options.jwt = Some(settings(public(), keys));
    let refused = midflight_server::start(options).await.map(drop).unwrap_err().to_string();
    assert!(refused.contains("2048 bits"), "{refused}");
}

#[tokio::test]
async fn es256_and_eddsa_are_verified_by_keys_in_pem() {
    for algorithm in ["ES256", "EdDSA"] {
        let scheme = if algorithm == "ES256" { &rcgen::PKCS_ECDSA_P256_SHA256 } else { &rcgen::PKCS_ED25519 };
        let pair = rcgen::KeyPair::generate_for(scheme).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        std::fs::write(&file, pair.public_key_pem()).unwrap();
        let keys = KeySources { files: vec![file], ..KeySources::default() };
        let server = server_with(|options| options.jwt = Some(settings(public(), keys))).await;
        let pkcs8 = pair.serialize_der();
        let sign = |message: &[u8]| {
            if algorithm == "EdDSA" {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).unwrap();
                return pair.sign(message).as_ref().to_vec();
            }
            let random = SystemRandom::new();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &random).unwrap();
            pair.sign(&random, message).unwrap().as_ref().to_vec()
        };
        until(&server, &signed(&json!({"alg": algorithm}), &claims(), sign), 200).await;
        let other = if algorithm == "EdDSA" { "ES256" } else { "EdDSA" };
        let confused = signed(&json!({"alg": other}), &claims(), sign);
        whoami(&server, &confused).await.problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_key_set_that_never_comes_holds_up_nobody() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    // It accepts, and says nothing.
    let silent = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let server = by_url(url).await;
    let refused = whoami(&server, &Key::new("k1").token(&claims())).await.problem(401, "unauthenticated");
    assert!(refused["detail"].as_str().unwrap().contains("key is not known"), "{refused:#}");
    whoami(&server, &server.token).await.ok();
    // A stop does not wait for it either.
    tokio::time::timeout(DEADLINE, server.running.stop()).await.unwrap();
    silent.abort();
}

#[tokio::test]
async fn keys_that_an_issuer_replaces_count_as_soon_as_a_token_asks_for_them() {
    let (old, new) = (Arc::new(Key::new("old")), Arc::new(Key::new("new")));
    let sets = [json!({"keys": [old.public()]}).to_string(), json!({"keys": [new.public()]}).to_string()];
    let url = issuer(move |nth| sets[nth.min(1)].clone().into_response()).await;
    let server = by_url(url).await;
    until(&server, &old.token(&claims()), 200).await;
    // A token with an unknown key asks for the set again, at most every ten seconds; meanwhile the old one is good.
    whoami(&server, &new.token(&claims())).await.problem(401, "unauthenticated");
    whoami(&server, &old.token(&claims())).await.ok();
    until(&server, &new.token(&claims()), 200).await;
    whoami(&server, &old.token(&claims())).await.problem(401, "unauthenticated");
}
