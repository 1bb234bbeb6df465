//! The same connections and clients, made by the libraries alone.

use std::sync::Arc;

use futures_util::future::{join_all, try_join_all};
use redis::aio::MultiplexedConnection;
use redis::cmd;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::settings::Changes;
use crate::{DATABASE_CONNECTIONS, REDIS_CONNECTIONS, of};

/// What is needed to make them.
pub(crate) struct Bare {
    database: PgConnectOptions,
    watch: PgConnection,
    redis: redis::Client,
    models: String,
    level: reload::Handle<EnvFilter, Registry>,
    _subscriber: Dispatch,
}

/// What was made. It is closed apart, as an engine lets go of what it replaced when nobody waits for it.
pub(crate) struct Made {
    connections: Vec<PgConnection>,
    _lines: Vec<MultiplexedConnection>,
}

impl Bare {
    pub(crate) async fn new(settings: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let addr = text(&of(settings, "redis")["addr"]);
        let (filter, level) = reload::Layer::new(EnvFilter::new("info"));
        let subscriber = Dispatch::new(tracing_subscriber::registry().with(filter));
        let url = text(&of(settings, "database")["url"]);
        Self {
            watch: PgConnection::connect(&url).await.unwrap(),
            database: url.parse::<PgConnectOptions>().unwrap().application_name("bare"),
            redis: redis::Client::open(format!("redis://{addr}")).unwrap(),
            models: format!("{}/models", text(&of(settings, "llm")["base_url"])),
            level,
            _subscriber: subscriber,
        }
    }

    /// Makes what the changes ask for, all at a time.
    pub(crate) async fn make(&self, changes: Changes) -> Made {
        let (connections, lines, ()) = tokio::join!(
            async { if changes.database { self.connections().await } else { Vec::new() } },
            async { if changes.redis { self.lines().await } else { Vec::new() } },
            async {
                if changes.llm {
                    self.client().await;
                }
            },
        );
        if changes.log {
            let filter = EnvFilter::builder().with_regex(false).parse("info").unwrap();
            self.level.reload(filter).unwrap();
        }
        Made { connections, _lines: lines }
    }

    /// Closes it, and waits until the server has: what it has to do for that is not to be measured with the next.
    pub(crate) async fn close(&mut self, made: Made) {
        join_all(made.connections.into_iter().map(PgConnection::close)).await;
        let there = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bare'";
        while sqlx::query_scalar::<_, i64>(there).fetch_one(&mut self.watch).await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn connections(&self) -> Vec<PgConnection> {
        let open = || async {
            let mut connection = PgConnection::connect_with(&self.database).await?;
            sqlx::query("SELECT 1").execute(&mut connection).await?;
            Ok::<_, sqlx::Error>(connection)
        };
        try_join_all((0..DATABASE_CONNECTIONS).map(|_| open())).await.unwrap()
    }

    async fn lines(&self) -> Vec<MultiplexedConnection> {
        let open = || async {
            let mut connection = self.redis.get_multiplexed_async_connection().await?;
            cmd("PING").query_async::<redis::Value>(&mut connection).await?;
            Ok::<_, redis::RedisError>(connection)
        };
        try_join_all((0..REDIS_CONNECTIONS).map(|_| open())).await.unwrap()
    }

    async fn client(&self) {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).build().unwrap();
        let answer = client.get(&self.models).bearer_auth("key").send().await.unwrap();
        assert!(answer.status().is_success());
    }
}

/// A server that answers everything with an empty object; its port.
pub(crate) async fn double() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                while let Ok(1..) = stream.read(&mut request).await {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.ok();
                }
            });
        }
    });
    port
}
