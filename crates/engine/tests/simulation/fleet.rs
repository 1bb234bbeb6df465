//! The replicas, what happens to them, and what must hold all the while.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use midflight_core::{Appended, Change, RevisionNumber, Trigger};
use midflight_engine::{Engine, Refresh, Refusal, ReloadScope, schedule_id};
use midflight_live::Live;
use midflight_store::{LastGoodFile, MemoryStore, NewRevision, RevisionLog as _};
use serde_json::json;
use tempfile::TempDir;

use crate::bus::Air;
use crate::model;
use crate::store::{Primary, SimStore};
use crate::words::{WordMap, Words, edit, id, put};

const REPLICAS: usize = 3;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What whoever edited was told.
#[derive(Default)]
struct Told {
    /// The marks of edits that were acknowledged, with their revisions.
    acknowledged: Vec<(String, RevisionNumber)>,
    /// The marks of edits that were refused for what they say.
    refused: Vec<String>,
}

struct Replica {
    engine: Engine,
    words: Live<WordMap>,
    store: SimStore,
    /// How far its clock is off, in seconds.
    off: Arc<AtomicI64>,
    /// The newest revision that it was seen to serve since an operator last made it adopt the log.
    served: RevisionNumber,
}

/// A fleet of replicas, each up or down.
pub(crate) struct Fleet {
    rng: Rng,
    log: Primary,
    /// Copies of the log as it was at some time.
    backups: Vec<MemoryStore>,
    /// What logs said that another one took the place of.
    lost: Vec<Vec<Appended>>,
    air: Air,
    replicas: Vec<Option<Replica>>,
    copies: TempDir,
    message: Arc<Mutex<Told>>,
    marks: u64,
}

impl Fleet {
    pub(crate) async fn new(seed: u64) -> Self {
        let mut fleet = Self {
            rng: Rng::with_seed(seed),
            log: Primary::new(MemoryStore::new()),
            backups: Vec::new(),
            lost: Vec::new(),
            air: Air::new(seed, REPLICAS),
            replicas: (0..REPLICAS).map(|_| None).collect(),
            copies: tempfile::tempdir().unwrap(),
            message: Arc::default(),
            marks: 0,
        };
        for place in 0..REPLICAS {
            fleet.start(place).await;
        }
        fleet
    }

    async fn start(&mut self, place: usize) {
        let store = SimStore::new(self.log.clone(), self.rng.u64(..));
        let off = Arc::new(AtomicI64::new(0));
        let mut builder = Engine::builder().store(Arc::new(store.clone())).bus(Arc::new(self.air.end(place)));
        let slot = builder.kind(Words);
        let of_clock = Arc::clone(&off);
        builder
            .inline_work(true)
            .refresh(Refresh { enabled: true, period: Duration::from_secs(30) })
            .last_good(LastGoodFile::new(self.copies.path().join(place.to_string())))
            .clock(Arc::new(move || {
                Timestamp::UNIX_EPOCH
                    + SignedDuration::from_secs(1_000_000 + of_clock.load(Ordering::Relaxed))
            }));
        // One that starts while the log is away has its own copy, or nothing to serve, and then it says so.
        let unavailable = self.rng.u8(0..4) == 0;
        store.unavailable(unavailable);
        let kept = LastGoodFile::new(self.copies.path().join(place.to_string())).read().unwrap();
        let Ok(engine) = builder.start().await else { return };
        if let Some(kept) = kept.filter(|_| !unavailable) {
            let (_, digests) = self.log.now().digests(&[kept.at.position]).await.unwrap();
            let is_known = digests == [kept.at.head.map(|head| head.digest)];
            let diverged = engine.status().diverged;
            assert_eq!(diverged.is_none(), is_known, "HR-14: it had served {:?}: {diverged:?}", kept.at);
        }
        let words = engine.live(slot);
        self.replicas[place] = Some(Replica { served: engine.served(), engine, words, store, off });
    }

    fn log(&self) -> Vec<Appended> {
        let all = futures_util::FutureExt::now_or_never(self.log.now().since(RevisionNumber::ZERO, u32::MAX));
        all.unwrap().unwrap()
    }

