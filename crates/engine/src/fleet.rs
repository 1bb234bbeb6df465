//! The reports of this replica to the others that follow the log, and their reports: who serves what.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{Digest, RevisionNumber, Trigger};
use midflight_store::{Replica, SeenReplica, Store, StoreError};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::follower::{Wake, WakeSignal};
use crate::sealed_inputs::SealedInputs;
use crate::status::CoordinatorState;

/// How often a replica reports, when nothing changes. Cost: two updates of one small row a second for each replica, not
/// flushed to the disk.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// A replica that reported nothing for longer than this is silent: it missed a heartbeat, and the next is due.
pub const REPLICA_SILENT_AFTER: Duration = Duration::from_millis(1000);
/// How far apart reports of changes are at least: however many edits there are, a replica writes at most ten a second.
const REPORT_PAUSE: Duration = Duration::from_millis(100);
/// A replica that did not report for so long does not count any more when a caller waits for all.
const ALIVE: Duration = Duration::from_secs(7);
/// After so long it is forgotten.
const REMEMBERED: Duration = Duration::from_secs(300);
/// After how many of its reports a replica checks whether there are others at all.
const REPORTS_PER_LOOK: u32 = 10;
/// How often what the others report is read while a caller waits and no report is notified: a replica of an earlier
/// version does not notify, and not every bus carries it. All who wait share one look.
const LOOK: Duration = Duration::from_millis(100);
/// How far apart looks are at least, however many reports are notified.
const LOOK_PAUSE: Duration = Duration::from_millis(2);
/// How long a stop may take to deregister.
const GOODBYE_MAX: Duration = Duration::from_millis(50);

/// Who this replica is.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// Its name, which no other replica of the log has.
    pub id: String,
    /// Where it answers.
    pub address: String,
    /// What else is to be known of it.
    pub labels: BTreeMap<String, String>,
    /// The version of its program.
    pub version: String,
    /// Whether other processes follow the same log, so that it is worth saying in the store how this one is.
    pub has_others: bool,
}

/// The state of a replica for one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AckState {
    /// It serves the revision, and verified it.
    Serves,
    /// It leaves the revision out, and why.
    Refuses(String),
    /// It has reported neither yet.
    Missing,
}

/// The state of the replicas for one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Acks {
    /// The report of each replica that is alive, by its id.
    pub announced: Vec<(String, AckState)>,
    /// Those that reported in the last five minutes, but not in the last seven seconds. They are not waited for.
    pub silent: Vec<SeenReplica>,
}

/// This replica among the others.
pub(crate) struct FleetView {
    pub(crate) identity: Identity,
    started_at: Timestamp,
    shown: Arc<RwLock<CoordinatorState>>,
    store: Arc<dyn Store>,
    say: Notify,
    changed: Notify,
    /// How many reports of others were notified.
    reports: watch::Sender<u64>,
    received: Mutex<Option<StoredFleet>>,
    /// Whether another replica was alive when that was looked at last.
    others_are_alive: AtomicBool,
    /// The inputs as they are reported, once the store has returned the key of the log.
    sealed: SyncMutex<SealedInputs>,
}

impl FleetView {
    pub(crate) fn new(
        identity: Identity,
        started_at: Timestamp,
        shown: Arc<RwLock<CoordinatorState>>,
        store: Arc<dyn Store>,
    ) -> Self {
        let (say, changed) = (Notify::new(), Notify::new());
        let reports = watch::Sender::new(0);
        let (received, sealed) = (Mutex::default(), SyncMutex::default());
        let others_are_alive = AtomicBool::default();
        Self { identity, started_at, shown, store, say, changed, reports, received, others_are_alive, sealed }
    }

    /// Counts the reports of others, and wakes those who wait for one.
    pub(crate) fn reports(&self) -> watch::Sender<u64> {
        self.reports.clone()
    }

    /// Notes that what this replica reports may be different now.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }

    /// Reports the state of this replica as soon as possible: a caller waits for it.
    pub(crate) fn report_now(&self) {
        self.say.notify_one();
    }

