//! Whether the server answers: one connection of its own asks when nothing else was answered for a while.
//!
//! A server that hangs, or a network that loses packets, closes no connection: each call would wait for its own bound.
//! The probe finds out once for all of them, within [`super::PostgresOptions::probe_ms`] and
//! [`super::PostgresOptions::answer_ms_max`] together, and ends every wait.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::open::PostgresOptions;
use super::session::Sessions;
use crate::{Availability, StoreError};

/// How long one question waits before the next is asked on a new connection. A server that was paused answers the
/// question that waits; a network that lost it needs a new one.
const QUESTION_MAX: Duration = Duration::from_millis(1500);
/// The longest pause before a server that refuses connections is asked again. The pauses are drawn from half of it up,
/// so that a fleet does not come back all at once.
const REFUSED_PAUSE_MAX: Duration = Duration::from_millis(500);
/// A response to another call this short a time ago outweighs that the probe gets no connection of its own, as when the
/// server has none left.
const OTHERS_COUNT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq)]
enum LivenessVerdict {
    /// Nothing was measured yet.
    Unknown,
    Answers,
    /// It refuses connections at once: each call finds out by itself, and why.
    Refuses(String),
    /// Nothing comes back: calls are not to wait for it.
    Silent(String),
}

impl LivenessVerdict {
    /// Whether the server answers; none while nothing was measured.
    fn is_up(&self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Answers => Some(true),
            Self::Refuses(_) | Self::Silent(_) => Some(false),
        }
    }
}

#[derive(Debug)]
struct LivenessSample {
    verdict: LivenessVerdict,
    since: Instant,
}

impl LivenessSample {
    fn silence(&self) -> Option<StoreError> {
        match &self.verdict {
            LivenessVerdict::Silent(why) => Some(StoreError::Unavailable(why.clone())),
            _ => None,
        }
    }
}

/// What is known of one server, and the task that finds out.
pub(super) struct Liveness {
    measured: watch::Sender<LivenessSample>,
    answered_at: Mutex<Option<Instant>>,
    /// Notifies the followers of the store of a change, whichever its server is by then.
    changes: watch::Sender<()>,
    probe: Mutex<Option<AbortHandle>>,
    every: Duration,
    pub(super) answer_max: Duration,
}

impl Liveness {
    pub(super) fn new(options: &PostgresOptions, changes: watch::Sender<()>) -> Self {
        Self {
            measured: watch::Sender::new(LivenessSample {
                verdict: LivenessVerdict::Unknown,
                since: Instant::now(),
            }),
            answered_at: Mutex::default(),
            changes,
            probe: Mutex::default(),
            every: Duration::from_millis(options.probe_ms),
            answer_max: Duration::from_millis(options.answer_ms_max),
        }
    }

    /// Has the probe run from now on. It ends with `sessions`; one whose runtime ended is started again.
    pub(super) fn watch(&self, sessions: &Weak<Sessions>) {
        let mut probe = self.probe.lock().unwrap_or_else(PoisonError::into_inner);
        if probe.as_ref().is_none_or(AbortHandle::is_finished) {
            *probe = Some(tokio::spawn(run(Weak::clone(sessions))).abort_handle());
        }
    }

    /// Ends the probe, and closes its connection.
    pub(super) fn stop(&self) {
        if let Some(probe) = self.probe.lock().unwrap_or_else(PoisonError::into_inner).take() {
            probe.abort();
        }
    }

    fn last_answer(&self) -> MutexGuard<'_, Option<Instant>> {
        self.answered_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the server answered a call.
    pub(super) fn answered(&self) {
        *self.last_answer() = Some(Instant::now());
    }

    fn answered_since(&self, then: Instant) -> bool {
        self.last_answer().is_some_and(|at| at >= then)
    }

    /// None until something was measured.
    pub(super) fn availability(&self) -> Option<Availability> {
        let answered_at = *self.last_answer();
        let measured = self.measured.borrow();
        let error = match &measured.verdict {
            LivenessVerdict::Unknown => return None,
            LivenessVerdict::Answers => None,
            LivenessVerdict::Refuses(why) | LivenessVerdict::Silent(why) => Some(why.clone()),
        };
        Some(Availability { available: error.is_none(), since: measured.since, answered_at, error })
    }

    /// Whether calls are not to wait for the server.
    pub(super) fn is_silent(&self) -> bool {
        self.measured.borrow().silence().is_some()
    }