    /// One thing happens.
    pub(crate) async fn step(&mut self) {
        let place = self.rng.usize(0..REPLICAS);
        match self.rng.u8(0..24) {
            0..=7 => self.edit(place),
            8 => self.crash(place).await,
            9 if self.replicas[place].is_none() => self.start(place).await,
            10 | 11 => {
                let unavailable = self.rng.bool();
                self.replicas[place].iter().for_each(|replica| replica.store.unavailable(unavailable));
            }
            12 => self.air.cut_off(place, self.rng.bool()),
            13 => self.air.replay(),
            14 => self.air.forge(),
            15 => {
                let jump = self.rng.i64(-100_000..100_000);
                self.replicas[place].iter().for_each(|replica| replica.off.store(jump, Ordering::Relaxed));
            }
            16 => self.by_hand().await,
            17 => self.schedule(place),
            18 => self.force(place),
            19 => self.backups.push(self.log.now().copy()),
            20 => self.lose(),
            21 => self.adopt(place).await,
            _ => tokio::time::sleep(Duration::from_millis(self.rng.u64(0..3_000))).await,
        }
        tokio::time::sleep(Duration::from_millis(self.rng.u64(0..60))).await;
    }

    /// An edit of one to three words, sometimes one that must be refused, made by somebody who does not wait for it.
    fn edit(&mut self, place: usize) {
        let Some(replica) = &self.replicas[place] else { return };
        self.marks += 1;
        let mark = format!("mark {}", self.marks);
        let mut names: Vec<_> = NAMES.to_vec();
        self.rng.shuffle(&mut names);
        let count = self.rng.usize(1..4);
        let wrong = self.rng.u8(0..6) == 0;
        let change = |name: &&str| put(name, &mark);
        let mut changes: Vec<_> = names[..count].iter().map(change).collect();
        if wrong {
            let body = match self.rng.bool() {
                true => json!({"text": 3, "mark": mark}),
                false => json!({"text": mark, "needs": "nobody"}),
            };
            changes.push(Change::put(id(names[count]), body));
        } else if self.rng.u8(0..4) == 0 {
            changes.push(Change::delete(id(names[count])));
        }
        let (engine, message) = (replica.engine.clone(), Arc::clone(&self.message));
        tokio::spawn(async move {
            let answer = engine.apply(edit(changes)).await;
            let mut message = message.lock().unwrap();
            match answer.map_err(|refused| refused.refusal) {
                Ok(accepted) => {
                    let revision = accepted.revision.map(|revision| revision.number);
                    message.acknowledged.extend(revision.map(|revision| (mark, revision)));
                }
                Err(Refusal::Invalid(_)) => message.refused.push(mark),
                // Whether it is in the log is not known: the answer was lost, or it was cut off in the middle.
                Err(_) => {}
            }
        });
    }