    /// Whether another replica was alive some seconds ago.
    pub(crate) fn others_are_alive(&self) -> bool {
        self.others_are_alive.load(Ordering::Relaxed)
    }

    /// What the store knows of replicas, in so much time.
    async fn seen(&self, store: &dyn Store, within: Duration) -> Result<Vec<SeenReplica>, StoreError> {
        let seen = store.replicas(within).await?;
        let is_other = |seen: &SeenReplica| seen.age <= ALIVE && seen.replica.id != self.identity.id;
        self.others_are_alive.store(seen.iter().any(is_other), Ordering::Relaxed);
        Ok(seen)
    }

    /// The report of this replica.
    fn own(&self) -> Replica {
        let state = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let refused = state.quarantine.iter();
        let identity = self.identity.clone();
        Replica {
            id: identity.id,
            address: identity.address,
            labels: identity.labels,
            version: identity.version,
            started_at: self.started_at,
            applied: state.position,
            applied_digest: state.digest_trail.at(state.position).map(|head| head.digest),
            diverged: state.diverged.is_some(),
            refused: refused.map(|(revision, why)| (revision, why.problems.to_string())).collect(),
            degraded: match &state.diverged {
                Some(diverged) => Some(format!("log_diverged: {diverged}")),
                None => state.store_error.clone().or_else(|| self.store.availability()?.error),
            },
            inputs: self.sealed().of(&state.inputs),
        }
    }

    fn sealed(&self) -> MutexGuard<'_, SealedInputs> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the store for the key of the log that is followed, unless it is known. Without it a report leaves the
    /// inputs out.
    async fn know_key(&self) {
        let log = self.shown.read().unwrap_or_else(PoisonError::into_inner).digest_trail.log();
        if !self.sealed().has_key_of(log)
            && let Ok(key) = self.store.hint_key().await
        {
            self.sealed().set_key(log, key);
        }
    }

    /// Waits until what this replica reports is different from `reported`, and the next report may follow that one.
    async fn report_is_due(&self, reported: &Replica, at: Instant) {
        loop {
            self.changed.notified().await;
            if self.own() != *reported {
                return tokio::time::sleep_until(at + REPORT_PAUSE).await;
            }
        }
    }

    /// Reports how this replica is: when that changed, when it is asked to, and from time to time, until it stops.
    pub(crate) async fn run(self: Arc<Self>, signal: Arc<WakeSignal>, stop: CancellationToken) {
        if !self.identity.has_others {
            return;
        }
        let store = &*self.store;
        for reports in (0..REPORTS_PER_LOOK).cycle() {
            if reports == 0 {
                tokio::select! {
                    seen = self.seen(store, ALIVE) => if let Err(error) = seen {
                        tracing::debug!(%error, "cannot read the state of the other replicas");
                    },
                    () = stop.cancelled() => break,
                }
            }
            tokio::select! {
                () = self.know_key() => {}
                () = stop.cancelled() => break,
            }
            let (own, at) = (self.own(), Instant::now());
            tokio::select! {
                announced = store.put_replica(&own) => if let Err(error) = announced {
                    tracing::debug!(%error, "heartbeat failed");
                    // The reader of the log finds out whether it is unavailable, and polls until it is back.
                    if own.degraded.is_none() {
                        signal.put(Wake::look(Trigger::Periodic));
                    }
                },
                () = stop.cancelled() => break,
            }
            tokio::select! {
                () = tokio::time::sleep(HEARTBEAT) => {}
                () = self.say.notified() => {}
                () = self.report_is_due(&own, at) => {}
                () = stop.cancelled() => break,
            }
        }
        // Whether or not it arrives: a replica that reports nothing any more is forgotten by itself.
        drop(tokio::time::timeout(GOODBYE_MAX, store.forget_replica(&self.identity.id)).await);
    }

    /// Every replica that reported in the last minutes, this one as it is now.
    pub(crate) async fn replicas(&self, store: &dyn Store) -> Result<Vec<SeenReplica>, StoreError> {
        let mut seen = match self.identity.has_others {
            true => self.seen(store, REMEMBERED).await?,
            false => Vec::new(),
        };
        self.put_own(&mut seen);
        Ok(seen)
    }

