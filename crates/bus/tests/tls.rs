//! Hints over encrypted connections to real servers, whose certificate a test authority signed.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::path::Path;
use std::sync::Arc;

use midflight_bus::{
    Bus, BusError, NatsBus, NatsOptions, PostgresBus, PostgresBusOptions, RedisBus, RedisOptions, Seal,
};
use midflight_testkit::{CertificateAuthority, DEADLINE, IssuedCertificate, Nats, Postgres, Redis};

type Opened = Result<Arc<dyn Bus>, BusError>;

fn redis(url: &str) -> Opened {
    Ok(Arc::new(RedisBus::new(RedisOptions::new(url), &sealed())?))
}

fn nats(url: &str) -> Opened {
    Ok(Arc::new(NatsBus::new(NatsOptions::new(url), &sealed())?))
}

fn postgres(url: &str) -> Opened {
    Ok(Arc::new(PostgresBus::new(PostgresBusOptions::new(url), &sealed())?))
}

fn sealed() -> Seal {
    let seal = Seal::new();
    seal.know([7; 32]);
    seal
}

/// Connects with the authority that signed the certificate, and fails with another one.
async fn check(url: &str, before: &str, open: fn(&str) -> Opened, authority: &CertificateAuthority) {
    let folder = tempfile::tempdir().unwrap();
    let with = |file: &Path| format!("{url}{before}sslrootcert={}", file.display());
    let bus = open(&with(&authority.write(folder.path()))).unwrap();
    let connected = async {
        while !bus.status().connected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, connected).await.unwrap();
    let stranger = tempfile::tempdir().unwrap();
    let bus = open(&with(&CertificateAuthority::new().write(stranger.path()))).unwrap();
    let refused = async {
        loop {
            let status = bus.status();
            assert!(!status.connected);
            if let Some(error) = status.last_error {
                return error;
            }
            tokio::task::yield_now().await;
        }
    };
    let error = tokio::time::timeout(DEADLINE, refused).await.unwrap();
    assert!(error.contains("UnknownIssuer"), "{error}");
}

fn certificate(authority: &CertificateAuthority) -> IssuedCertificate {
    authority.server(&["127.0.0.1", "localhost"])
}

#[tokio::test]
async fn redis_is_trusted_by_the_authority_of_the_url_alone() {
    let authority = CertificateAuthority::new();
    let server = Redis::start_with_tls(&certificate(&authority));
    check(&server.url(), "?", redis, &authority).await;
    let missing = redis(&format!("{}?sslrootcert=/nowhere/ca.pem", server.url())).err().unwrap().to_string();
    assert!(missing.contains("/nowhere/ca.pem"), "{missing}");
}

#[tokio::test]
async fn nats_is_trusted_by_the_authority_of_the_url_alone() {
    let authority = CertificateAuthority::new();
    let server = Nats::start_with_tls(&certificate(&authority));
    check(&server.url(), "?", nats, &authority).await;
    let missing = nats(&format!("{}?sslrootcert=/nowhere/ca.pem", server.url())).err().unwrap().to_string();
    assert!(missing.contains("/nowhere/ca.pem"), "{missing}");
}

#[tokio::test]
async fn postgres_is_trusted_by_the_authority_of_the_url_alone() {
    let authority = CertificateAuthority::new();
    let server = Postgres::start_with_tls(&certificate(&authority));
    check(&server.database(), "?sslmode=verify-full&", postgres, &authority).await;
}