    /// Somebody schedules an edit for a time that is near or past, by whatever the replicas take the time to be.
    fn schedule(&mut self, place: usize) {
        let Some(replica) = &self.replicas[place] else { return };
        self.marks += 1;
        let mark = format!("mark {}", self.marks);
        let name = *self.rng.choice(&NAMES).unwrap();
        let at =
            Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_000_000 + self.rng.i64(-100_000..100_000));
        let change = json!({"op": "put", "kind": "words", "name": name, "body": {"text": mark}});
        let body = json!({"changes": [change], "not_before": at.to_string()});
        let id = schedule_id(&format!("s{}", self.marks)).unwrap();
        let engine = replica.engine.clone();
        tokio::spawn(async move { engine.apply(edit([Change::put(id, body)])).await });
    }

    /// The log loses its newest revisions, and goes on from an earlier state: a late standby is promoted, or a backup
    /// restored.
    fn lose(&mut self) {
        let Some(backup) = self.rng.choice(&self.backups).cloned() else { return };
        self.lost.push(self.log());
        self.log.becomes(backup.copy());
    }

    /// An operator makes a replica follow the log as it is, whether or not that is needed.
    async fn adopt(&mut self, place: usize) {
        let Some(replica) = &mut self.replicas[place] else { return };
        replica.engine.adopt_log("an operator", "the simulation").await.unwrap();
        replica.served = RevisionNumber::ZERO;
    }

    /// Somebody asks for everything to be compiled anew, and does not wait for it.
    fn force(&mut self, place: usize) {
        let Some(replica) = &self.replicas[place] else { return };
        let engine = replica.engine.clone();
        tokio::spawn(
            async move { engine.reload(Trigger::Schedule, "a schedule", ReloadScope::Everything).await },
        );
    }

    /// Ends a replica as a power cut does: nothing of it reaches the log any more.
    async fn crash(&mut self, place: usize) {
        if let Some(replica) = self.replicas[place].take() {
            replica.store.end();
            replica.engine.stop().await;
        }
    }

    /// Somebody with access to the database adds a revision that may not hold.
    async fn by_hand(&mut self) {
        let name = *self.rng.choice(&NAMES).unwrap();
        let other = *self.rng.choice(&NAMES).unwrap();
        let body = match self.rng.u8(0..3) {
            0 => json!({"text": 3}),
            1 => json!({"text": "by hand", "needs": "nobody"}),
            _ => json!({"text": "by hand"}),
        };
        let mut changes = vec![Change::put(id(name), body)];
        if other != name {
            changes.push(put(other, "by hand, too"));
        }
        match self.rng.u8(0..4) {
            0 => changes.push(self.check(name)),
            1 => changes.push(Change::delete(id(&format!("checks/{name}")))),
            _ => {}
        }
        let edit = edit(changes);
        let expected_head = self.log.now().head().await.unwrap();
        let new = NewRevision {
            edit: &edit,
            created_at: Timestamp::UNIX_EPOCH,
            expected_head,
            documents_max: 1_000,
        };
        self.log.now().append(new).await.unwrap();
    }

    /// A check on a word, which the revision that puts it, or a later one, may break.
    fn check(&mut self, name: &str) -> Change {
        let expect = *self.rng.choice(&["by hand", "by hand, too"]).unwrap();
        Change::put(id(&format!("checks/{name}")), json!({"input": name, "expect": expect}))
    }

    /// What is scheduled is done by one revision, which is the schedule's end too, or by none.
    fn scheduled_is_done_once(log: &[Appended]) {
        let of_kind = |one: &Appended, kind: &str, is_put: bool| -> Vec<_> {
            let wanted = one.documents.iter().filter(|it| it.id.kind.as_str() == kind);
            wanted.filter(|it| it.body.is_some() == is_put).map(|it| it.id.name.clone()).collect()
        };
        let mut done = BTreeSet::new();
        for one in log.iter().filter(|one| one.revision.trigger == Trigger::Schedule) {
            if of_kind(one, "schedules", true).is_empty() {
                let ended = of_kind(one, "schedules", false);
                let counts = (of_kind(one, "words", true).len(), ended.len());
                assert_eq!(counts, (1, 1), "revision {} of {}", one.revision.number, model::message(log));
                assert!(
                    done.insert(ended[0].clone()),
                    "{} was done twice: {}",
                    ended[0],
                    model::message(log)
                );
            }
        }
    }

    /// HR-1, HR-2, HR-8, HR-14: what is served is what the log says at the revision that is told, without what is said
    /// to be left out; or what one of the logs said that are lost, but never a mix of two. HR-3: it never goes back.
    /// HR-7: what was acknowledged is in the log and what was refused is not.
    pub(crate) fn hold_invariants(&mut self) {
        let log = self.log();
        let histories: Vec<_> = [&log].into_iter().chain(&self.lost).collect();
        Self::scheduled_is_done_once(&log);
        for replica in self.replicas.iter_mut().flatten() {
            let words = replica.words.load();
            let (at, world) = (words.revision(), words.world());
            let left_out: BTreeSet<_> = world.quarantined().iter().copied().collect();
            let served: Vec<_> = words.iter().map(|(name, word)| (name.clone(), word.text.clone())).collect();
            let is_said = |history: &&Vec<Appended>| {
                let is_there = history.len() as u64 >= at.get();
                is_there && model::state(history, at, &left_out).into_iter().eq(served.iter().cloned())
            };
            assert!(
                histories.iter().any(is_said),
                "HR-1: {served:?} at revision {at} without {left_out:?} of {}",
                histories.iter().map(|history| model::message(history)).collect::<Vec<_>>().join("\n--")
            );
            let last = || replica.engine.status().last_reload;
            assert!(at >= replica.served, "HR-3: {at} is served after {}: {:#?}", replica.served, last());
            replica.served = at;
        }
        let message = self.message.lock().unwrap();
        let texts = |one: &Appended| {
            one.documents.iter().filter_map(|it| Some(it.body.as_ref()?["text"].clone())).collect::<Vec<_>>()
        };
        for (mark, revision) in &message.acknowledged {
            let mut there =
                histories.iter().flat_map(|log| log.iter()).filter(|one| one.revision.number == *revision);
            assert!(there.any(|one| texts(one).contains(&json!(mark))), "HR-7: {mark} is not at {revision}");
        }
        for mark in &message.refused {
            assert!(
                !histories.iter().flat_map(|log| log.iter()).any(|one| texts(one).contains(&json!(mark))),
                "HR-7: {mark} was refused and is there"
            );
        }
    }

    /// Everything works again: every replica ends level with the log, by itself (HR-4, HR-9).
    pub(crate) async fn heal_and_converge(mut self) {
        for place in 0..REPLICAS {
            self.replicas[place].iter().for_each(|replica| replica.store.unavailable(false));
            self.air.cut_off(place, false);
            while self.replicas[place].is_none() {
                self.start(place).await;
            }
            self.replicas[place].iter().for_each(|replica| replica.store.unavailable(false));
            // By then everything that was scheduled is due.
            self.replicas[place].iter().for_each(|replica| replica.off.store(200_000, Ordering::Relaxed));
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        self.hold_invariants();
        // Those whose log was lost say so, and wait for an operator.
        for place in 0..REPLICAS {
            if self.replicas[place].as_ref().is_some_and(|replica| replica.engine.status().diverged.is_some())
            {
                self.adopt(place).await;
            }
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        self.hold_invariants();
        let head = self.log.now().head().await.unwrap();
        let level_with = Some(head);
        let head = head.number;
        for replica in self.replicas.iter().flatten() {
            let status = replica.engine.status();
            let left_out: BTreeSet<_> = status.quarantined.keys().copied().collect();
            // What is left out at the end of the log gives no new world.
            let mut level = head;
            while left_out.contains(&level) {
                level = RevisionNumber::new(level.get() - 1);
            }
            assert_eq!((status.desired, status.store.error, status.diverged), (head, None, None));
            assert_eq!(status.position, level_with, "HR-14: of the same history");
            assert!(
                status.served >= level,
                "HR-9: {} of {head} is served, without {left_out:?}",
                status.served
            );
            assert!(!status.from_copy, "what was kept was held against the log");
            let waiting = replica.engine.schedules().into_iter().filter(|it| it.next_at.is_some());
            let waiting: Vec<_> = waiting.map(|it| it.id).collect();
            assert!(waiting.is_empty(), "{waiting:?} is due and not done: {}", model::message(&self.log()));
        }
        self.all_serve_the_same();
        for replica in self.replicas.iter().flatten() {
            replica.engine.stop().await;
        }
    }

    /// HR-16: however each came to the head of the log, all leave out the same and serve the same.
    fn all_serve_the_same(&self) {
        let served = |replica: &Replica| {
            let words = replica.words.load();
            (words.revision(), words.world().quarantined().to_vec(), (*words).clone())
        };
        let mut worlds = self.replicas.iter().flatten().map(served);
        let first = worlds.next().unwrap();
        for world in worlds {
            assert_eq!(world, first, "HR-16: {}", model::message(&self.log()));
        }
    }
}

/// One replica keeps what it serves; the next one of its name starts while the log is away, serves that, says so, and
/// is level with the log once that is back.
pub(crate) async fn start_without_the_log() {
    let (log, folder) = (MemoryStore::new(), tempfile::tempdir().unwrap());
    let start = async |unavailable: bool| {
        let store = SimStore::new(Primary::new(log.clone()), 7);
        store.unavailable(unavailable);
        let mut builder = Engine::builder().store(Arc::new(store.clone()));
        let slot = builder.kind(Words);
        builder.inline_work(true).last_good(LastGoodFile::new(folder.path().join("copy")));
        builder.start().await.map(|engine| (engine.live(slot), engine, store))
    };
    assert!(start(true).await.is_err(), "without a log and without a copy there is nothing to serve");
    let (_, engine, _) = start(false).await.unwrap();
    // The store loses an answer now and then; what it took is unchanged the next time.
    while engine.apply(edit([put("a", "one"), put("b", "two")])).await.is_err() {}
    engine.stop().await;

    let (words, engine, store) = start(true).await.unwrap();
    let status = engine.status();
    assert_eq!((status.served, status.from_copy, words.load().len()), (RevisionNumber::new(1), true, 2));
    assert!(!status.store.available && engine.history().last().unwrap().outcome.is_live());
    let refused = engine.apply(edit([put("a", "three")])).await.unwrap_err();
    assert!(matches!(refused.refusal, Refusal::Store(_)), "{refused}");

    let other = edit([put("b", "four"), Change::delete(id("a"))]);
    let expected_head = log.head().await.unwrap();
    let new =
        NewRevision { edit: &other, created_at: Timestamp::UNIX_EPOCH, expected_head, documents_max: 9 };
    log.append(new).await.unwrap();
    store.unavailable(false);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let status = engine.status();
    assert_eq!((status.served, status.from_copy, status.store.error), (RevisionNumber::new(2), false, None));
    assert_eq!(words.load().values().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["four"]);
    engine.stop().await;
}