    /// This one as it is now.
    pub(crate) fn this(&self) -> SeenReplica {
        SeenReplica { replica: self.own(), age: Duration::ZERO }
    }

    fn put_own(&self, seen: &mut Vec<SeenReplica>) {
        let own = self.this();
        match seen.binary_search_by(|one| one.replica.id.cmp(&own.replica.id)) {
            Ok(place) => seen[place] = own,
            Err(place) => seen.insert(place, own),
        }
    }

    /// The state of each replica that is alive for a revision: once all have reported, or when the time is over.
    pub(crate) async fn acks(
        &self,
        store: &dyn Store,
        revision: RevisionNumber,
        deadline: Instant,
    ) -> Result<Acks, StoreError> {
        let mut reports = self.reports.subscribe();
        loop {
            reports.mark_unchanged();
            let FleetSnapshot { alive, silent, digests } = self.look(store).await?;
            let announced: Vec<_> = alive.iter().map(|seen| ack(&seen.replica, revision, &digests)).collect();
            let missing = announced.iter().any(|(_, ack)| *ack == AckState::Missing);
            if !missing || Instant::now() >= deadline {
                return Ok(Acks { announced, silent });
            }
            tokio::select! {
                _ = reports.changed() => {}
                () = tokio::time::sleep_until(deadline.min(Instant::now() + LOOK)) => {}
            }
        }
    }

    /// The digests that the log has at what these replicas applied. What this replica read itself is not asked for.
    async fn digests(&self, store: &dyn Store, of: &[SeenReplica]) -> Result<Digests, StoreError> {
        let mut applied: Vec<_> = of.iter().map(|seen| seen.replica.applied).collect();
        applied.sort_unstable();
        applied.dedup();
        let mut known: Digests = {
            let state = self.shown.read().unwrap_or_else(PoisonError::into_inner);
            let read = |number: &RevisionNumber| Some((*number, state.digest_trail.at(*number)?.digest));
            applied.iter().filter_map(read).collect()
        };
        applied.retain(|number| !known.contains_key(number));
        if !applied.is_empty() {
            let (_, digests) = store.digests(&applied).await?;
            known.extend(
                applied.into_iter().zip(digests).filter_map(|(number, digest)| Some((number, digest?))),
            );
        }
        Ok(known)
    }

    /// The replicas, and the digests at what they applied. However many wait, the store is asked once for each report.
    async fn look(&self, store: &dyn Store) -> Result<FleetSnapshot, StoreError> {
        let FleetSnapshot { mut alive, mut silent, mut digests } = FleetSnapshot::default();
        if self.identity.has_others {
            let mut received = self.received.lock().await;
            let last = received.take();
            let pause = last.as_ref().map(|last| last.at + LOOK_PAUSE);
            let is_current =
                |last: &StoredFleet| last.reports == *self.reports.borrow() && last.at.elapsed() < LOOK / 2;
            let received = match last.filter(is_current) {
                Some(current) => received.insert(current),
                None => {
                    tokio::time::sleep_until(pause.unwrap_or_else(Instant::now)).await;
                    // What is reported from now on may be missed by this look.
                    let (at, reports) = (Instant::now(), *self.reports.borrow());
                    let seen = self.seen(store, REMEMBERED).await?;
                    let digests = self.digests(store, &seen).await?;
                    received.insert(StoredFleet { at, reports, seen, digests })
                }
            };
            (alive, silent) = received.seen.iter().cloned().partition(|one| one.age <= ALIVE);
            silent.retain(|one| one.replica.id != self.identity.id);
            digests.clone_from(&received.digests);
        }
        self.put_own(&mut alive);
        let own = self.own();
        digests.extend(own.applied_digest.filter(|_| !own.diverged).map(|digest| (own.applied, digest)));
        Ok(FleetSnapshot { alive, silent, digests })
    }
}

/// The replicas that are alive and those that are silent, and the digests of the log at what they applied.
#[derive(Debug, Default)]
struct FleetSnapshot {
    alive: Vec<SeenReplica>,
    silent: Vec<SeenReplica>,
    digests: Digests,
}

