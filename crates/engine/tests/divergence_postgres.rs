//! Logs on a real PostgreSQL that lose what replicas have served: a standby that is promoted too late, a restored
//! backup. No replica serves what the log does not say without saying so, and none mixes two histories (HR-14).
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

#[path = "support/words.rs"]
mod words;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use midflight_bus::{Bus as _, Hint, HintEvent, Hints, MemoryBus};
use midflight_core::{Outcome, RevisionNumber, Trigger};
use midflight_engine::{
    AppliedExtent, AwaitScope, EditMode, Engine, EngineStatus, Identity, InvalidPolicy, Refresh, Refusal,
};
use midflight_live::Live;
use midflight_store::{LastGoodFile, PostgresOptions, PostgresStore};
use midflight_testkit::{DEADLINE, Postgres};
use words::{WordMap, Words, edit, put};

const EVERYWHERE: EditMode =
    EditMode { invalid: InvalidPolicy::Refuse, reach: AwaitScope::Everywhere, extent: AppliedExtent::Edit };

struct Replica {
    engine: Engine,
    words: Live<WordMap>,
}

impl Replica {
    async fn start(url: &str, name: &str, bus: &MemoryBus, copies: Option<&Path>) -> Self {
        let options = PostgresOptions::new(url.parse().unwrap(), name);
        let options = PostgresOptions { connect_ms_max: 1_000, statement_ms_max: 5_000, ..options };
        let mut builder =
            Engine::builder().store(Arc::new(PostgresStore::new(options))).bus(Arc::new(bus.clone()));
        let slot = builder.kind(Words);
        builder.refresh(Refresh { enabled: true, period: Duration::from_millis(200) });
        builder.identity(Identity { id: name.to_owned(), has_others: true, ..Identity::default() });
        if let Some(copies) = copies {
            builder.last_good(LastGoodFile::new(copies.join(name)));
        }
        let engine = builder.start().await.unwrap();
        let words = engine.live(slot);
        Self { engine, words }
    }

    /// The texts of the words that are served, by name.
    fn stored(&self) -> Vec<(String, String)> {
        self.words.load().iter().map(|(name, word)| (name.to_string(), word.text.clone())).collect()
    }

    async fn edit(&self, name: &str, text: &str) -> RevisionNumber {
        let edited = self.engine.apply_with(edit([put(name, text)]), EVERYWHERE).await.unwrap();
        edited.revision.unwrap().number
    }

