//! The connections of one pool, and the longest wait for one.
//!
//! This is no `PgPool` of sqlx. That one continues to try a server that refuses until its time is over and then does
//! not report why; it closes when the last of its connections is returned, with no way to cut one that is not; and it
//! does not report when the server has closed them, without which a bound on the connections of two pools cannot be
//! kept.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use midflight_postgres::IdleConnections;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout, timeout_at};

use super::failure::DatabaseDialError;
use super::settings::{DatabaseSettings, DatabaseTarget};

/// How long a connection that comes back may take to be whole again. One that was left in the middle of a statement is
/// not, until the statement ends.
const WHOLE_MAX: Duration = Duration::from_secs(1);
/// How long saying goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_secs(1);
/// How many connections are opened at a time.
const OPENED_AT_ONCE: usize = 8;

/// The connections to one database by one set of settings.
pub(super) struct DatabasePool {
    pub(super) settings: DatabaseSettings,
    pub(super) target: DatabaseTarget,
    /// One for each connection that there may be. Closed with the pool.
    permits: Arc<Semaphore>,
    state: Mutex<DatabasePoolState>,
    idle: IdleConnections<PooledConnection>,
    /// Something came back, or went.
    pub(super) changed: Notify,
}

/// The progress of closing a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum PoolStage {
    Open,
    /// What is in use may come back.
    Draining,
    /// What is in use is cut.
    Cut,
}

struct DatabasePoolState {
    stage: PoolStage,
    /// The server's numbers of all that are open, in use or not.
    open: HashSet<i32>,
    dialling: usize,
}

/// An open connection.
pub(super) struct PooledConnection {
    pub(super) connection: PgConnection,
    pub(super) counted: OpenConnectionCount,
    born: Instant,
}

impl AsMut<PgConnection> for PooledConnection {
    fn as_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl PooledConnection {
    /// The server's number of its end.
    pub(super) fn pid(&self) -> i32 {
        self.counted.pid
    }

    /// Ends it in good order. It counts until it is closed.
    pub(super) async fn goodbye(self) {
        // It is lost either way.
        timeout(GOODBYE_MAX, self.connection.close()).await.ok();
        drop(self.counted);
    }
}

/// Counts a connection as open until it is dropped.
pub(super) struct OpenConnectionCount {
    pool: Weak<DatabasePool>,
    pid: i32,
}

impl Drop for OpenConnectionCount {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.state().open.remove(&self.pid);
            pool.changed.notify_one();
        }
    }
}

/// Why a pool did not give a connection.
pub(super) enum CheckoutError {
    /// It is on its way out: ask the one that took its place.
    Closed,
    Exhausted,
    Failed(DatabaseDialError),
}

/// A connection, and the right to have it.
pub(super) struct Leased {
    pub(super) kept: PooledConnection,
    pub(super) permit: OwnedSemaphorePermit,
}

