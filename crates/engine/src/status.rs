//! Desired, served and last refused: three things, never one (HR-13).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{
    ComponentState, ComponentTime, KindName, LogHead, Open, Outcome, Problems, ReloadEvent, RevisionNumber,
};
use midflight_store::{Availability, KeptAt};
use tokio::time::Instant;

use crate::divergence::{DigestTrail, Diverged};
use crate::environment::EnvironmentInput;
use crate::quarantine::{Quarantine, Quarantined};

/// The last thing that was wanted here and did not go live.
#[derive(Debug, Clone, PartialEq)]
pub struct LastRefused {
    /// The revision that was refused, or none when it was an edit that never became one.
    pub revision: Option<RevisionNumber>,
    /// When.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub problems: Problems,
    /// The kinds it was about.
    pub kinds: Vec<KindName>,
}

/// What the coordinator knows beside the world. It alone changes it.
#[derive(Debug, Clone)]
pub(crate) struct CoordinatorState {
    /// How far in the log this replica has looked.
    pub(crate) position: RevisionNumber,
    /// The newest revision it knows to be in the log.
    pub(crate) desired: RevisionNumber,
    pub(crate) quarantine: Quarantine,
    pub(crate) served_since: Timestamp,
    pub(crate) last_checked_at: Option<Timestamp>,
    pub(crate) last_refused: Option<LastRefused>,
    pub(crate) store_error: Option<String>,
    /// The digests of what was read of the log.
    pub(crate) digest_trail: DigestTrail,
    /// How the log differs from the one that was followed; none when it does not.
    pub(crate) diverged: Option<Diverged>,
    /// Whether what is served was read from this replica's own copy, and not held against the log since.
    pub(crate) from_copy: bool,
    /// The checks that failed when the local copy went live. It was verified before, so it is served all the same.
    pub(crate) failed_checks: Problems,
    /// The inputs of which what is served was made beside the documents.
    pub(crate) inputs: Arc<BTreeMap<KindName, Vec<EnvironmentInput>>>,
    /// The components that have not followed to what is served: at first all, later those that were only tried for.
    pub(crate) behind: BTreeSet<String>,
    /// The last reload that was about what the log holds; an edit that was refused is not.
    pub(crate) last_reload: Option<Arc<ReloadEvent>>,
    /// When the log was last looked at and all that it had was served here or quarantined; the start before that.
    pub(crate) level_at: Timestamp,
    /// How the log differs from the one of the local copy, when that could not be served at the start: the log is
    /// followed as it is.
    pub(crate) abandoned_copy: Option<Diverged>,
}

/// What a look at the log found.
pub(crate) enum LogLook<'a> {
    /// Its newest revision, none when it was not asked for that, and revisions whose digest was read.
    Read { head: Option<LogHead>, at: Timestamp, known: &'a [LogHead] },
    /// It did not answer, and why.
    Unavailable(String),
    /// It is not the log that was followed.
    Diverged(Diverged),
}

/// What is different since a world went live.
pub(crate) struct WentLive<'a> {
    /// How far in the log it is.
    pub(crate) position: RevisionNumber,
    pub(crate) at: Timestamp,
    /// What is left out of it.
    pub(crate) quarantine: Quarantine,
    /// The state of the components that took part.
    pub(crate) components: &'a [ComponentTime],
    /// The checks that fail on it.
    pub(crate) failed_checks: Problems,
    /// The inputs of which it was made beside the documents.
    pub(crate) inputs: Arc<BTreeMap<KindName, Vec<EnvironmentInput>>>,
}

impl CoordinatorState {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            position: RevisionNumber::ZERO,
            desired: RevisionNumber::ZERO,
            quarantine: Quarantine::default(),
            served_since: now,
            last_checked_at: None,
            last_refused: None,
            store_error: None,
            digest_trail: DigestTrail::default(),
            diverged: None,
            from_copy: false,
            failed_checks: Problems::default(),
            inputs: Arc::default(),
            behind: BTreeSet::new(),
            last_reload: None,
            level_at: now,
            abandoned_copy: None,
        }
    }

    /// Whether all that the log had at the last look is served here or quarantined.
    fn is_level(&self) -> bool {
        self.last_checked_at.is_some()
            && self.position >= self.desired
            && !self.from_copy
            && self.diverged.is_none()
    }

    /// Keeps that what is served is level with the log, when it is.
    pub(crate) fn keep_level(&mut self) {
        if let Some(at) = self.last_checked_at.filter(|_| self.is_level()) {
            self.level_at = self.level_at.max(at);
        }
    }

    /// Since when what is served may be older than the log; none while it is level with it.
    pub(crate) fn stale_since(&self, store: &StoreStatus) -> Option<Timestamp> {
        (!store.available || !self.is_level()).then_some(self.level_at)
    }

    /// Of which revision this replica's own copy is.
    pub(crate) fn kept_at(&self) -> KeptAt {
        let left_out = self.quarantine.revisions();
        KeptAt { position: self.position, head: self.digest_trail.at(self.position), left_out }
    }

    /// Keeps what a look at the log found.
    pub(crate) fn looked(&mut self, found: LogLook<'_>) {
        match found {
            LogLook::Read { head, at, known } => {
                if let Some(head) = head {
                    self.desired = head.number;
                    self.last_checked_at = Some(at);
                    self.store_error = None;
                    self.diverged = None;
                    self.digest_trail.learn(self.position, &[head]);
                }
                self.digest_trail.learn(self.position, known);
            }
            LogLook::Unavailable(why) => self.store_error = Some(why),
            LogLook::Diverged(diverged) => {
                self.store_error = None;
                self.diverged = Some(diverged);
            }
        }
    }

    /// Keeps that the log took an edit, and its newest revision since.
    pub(crate) fn appended(&mut self, head: LogHead) {
        self.desired = self.desired.max(head.number);
        self.digest_trail.learn(self.position, &[head]);
    }

    /// Keeps what is different since a world went live.
    pub(crate) fn went_live(&mut self, live: WentLive<'_>) {
        self.position = self.position.max(live.position);
        self.served_since = live.at;
        self.quarantine = live.quarantine;
        self.failed_checks = live.failed_checks;
        self.inputs = live.inputs;
        self.followed(live.components);
    }

    /// The newest revision that was looked at and is served.
    pub(crate) fn newest_served(&self) -> RevisionNumber {
        self.quarantine.newest_served(self.position)
    }

    /// When the next revision in quarantine is due; none while none is there, or the log was not read yet.
    pub(crate) fn next_due_at(&self) -> Option<Instant> {
        if self.from_copy { None } else { self.quarantine.next_due_at() }
    }

    /// Keeps which components followed and which stayed behind, when a reload went through.
    pub(crate) fn followed(&mut self, components: &[ComponentTime]) {
        for component in components {
            match component.state {
                Open::Known(ComponentState::LeftBehind) => self.behind.insert(component.name.clone()),
                _ => self.behind.remove(&component.name),
            };
        }
    }
}