    /// Waits until the server is measured to be silent, and stays so for `grace`.
    pub(super) async fn silence(&self, grace: Duration) -> StoreError {
        let mut measured = self.measured.subscribe();
        loop {
            let silent = measured.wait_for(|measured| measured.silence().is_some()).await;
            let silent = silent.ok().and_then(|measured| measured.silence());
            // The sender lives as long as this.
            let Some(error) = silent else { return std::future::pending().await };
            if grace.is_zero() {
                return error;
            }
            tokio::select! {
                () = sleep(grace) => return error,
                _ = measured.wait_for(|measured| measured.silence().is_none()) => {}
            }
        }
    }

    /// Its result, unless the server is measured to be silent; then nothing is begun or waited for.
    pub(super) async fn unless_silent<T>(
        &self,
        doing: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if let Some(error) = self.measured.borrow().silence() {
            return Err(error);
        }
        tokio::select! {
            biased;
            done = doing => done,
            error = self.silence(Duration::ZERO) => Err(error),
        }
    }

    fn set(&self, verdict: LivenessVerdict) {
        let changed = self.measured.send_if_modified(|measured| {
            // Refusing and being silent are one outage.
            let turned = measured.verdict.is_up() != verdict.is_up();
            let changed = std::mem::discriminant(&measured.verdict) != std::mem::discriminant(&verdict);
            if turned {
                measured.since = Instant::now();
            }
            measured.verdict = verdict;
            changed
        });
        if changed {
            self.changes.send_replace(());
        }
    }
}

/// Polls, as long as there is a handle to the sessions.
async fn run(sessions: Weak<Sessions>) {
    let mut connection = None;
    loop {
        // Not held during the pause, so that the sessions can go.
        let Some(sessions) = sessions.upgrade() else { return };
        let pause = ask(&sessions, &mut connection).await;
        drop(sessions);
        sleep(pause).await;
    }
}

/// Asks once, unless something was answered a moment ago. Answers how long to pause.
async fn ask(sessions: &Sessions, connection: &mut Option<PgConnection>) -> Duration {
    let live = &sessions.liveness;
    let last_answer = *live.last_answer();
    let rested = last_answer.map_or(Duration::MAX, |at| at.elapsed());
    let answers = live.measured.borrow().verdict == LivenessVerdict::Answers;
    if answers && let Some(rest) = live.every.checked_sub(rested) {
        return rest.max(Duration::from_millis(1));
    }
    let asked = Instant::now();
    // Connecting takes several round trips, and cryptography.
    let bound = if connection.is_some() { live.answer_max } else { live.answer_max * 2 };
    let mut question = std::pin::pin!(question(&sessions.connect, connection.take()));
    let answer = match timeout(bound, &mut question).await {
        Ok(answer) => answer,
        Err(_) if live.answered_since(asked) => {
            // It is the probe's own connection that hangs.
            live.set(LivenessVerdict::Answers);
            return Duration::ZERO;
        }
        Err(_) => {
            live.set(LivenessVerdict::Silent(format!(
                "{} did not answer within {} ms (answer_ms_max)",
                sessions.address,
                bound.as_millis()
            )));
            match timeout(QUESTION_MAX.saturating_sub(bound), question).await {
                Ok(answer) => answer,
                Err(_) => return Duration::ZERO,
            }
        }
    };
    match answer {
        Ok(whole) => {
            live.answered();
            live.set(LivenessVerdict::Answers);
            *connection = Some(whole);
            live.every
        }
        Err(error) => {
            let by_server = matches!(error, sqlx::Error::Database(_));
            if !(by_server && rested < OTHERS_COUNT) {
                live.set(LivenessVerdict::Refuses(format!("{}: {error}", sessions.address)));
            }
            REFUSED_PAUSE_MAX.mul_f64(0.5 + fastrand::f64() / 2.0)
        }
    }
}

/// A round trip: by a connection there is, or by one that is made for it.
async fn question(
    connect: &PgConnectOptions,
    connection: Option<PgConnection>,
) -> Result<PgConnection, sqlx::Error> {
    if let Some(mut connection) = connection
        && connection.ping().await.is_ok()
    {
        return Ok(connection);
    }
    // The one there was is closed, as by a restart.
    PgConnection::connect_with(connect).await
}
