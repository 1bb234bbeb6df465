//! Several servers on one log, and short ways to ask them.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_testkit::{DEADLINE, Midflight, Nats, Postgres, Redis, TOKEN};
use serde_json::{Value, json};

/// How often something is looked at that takes milliseconds.
const LOOK: Duration = Duration::from_millis(2);

/// What carries the hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hints {
    Redis,
    Postgres,
    Nats,
}

/// The server that carries the hints, if it is one of its own.
pub(crate) enum Carrier {
    Redis(Redis),
    Nats(Nats),
    None,
}

impl Carrier {
    pub(crate) fn start(hints: Hints) -> Self {
        match hints {
            Hints::Redis => Self::Redis(Redis::start()),
            Hints::Nats => Self::Nats(Nats::start()),
            Hints::Postgres => Self::None,
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> Option<u16> {
        match self {
            Self::Redis(redis) => Some(redis.port()),
            Self::Nats(nats) => Some(nats.port()),
            Self::None => None,
        }
    }

    /// What `--bus` takes.
    pub(crate) fn flag(&self) -> String {
        match self {
            Self::Redis(redis) => redis.url(),
            Self::Nats(nats) => nats.url(),
            Self::None => "postgres".to_owned(),
        }
    }
}

/// Servers on one log.
pub(crate) struct Fleet {
    pub(crate) replicas: Vec<Midflight>,
    pub(crate) ask: Asker,
    _carrier: Carrier,
    pub(crate) log: String,
    /// The servers beneath, as long as the fleet.
    _postgres: Arc<Postgres>,
}

impl Fleet {
    /// Replicas on a log of their own in the shared PostgreSQL.
    pub(crate) fn start(replicas: usize, hints: Hints) -> Self {
        let postgres = Postgres::shared();
        let (log, carrier) = (postgres.database(), Carrier::start(hints));
        let flags = flags(&log, &carrier.flag());
        let replicas = (0..replicas).map(|_| serve(&flags)).collect();
        Self { replicas, ask: Asker::new(), log, _carrier: carrier, _postgres: postgres }
    }

    pub(crate) fn url(&self, replica: usize) -> &str {
        self.replicas[replica].url()
    }
}

/// The flags of a replica.
pub(crate) fn flags(log: &str, bus: &str) -> [String; 4] {
    ["--store".to_owned(), log.to_owned(), "--bus".to_owned(), bus.to_owned()]
}

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_midflight"))
}

pub(crate) fn serve(flags: &[String]) -> Midflight {
    Midflight::start(binary(), &flags.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Asks servers. Cloning it shares its connections.
#[derive(Clone)]
pub(crate) struct Asker(reqwest::Client);

impl Asker {
    pub(crate) fn new() -> Self {
        // One that is paused answers nobody; whoever asks it gives up.
        midflight_testkit::choose_cryptography();
        Self(reqwest::Client::builder().timeout(DEADLINE).build().unwrap())
    }

    pub(crate) async fn get(&self, url: &str, path: &str) -> Result<Value, String> {
        let sent = self.0.get(format!("{url}{path}")).send().await.map_err(|error| error.to_string())?;
        sent.json().await.map_err(|error| error.to_string())
    }

    /// Makes an edit of one document of the kind `rules`, and answers the status with what was said.
    pub(crate) async fn put(
        &self,
        url: &str,
        name: &str,
        body: &Value,
        query: &str,
    ) -> Result<(u16, Value), String> {
        let changes = json!([{"op": "put", "kind": "rules", "name": name, "body": body}]);
        let request = self.0.post(format!("{url}/api/v1/apply{query}")).bearer_auth(TOKEN);
        let sent = request.json(&json!({ "changes": changes })).send().await;
        let sent = sent.map_err(|error| error.to_string())?;
        let status = sent.status().as_u16();
        Ok((status, sent.json().await.map_err(|error| error.to_string())?))
    }

    /// Posts as the administrator, and answers the status with what was said.
    pub(crate) async fn post(&self, url: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = self.0.post(format!("{url}{path}")).bearer_auth(TOKEN);
        let sent = request.json(body).send().await.unwrap();
        (sent.status().as_u16(), sent.json().await.unwrap())
    }

    /// Puts a server's own config, and answers the status.
    pub(crate) async fn config(&self, url: &str, body: &Value) -> reqwest::StatusCode {
        let request = self.0.put(format!("{url}/api/v1/config/midflight")).bearer_auth(TOKEN);
        request.json(body).send().await.unwrap().status()
    }

    /// Makes an edit that must be taken, and answers its revision.
    pub(crate) async fn edit(&self, url: &str, name: &str, body: &Value) -> u64 {
        let (status, output) = self.put(url, name, body, "").await.unwrap();
        assert!(matches!(status, 200 | 201), "{status}: {output}");
        output["revision"].as_u64().unwrap()
    }

    /// The revision that a server serves; none when it does not answer.
    pub(crate) async fn served(&self, url: &str) -> Option<u64> {
        self.get(url, "/api/v1/status").await.ok()?["served_revision"].as_u64()
    }

    /// What a server answers to who is that old, with the revision that it answers from.
    pub(crate) async fn recommended(&self, url: &str, age: u64) -> Option<(u64, Value)> {
        let request = self.0.post(format!("{url}/api/v1/rules/execute"));
        let output: Value =
            request.json(&json!({"data": {"age": age}})).send().await.ok()?.json().await.ok()?;
        Some((output["revision"].as_u64()?, output["action_recommendation"].clone()))
    }

    /// Waits until a server serves a revision.
    pub(crate) async fn until_served(&self, url: &str, revision: u64) {
        let served = until(|| async { self.served(url).await.filter(|served| *served >= revision) }).await;
        assert!(served >= revision);
    }

    /// Its health of hot reloading.
    pub(crate) async fn health(&self, url: &str) -> Value {
        self.get(url, "/health/hot-reload").await.unwrap()
    }
}

/// Asks until there is an answer.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "timed out");
        tokio::time::sleep(LOOK).await;
    }
}

/// A condition that everybody passes who is old enough.
pub(crate) fn condition(age: u64) -> Value {
    json!({"attribute": "age", "operator": "greater_than_or_equal", "constant": age})
}

/// Rules that say how old one must be: a set, a rule, and the condition `old`.
pub(crate) async fn adults(ask: &Asker, url: &str) -> u64 {
    let rule = json!({"conditions": {"all": ["old"]}, "rule_point": 1, "action_result": "Y"});
    ask.edit(url, "conditions/old", &condition(18)).await;
    ask.edit(url, "adults", &json!({"default": true, "patterns": {"Y": "let in", "-": "send home"}})).await;
    ask.edit(url, "adults/old", &rule).await
}
