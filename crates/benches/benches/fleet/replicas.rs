//! Engines that follow one log, each with its own connections, as servers have them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_benches::{Shape, rule_name};
use midflight_bus::{Bus, Seal};
use midflight_core::{Change, DocumentId, Edit, RevisionNumber, Trigger};
use midflight_engine::{Engine, Identity, Refresh};
use midflight_rules::Rules;
use midflight_store::{LastGoodFile, PostgresOptions, PostgresStore};
use tokio::sync::mpsc;

/// Engines on one log, and when each came to serve what.
pub(crate) struct Replicas {
    pub(crate) engines: Vec<Engine>,
    served: mpsc::UnboundedReceiver<(usize, RevisionNumber, Instant)>,
}

impl Replicas {
    pub(crate) async fn start(count: usize, log: &str, bus: impl Fn(&Seal) -> Arc<dyn Bus>) -> Self {
        let mut engines = Vec::new();
        for replica in 0..count {
            let seal = Seal::new();
            let engine = engine(log, &format!("r{replica}"), bus(&seal), None).await;
            seal.know(engine.store().hint_key().await.unwrap());
            engines.push(engine);
        }
        Self::of(engines)
    }

    /// Engines that follow one log already.
    pub(crate) fn of(engines: Vec<Engine>) -> Self {
        let (message, served) = mpsc::unbounded_channel();
        for (replica, engine) in engines.iter().enumerate() {
            let (mut changes, message) = (engine.changes(), message.clone());
            tokio::spawn(async move {
                loop {
                    let revision = changes.changed().await;
                    if message.send((replica, revision, Instant::now())).is_err() {
                        return;
                    }
                }
            });
        }
        Self { engines, served }
    }

    /// When the last of them served that revision or a later one.
    pub(crate) async fn all_serve(&mut self, revision: RevisionNumber) -> Instant {
        let mut first: Vec<Option<Instant>> = vec![None; self.engines.len()];
        while first.iter().any(Option::is_none) {
            let (replica, served, at) = self.served.recv().await.unwrap();
            if served >= revision {
                first[replica].get_or_insert(at);
            }
        }
        first.into_iter().flatten().max().unwrap()
    }

    pub(crate) async fn stop(self) {
        for engine in &self.engines {
            engine.stop().await;
            engine.store().close().await;
        }
    }
}

/// An engine on a log.
pub(crate) async fn engine(log: &str, id: &str, bus: Arc<dyn Bus>, copy: Option<LastGoodFile>) -> Engine {
    let store = PostgresStore::new(PostgresOptions::new(log.parse().unwrap(), id));
    let mut builder = Engine::builder().store(Arc::new(store)).bus(bus);
    builder.kind(Rules);
    // What is followed is followed by hints.
    builder.refresh(Refresh { enabled: true, period: Duration::from_secs(3600) });
    builder.identity(Identity { id: id.to_owned(), has_others: true, ..Identity::default() });
    if let Some(file) = copy {
        builder.last_good(file);
    }
    builder.start().await.unwrap()
}

/// A change of rule `n` that makes it another.
pub(crate) fn change(n: usize, priority: usize) -> Change {
    let mut rule = Shape::Equality.rule(n);
    rule["priority"] = priority.into();
    Change::put(DocumentId::new("rules", rule_name(n).as_str()).unwrap(), rule)
}

pub(crate) fn edit(changes: Vec<Change>) -> Edit {
    Edit::new("bench", Trigger::ApiUpdate, changes)
}

/// The ruleset and so many rules.
pub(crate) fn everything(rules: usize) -> Vec<Change> {
    let put = |(name, body): (midflight_core::DocumentName, serde_json::Value)| {
        Change::put(DocumentId::new("rules", name.as_str()).unwrap(), body)
    };
    Shape::Equality.documents(rules).into_iter().map(put).collect()
}