/// The reports of replicas in the store, and the digests of the log at what they applied.
#[derive(Debug)]
struct StoredFleet {
    /// When it was read.
    at: Instant,
    /// How many reports were notified before.
    reports: u64,
    seen: Vec<SeenReplica>,
    digests: Digests,
}

type Digests = BTreeMap<RevisionNumber, Digest>;

/// A replica that came as far serves the revision if what it applied is of the same history: digests are chained. One
/// of an earlier version does not report it, and is trusted.
fn ack(replica: &Replica, revision: RevisionNumber, log: &Digests) -> (String, AckState) {
    let refused = replica.refused.iter().find(|(of, _)| *of == revision);
    let ack = match refused {
        Some((_, why)) => AckState::Refuses(why.clone()),
        None if replica.applied >= revision && is_of_the_log(replica, log) => AckState::Serves,
        None => AckState::Missing,
    };
    (replica.id.clone(), ack)
}

fn is_of_the_log(replica: &Replica, log: &Digests) -> bool {
    replica.applied_digest.is_none_or(|digest| log.get(&replica.applied) == Some(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_store::{FleetStore as _, MemoryStore};

    fn replica(id: &str, applied: u64) -> Replica {
        Replica {
            id: id.to_owned(),
            address: String::new(),
            labels: BTreeMap::new(),
            version: String::new(),
            started_at: Timestamp::UNIX_EPOCH,
            applied: RevisionNumber::new(applied),
            applied_digest: None,
            diverged: false,
            refused: Vec::new(),
            degraded: None,
            inputs: BTreeMap::new(),
        }
    }

    /// A fleet of two, of which this one serves revision 1.
    async fn fleet() -> (Arc<FleetView>, Arc<MemoryStore>) {
        let store = Arc::new(MemoryStore::new());
        let state = CoordinatorState {
            position: RevisionNumber::new(1),
            ..CoordinatorState::new(Timestamp::UNIX_EPOCH)
        };
        let identity = Identity { id: "a".to_owned(), has_others: true, ..Identity::default() };
        let shown = Arc::new(RwLock::new(state));
        let fleet =
            FleetView::new(identity, Timestamp::UNIX_EPOCH, shown, Arc::clone(&store) as Arc<dyn Store>);
        store.put_replica(&replica("b", 0)).await.unwrap();
        (Arc::new(fleet), store)
    }

    async fn acked(fleet: Arc<FleetView>) -> (Vec<AckState>, Duration) {
        let began = Instant::now();
        let acks = fleet.acks(&*fleet.store, RevisionNumber::new(1), began + Duration::from_secs(60)).await;
        (acks.unwrap().announced.into_iter().map(|(_, ack)| ack).collect(), began.elapsed())
    }

    /// Lets everything that needs no clock continue.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_wakes_all_waiters_and_without_one_they_poll() {
        for is_notified in [true, false] {
            let (fleet, store) = fleet().await;
            let waiting = tokio::spawn(acked(Arc::clone(&fleet)));
            settle().await;
            store.put_replica(&replica("b", 1)).await.unwrap();
            if is_notified {
                fleet.reports().send_modify(|count| *count += 1);
            }
            let (acks, took) = waiting.await.unwrap();
            assert_eq!(acks, [AckState::Serves, AckState::Serves]);
            assert_eq!(took <= LOOK_PAUSE, is_notified, "{took:?}");
            assert!(took <= LOOK * 2, "{took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_share_a_look_and_one_that_is_too_old_is_not_used() {
        let (fleet, store) = fleet().await;
        let waiting: Vec<_> = (0..10).map(|_| tokio::spawn(acked(Arc::clone(&fleet)))).collect();
        settle().await;
        // Two reports of which only the second brings what is waited for.
        fleet.reports().send_modify(|count| *count += 1);
        settle().await;
        store.put_replica(&replica("b", 1)).await.unwrap();
        fleet.reports().send_modify(|count| *count += 1);
        for one in waiting {
            let (acks, took) = one.await.unwrap();
            assert_eq!(acks, [AckState::Serves, AckState::Serves]);
            assert!(took <= LOOK_PAUSE * 2, "{took:?}");
        }
    }
}