impl DatabasePool {
    pub(super) fn new(settings: DatabaseSettings, target: DatabaseTarget) -> Self {
        let permits = Arc::new(Semaphore::new(settings.max_conns as usize));
        let state = DatabasePoolState { stage: PoolStage::Open, open: HashSet::new(), dialling: 0 };
        let (state, idle) = (Mutex::new(state), IdleConnections::default());
        Self { settings, target, permits, state, idle, changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, DatabasePoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the minimum of connections before first use, at least one, and from then on closes unused ones.
    pub(super) async fn open(self: &Arc<Self>) -> Result<(), DatabaseDialError> {
        let count = self.settings.min_conns.max(1) as usize;
        let opened = stream::iter(0..count).map(|_| self.dial()).buffer_unordered(OPENED_AT_ONCE);
        let keep = async |kept| {
            self.idle.keep(kept);
            Ok(())
        };
        opened.try_for_each(keep).await?;
        tokio::spawn(look_after(Arc::downgrade(self), self.upkeep_period()));
        Ok(())
    }

    /// Opens a connection and asks it something. It counts from the first moment.
    pub(super) async fn dial(self: &Arc<Self>) -> Result<PooledConnection, DatabaseDialError> {
        let _dialling = Dialling::new(self);
        let opened = async {
            let mut connection = PgConnection::connect_with(&self.target.connect).await?;
            let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
            Ok((connection, pid))
        };
        let max = self.settings.connect_max();
        let opened = timeout(max, opened).await.map_err(|_| DatabaseDialError::Late(max))?;
        let (connection, pid) = opened.map_err(DatabaseDialError::Failed)?;
        self.state().open.insert(pid);
        let counted = OpenConnectionCount { pool: Arc::downgrade(self), pid };
        Ok(PooledConnection { connection, counted, born: Instant::now() })
    }

    /// A connection that answers, by `deadline`.
    pub(super) async fn acquire(self: &Arc<Self>, deadline: Instant) -> Result<Leased, CheckoutError> {
        let deadline = tokio::time::Instant::from_std(deadline);
        let permit = match timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await {
            Err(_) => return Err(CheckoutError::Exhausted),
            Ok(Err(_)) => return Err(CheckoutError::Closed),
            Ok(Ok(permit)) => permit,
        };
        let is_open = self.state().stage == PoolStage::Open;
        if is_open && let Some(kept) = self.idle.take_answering(WHOLE_MAX).await {
            return Ok(Leased { kept, permit });
        }
        let dialled = timeout_at(deadline, self.dial()).await;
        let kept = dialled
            .unwrap_or(Err(DatabaseDialError::Late(self.settings.acquire_max())))
            .map_err(CheckoutError::Failed)?;
        if self.state().stage == PoolStage::Cut {
            kept.goodbye().await;
            return Err(CheckoutError::Closed);
        }
        Ok(Leased { kept, permit })
    }

    /// Takes a connection back, once it is known to be whole: whatever its caller left undone is done first.
    pub(super) async fn take_back(&self, mut kept: PooledConnection, permit: OwnedSemaphorePermit) {
        let is_whole = matches!(timeout(WHOLE_MAX, kept.connection.ping()).await, Ok(Ok(())));
        if is_whole && kept.born.elapsed() < self.settings.lifetime_max() {
            self.idle.keep(kept);
        } else if is_whole {
            kept.goodbye().await;
        }
        drop(permit);
        self.changed.notify_one();
    }

    /// Gives out nothing from now on; what is in use may come back.
    pub(super) fn drain(&self) {
        self.state().stage = PoolStage::Draining;
        self.permits.close();
    }

    /// Everything that is unused.
    pub(super) fn idle(&self) -> Vec<PooledConnection> {
        self.idle.take_all()
    }

    /// Whether something is open or being opened besides `known`.
    pub(super) fn has_more_than(&self, known: Option<i32>) -> bool {
        let state = self.state();
        state.dialling > 0 || state.open.iter().any(|pid| Some(*pid) != known)
    }

    /// From now on whatever is being opened is closed again. Answers what is in use.
    pub(super) fn cut(&self) -> Vec<i32> {
        let mut state = self.state();
        state.stage = PoolStage::Cut;
        state.open.iter().copied().collect()
    }

    /// How many are open, how many of them are unused.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.state().open.len(), self.idle.len())
    }

    fn upkeep_period(&self) -> Duration {
        let shortest = self.settings.idle_max().min(self.settings.lifetime_max());
        (shortest / 2).clamp(Duration::from_millis(50), Duration::from_secs(30))
    }

    /// What was unused for too long, and what is too old; the minimum stays open.
    fn worn_out(&self) -> Vec<PooledConnection> {
        let spare = self.state().open.len().saturating_sub(self.settings.min_conns as usize);
        let (idle_max, lifetime_max) = (self.settings.idle_max(), self.settings.lifetime_max());
        let mut closed = 0;
        self.idle.take_if(|kept, unused| {
            let is_spare = unused >= idle_max && closed < spare;
            closed += usize::from(is_spare);
            is_spare || kept.born.elapsed() >= lifetime_max
        })
    }
}

/// Counts a connection that is being opened, also when opening it is abandoned.
struct Dialling<'a>(&'a DatabasePool);

impl<'a> Dialling<'a> {
    fn new(pool: &'a DatabasePool) -> Self {
        pool.state().dialling += 1;
        Self(pool)
    }
}

impl Drop for Dialling<'_> {
    fn drop(&mut self) {
        self.0.state().dialling -= 1;
        self.0.changed.notify_one();
    }
}

/// Closes what is worn out, as long as there is a pool that is open.
async fn look_after(pool: Weak<DatabasePool>, period: Duration) {
    loop {
        sleep(period).await;
        let Some(pool) = pool.upgrade().filter(|pool| pool.state().stage == PoolStage::Open) else { return };
        for kept in pool.worn_out() {
            kept.goodbye().await;
        }
    }
}