/// Whether the log answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreStatus {
    /// Whether it answers: as the store measures it, and as the last look at the log found it.
    pub available: bool,
    /// For how long that is so; none for a store that does not measure it.
    pub since: Option<Duration>,
    /// How long ago it last answered; none if it never did.
    pub answered: Option<Duration>,
    /// Why it counts as unavailable. It may name addresses and paths.
    pub error: Option<String>,
}

impl StoreStatus {
    pub(crate) fn new(measured: Option<Availability>, state: &CoordinatorState, now: Timestamp) -> Self {
        let last_look = state.last_checked_at.map(|at| now.duration_since(at).unsigned_abs());
        let Some(measured) = measured else {
            let error = state.store_error.clone();
            return Self { available: error.is_none(), since: None, answered: last_look, error };
        };
        let measured_so = measured.available;
        let error = measured.error.or_else(|| state.store_error.clone());
        let available = error.is_none();
        Self {
            available,
            since: (measured_so == available).then(|| measured.since.elapsed()),
            answered: measured.answered_at.map(|at| at.elapsed()),
            error,
        }
    }
}

/// How one kind is served.
#[derive(Debug, Clone, PartialEq)]
pub struct KindStatus {
    /// The kind.
    pub kind: KindName,
    /// How many of its documents are served.
    pub documents: usize,
    /// Its own figures, as `("rules", 120)`.
    pub figures: Vec<(&'static str, u64)>,
}

/// The state of this replica against the log.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineStatus {
    /// The newest revision known to be in the log.
    pub desired: RevisionNumber,
    /// The revision that is served.
    pub served: RevisionNumber,
    /// Since when.
    pub served_since: Timestamp,
    /// When the log was last looked at with success.
    pub last_checked_at: Option<Timestamp>,
    /// What was last refused.
    pub last_refused: Option<LastRefused>,
    /// The revisions that are left out, and why.
    pub quarantined: BTreeMap<RevisionNumber, Quarantined>,
    /// Whether the log answers.
    pub store: StoreStatus,
    /// The revision up to which the log was followed, with its digest; none until the log was read.
    pub position: Option<LogHead>,
    /// How the log differs from the one that was followed; none when it does not. Nothing is followed while it does.
    pub diverged: Option<Diverged>,
    /// How the log differs from the one of the local copy, when that copy could not be served at the start, so that the
    /// log is followed as it is now; none when it does not, and once an operator adopted the log.
    pub abandoned_copy: Option<Diverged>,
    /// Since when what is served may be older than the log: since it was last level with it. None while it is. It is
    /// not while the log is unavailable or another one, or a revision of it is not served yet.
    pub stale_since: Option<Timestamp>,
    /// Whether it started from its own copy, since the log was unavailable, and has not read the log since.
    pub from_copy: bool,
    /// Checks that fail on what is served. Only a start from the local copy serves such a thing: it was verified
    /// before, and what changed since is this process or its environment.
    pub failed_checks: Problems,
    /// Why its own copy is not up to date; none when it is, or there is none.
    pub copy_error: Option<String>,
    /// The components that stayed on an older value, or have none yet, since they could not prepare.
    pub behind: BTreeSet<String>,
    /// The last reload that was about what the log holds; an edit that was refused is not.
    pub last_reload: Option<Arc<ReloadEvent>>,
    /// How many threads were lost to work that does not end.
    pub runaways: usize,
    /// The kinds that get no more work because of it (`runaways_max`), with how many threads each lost.
    pub blocked_kinds: BTreeMap<KindName, usize>,
    /// Whether the log is polled.
    pub refresh: crate::Refresh,
    /// Each kind.
    pub kinds: Vec<KindStatus>,
}