    async fn until(&self, what: &str, holds: impl Fn(&EngineStatus) -> bool) {
        let all = async {
            while !holds(&self.engine.status()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let status = || self.engine.status();
        tokio::time::timeout(DEADLINE, all).await.unwrap_or_else(|_| panic!("{what}: {:?}", status()));
    }

    async fn serves(&self, number: u64) {
        let number = RevisionNumber::new(number);
        self.until("to serve it", |status| status.served == number && status.store.error.is_none()).await;
    }

    async fn diverges(&self) {
        self.until("to diverge", |status| status.diverged.is_some()).await;
    }
}

fn announced(words: &[(&str, &str)]) -> Vec<(String, String)> {
    words.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The hint of a revision, with its change.
async fn hint_of(hints: &mut dyn Hints, number: RevisionNumber) -> Hint {
    let received = async {
        loop {
            if let Some(HintEvent::Hint(hint)) = hints.next().await
                && hint.head == number
            {
                return hint;
            }
        }
    };
    let hint = tokio::time::timeout(DEADLINE, received).await.unwrap();
    assert!(hint.change.is_some() && hint.announced.is_some());
    hint
}

/// Two replicas serve revision 5; the log that is there after is at 3, and goes on differently.
async fn loses_two(server: &mut Postgres, name: &str, is_standby: bool) {
    let url = server.database();
    let (bus, copies) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let mut hints = bus.subscribe().await.unwrap();
    let start = async |name: &str| Replica::start(&url, name, &bus, Some(copies.path())).await;
    let (a, b) = (start("a").await, start("b").await);
    for text in ["1", "2", "3"] {
        a.edit("x", text).await;
    }
    server.back_up(name, is_standby);
    let mut recorded = Vec::new();
    for (name, text) in [("x", "4, lost"), ("y", "5, lost")] {
        let number = a.edit(name, text).await;
        recorded.push(hint_of(&mut *hints, number).await);
    }
    let lost = announced(&[("x", "4, lost"), ("y", "5, lost")]);
    b.serves(5).await;

    server.fail_over_to(name, is_standby);
    a.diverges().await;
    b.diverges().await;
    let status = a.engine.status();
    let diverged = status.diverged.unwrap();
    assert_eq!((diverged.position.get(), diverged.found.number.get(), diverged.found_digest), (5, 3, None));
    assert_eq!((status.served.get(), a.stored(), b.stored()), (5, lost.clone(), lost.clone()));
    let refused = a.engine.apply(edit([put("z", "no")])).await.unwrap_err().refusal;
    assert!(matches!(&refused, Refusal::LogDiverged(_)), "{refused}");
    assert!(refused.to_string().contains("midflight log adopt"), "{refused}");
    let dry = a.engine.dry_run(edit([put("z", "no")])).await.unwrap_err().refusal;
    assert!(matches!(dry, Refusal::LogDiverged(_)), "{dry}");

    // A fresh replica follows what is there. What was said of the lost revisions, and proved by the key, is said again.
    let fresh = Replica::start(&url, "fresh", &bus, None).await;
    fresh.serves(3).await;
    for hint in recorded {
        bus.publish(hint).await.unwrap();
    }
    assert_eq!(fresh.edit("x", "4, new").await.get(), 4);
    assert_eq!(fresh.stored(), announced(&[("x", "4, new")]));

    // The numbers are level again, and the histories are not: nobody is mixed, and nobody is taken for level.
    let number = fresh.edit("z", "5, new").await;
    assert_eq!(number.get(), 5);
    let acks = fresh.engine.acks(number, Duration::from_millis(500)).await.unwrap();
    let serve: Vec<_> = acks
        .announced
        .iter()
        .filter(|(_, ack)| *ack == midflight_engine::AckState::Serves)
        .map(|(id, _)| id.as_str())
        .collect();
    assert_eq!(serve, ["fresh"], "{acks:?}");
    assert_eq!((a.stored(), b.stored()), (lost.clone(), lost.clone()));
    assert!(a.engine.status().diverged.unwrap().found_digest.is_some(), "it has another revision 5");

    // One that starts with its copy serves that, and says so.
    b.engine.stop().await;
    let b = start("b").await;
    let status = b.engine.status();
    assert!(status.diverged.is_some() && status.from_copy, "{status:?}");
    assert_eq!((status.served.get(), b.stored()), (5, lost));

    // Adopted, all serve what the log says.
    let new = announced(&[("x", "4, new"), ("z", "5, new")]);
    for replica in [&a, &b] {
        let event = replica.engine.adopt_log("anna", "two revisions were lost").await.unwrap();
        assert_eq!((event.outcome, event.trigger), (Outcome::Success.into(), Trigger::Adopt.into()));
        assert_eq!(event.triggered_by, "anna: two revisions were lost");
        let status = replica.engine.status();
        assert_eq!(
            (status.served.get(), status.diverged, status.from_copy, replica.stored()),
            (5, None, false, new.clone())
        );
    }
    assert_eq!(a.edit("x", "6").await.get(), 6);
    fresh.serves(6).await;
    b.serves(6).await;
    b.engine.stop().await;
    let b = start("b").await;
    assert_eq!(
        (b.engine.status().diverged, b.stored()),
        (None, a.stored()),
        "its copy is of the log that it adopted"
    );
    for replica in [a, b, fresh] {
        replica.engine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_missed_two_revisions_is_promoted() {
    loses_two(&mut Postgres::start(), "standby", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_two_revisions_ago_is_restored() {
    loses_two(&mut Postgres::start(), "backup", false).await;
}

/// The right log is back: nobody need do anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_continues_by_itself_when_its_log_is_back() {
    let mut server = Postgres::start();
    let url = server.database();
    let bus = MemoryBus::new();
    let a = Replica::start(&url, "a", &bus, None).await;
    a.edit("x", "1").await;
    server.back_up("other", false);
    a.edit("x", "2").await;
    server.fail_over_to("other", false);
    a.diverges().await;
    server.fail_over_to("data", false);
    a.until("to follow again", |status| status.diverged.is_none()).await;
    assert_eq!(a.edit("x", "3").await.get(), 3);
    a.engine.stop().await;
}
