//! Connections, and the longest wait for one.
//!
//! sqlx has a pool, which continues to try a server that refuses until its time is over and then does not report why.
//! Here an unavailable server is detected at once and with its reason, and a connection whose server went silent is
//! closed rather than waited for.
//!
//! A caller may leave at any time. What it began is done to its end: a connection that is being made is kept for the
//! next caller, and an answer that is under way is read and dropped. PostgreSQL works on the statement all the same,
//! and starts a process for each connection, so closing it would cost more than it saves. Only a transaction, which may
//! read or write all of the log, is ended by closing its connection.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use midflight_postgres::IdleConnections;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant as Deadline, timeout, timeout_at};

use super::failure::{failure, leaves_connection_whole};
use super::lead;
use super::liveness::Liveness;
use super::open::{PostgresOptions, migrate};
use super::precedence::{Precedence, Preceding};
use crate::{Lead, StoreError};

/// A connection that was unused for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// Whatever the default of the server, the database or the role is, what is acknowledged is on the disk; a stronger
/// setting stays. What need not survive a crash turns it off for its own transaction.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', FALSE)
    WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";
/// How much longer than PostgreSQL itself a statement is waited for, so that its own word comes first.
const GRACE: Duration = Duration::from_secs(1);

/// The connections to one database.
pub(super) struct Sessions {
    pub(super) connect: PgConnectOptions,
    pub(super) address: String,
    pub(super) connect_max: Duration,
    statement_max: Duration,
    upkeep_ms_max: u64,
    /// One for each connection that there may be.
    permits: Arc<Semaphore>,
    /// One for each page that may be read at the same time.
    pages: Arc<Semaphore>,
    precedence: Precedence,
    idle: IdleConnections<WholeConnection>,
    /// Set once the schema is known to be up to date.
    migrated: OnceCell<()>,
    /// What brings it up to date. It continues when its waiting callers leave.
    migration: tokio::sync::Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
    pub(super) liveness: Liveness,
    /// For the probe, which must not keep the sessions.
    weak: Weak<Self>,
}

/// A connection of which all was read that was asked of it.
struct WholeConnection(PgConnection);

impl AsMut<PgConnection> for WholeConnection {
    fn as_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

impl Sessions {
    /// `changes` reports whenever the server becomes available, or unavailable.
    pub(super) fn new(options: &PostgresOptions, changes: watch::Sender<()>) -> Arc<Self> {
        Arc::new_cyclic(|weak| Self {
            connect: options.connect(),
            address: options.url.to_string(),
            connect_max: Duration::from_millis(options.connect_ms_max),
            statement_max: Duration::from_millis(options.statement_ms_max),
            upkeep_ms_max: options.upkeep_ms_max,
            permits: Arc::new(Semaphore::new(options.connections_max.max(1) as usize)),
            pages: Arc::new(Semaphore::new(
                options.page_reads_max.min(options.connections_max.saturating_sub(1)).max(1) as usize,
            )),
            precedence: Precedence::new(),
            idle: IdleConnections::default(),
            migrated: OnceCell::new(),
            migration: tokio::sync::Mutex::default(),
            liveness: Liveness::new(options, changes),
            weak: Weak::clone(weak),
        })
    }

    /// A connection to a log whose schema is up to date.
    pub(super) async fn session(&self) -> Result<Session, StoreError> {
        self.liveness.watch(&self.weak);
        self.liveness.unless_silent(self.up_to_date()).await
    }

    /// The same for an append, or for a read of what the replica serves next. Pages that begin later wait for it.
    pub(super) async fn preceding(&self) -> Result<Session, StoreError> {
        let preceding = self.precedence.take();
        let mut session = self.session().await?;
        session.preceding = Some(preceding);
        Ok(session)
    }

    /// The same for a page, which waits while others are read.
    pub(super) async fn page(&self) -> Result<Session, StoreError> {
        let turn = timeout(self.statement_max, Arc::clone(&self.pages).acquire_owned()).await;
        let turn = turn.map_err(|_| self.silent("for a turn (page_reads_max)", self.statement_max))?;
        let turn = turn.map_err(|_| self.closed())?;
        self.precedence.over().await;
        let mut session = self.session().await?;
        session.turn = Some(Arc::new(turn));
        Ok(session)
    }

    async fn up_to_date(&self) -> Result<Session, StoreError> {
        if !self.migrated.initialized() {
            // It may be waiting for a server that does not answer, or for a long log.
            let migrated = self.migrated.get_or_try_init(|| self.migrated());
            let bound = self.connect_max + self.statement_max;
            timeout(bound, migrated).await.map_err(|_| self.silent("for its schema", bound))??;
        }
        self.connected().await
    }

    /// Waits until the schema is up to date. Dropping the future leaves the migration running.
    async fn migrated(&self) -> Result<(), StoreError> {
        let mut migration = self.migration.lock().await;
        let running = match &mut *migration {
            Some(running) => running,
            none => {
                let sessions = self.weak.upgrade().ok_or_else(|| self.closed())?;
                none.insert(tokio::spawn(async move { sessions.migrate().await }))
            }
        };
        let done = running.await;
        *migration = None;
        // A runtime that was shut down took it along.
        done.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("the migration ended: {error}"))))
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let mut session = self.connected().await?;
        let Some(mut connection) = session.connection.take() else { return Err(self.closed()) };
        let bound = Duration::from_millis(self.upkeep_ms_max);
        let migrated = timeout(bound, migrate(&mut connection)).await;
        migrated.map_err(|_| self.silent("for its schema (upkeep_ms_max)", bound))??;
        session.connection = Some(connection);
        Ok(())
    }

    async fn connected(&self) -> Result<Session, StoreError> {
        let deadline = Deadline::now() + self.connect_max;
        let silent = |_| self.silent("for a connection", self.connect_max);
        let permit = timeout_at(deadline, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = Arc::new(permit.map_err(silent)?.map_err(|_| self.closed())?);
        let sessions = self.weak.upgrade().ok_or_else(|| self.closed())?;
        if let Some(WholeConnection(connection)) = self.idle.take_trusted() {
            return Ok(Session::new(sessions, connection, permit));
        }
        // In a task, which continues when the caller leaves: an unclaimed session is kept.
        let making = tokio::spawn(async move {
            let connection = sessions.liveness.unless_silent(sessions.connection());
            let connection = timeout_at(deadline, connection).await;
            let connection =
                connection.map_err(|_| sessions.silent("for a connection", sessions.connect_max))??;
            Ok(Session::new(sessions, connection, permit))
        });
        // A runtime that was shut down took it along.
        making
            .await
            .unwrap_or_else(|error| Err(StoreError::Unavailable(format!("connecting ended: {error}"))))
    }

    async fn connection(&self) -> Result<PgConnection, StoreError> {
        if let Some(WholeConnection(connection)) = self.idle.take_answering(self.liveness.answer_max).await {
            return Ok(connection);
        }
        let connected = async {
            let mut connection = PgConnection::connect_with(&self.connect).await?;
            sqlx::query(DURABLE).execute(&mut connection).await?;
            Ok(connection)
        };
        connected.await.map_err(|error| match failure(error) {
            StoreError::Unavailable(why) => StoreError::Unavailable(format!("{}: {why}", self.address)),
            other => other,
        })
    }

    /// The lead, in a dedicated connection.
    pub(super) async fn lead(&self) -> Result<Option<Box<dyn Lead>>, StoreError> {
        if self.permits.is_closed() {
            return Err(self.closed());
        }
        self.liveness.watch(&self.weak);
        self.liveness.unless_silent(lead::lead(&self.connect, self.connect_max)).await
    }

    /// Keeps an intact connection for the next caller.
    fn keep(&self, connection: PgConnection) {
        drop(self.idle.take_if(|_, unused| unused >= IDLE_MAX));
        if !self.permits.is_closed() {
            self.idle.keep(WholeConnection(connection));
        }
    }

    /// Closes every unused connection, and the others when they are returned.
    pub(super) fn close(&self) {
        self.permits.close();
        self.pages.close();
        self.liveness.stop();
        drop(self.idle.take_all());
    }

    fn closed(&self) -> StoreError {
        StoreError::Unavailable(format!("the store at {} was closed", self.address))
    }

    fn silent(&self, what: &str, bound: Duration) -> StoreError {
        let ms = bound.as_millis();
        StoreError::Unavailable(format!("{}: timed out after {ms} ms waiting {what}", self.address))
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.liveness.stop();
    }
}

/// A connection as long as it is borrowed. It goes back when it is whole: one that was left in the middle of a
/// transaction is closed, and PostgreSQL undoes what was not committed.
pub(super) struct Session {
    sessions: Arc<Sessions>,
    /// None while a statement is under way, and after one that did not leave it whole.
    connection: Option<PgConnection>,
    in_transaction: bool,
    /// How long a statement under way is waited for after the server was found to be silent.
    patience: Duration,
    permit: Arc<OwnedSemaphorePermit>,
    /// Its turn, if it reads a page.
    turn: Option<Arc<OwnedSemaphorePermit>>,
    /// What pages wait for, if they do.
    preceding: Option<Preceding>,
}

/// A connection with a statement under way.
struct UnderWay {
    connection: Option<PgConnection>,
    /// What it occupies until it is read to its end; none when it is closed rather than read.
    occupied: Option<Occupied>,
}

struct Occupied {
    sessions: Arc<Sessions>,
    permit: Arc<OwnedSemaphorePermit>,
    turn: Option<Arc<OwnedSemaphorePermit>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let (Some(mut connection), Some(occupied), Ok(runtime)) =
            (self.connection.take(), self.occupied.take(), Handle::try_current())
        else {
            return;
        };
        runtime.spawn(async move {
            let Occupied { sessions, permit, turn } = occupied;
            // Reads what is left of the answer first.
            let done = timeout(sessions.statement_max + GRACE, connection.ping());
            let is_whole = tokio::select! {
                done = done => matches!(done, Ok(Ok(()))),
                _ = sessions.liveness.silence(Duration::ZERO) => false,
            };
            if is_whole {
                sessions.keep(connection);
            }
            drop((permit, turn));
        });
    }
}

impl Session {
    fn new(sessions: Arc<Sessions>, connection: PgConnection, permit: Arc<OwnedSemaphorePermit>) -> Self {
        let connection = Some(connection);
        Self {
            sessions,
            connection,
            in_transaction: false,
            patience: Duration::ZERO,
            permit,
            turn: None,
            preceding: None,
        }
    }

    /// Waits so much longer for statements under way when the server is silent: for what may have been done by then.
    pub(super) fn wait_for_silent(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Runs a statement and answers its rows.
    pub(super) async fn rows(
        &mut self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, StoreError> {
        let bound = self.sessions.statement_max + GRACE;
        self.rows_within(query, bound).await
    }

    /// Like [`Self::rows`], for a statement of which nothing may come for so long.
    async fn rows_within(
        &mut self,
        query: Query<'_, Postgres, PgArguments>,
        bound: Duration,
    ) -> Result<Vec<PgRow>, StoreError> {
        // Out of `self` until it is known to be whole again: this future may be dropped.
        let occupied = (!self.in_transaction).then(|| Occupied {
            sessions: Arc::clone(&self.sessions),
            permit: Arc::clone(&self.permit),
            turn: self.turn.clone(),
        });
        let mut under_way = UnderWay { connection: self.connection.take(), occupied };
        let Some(connection) = &mut under_way.connection else { return Err(self.sessions.closed()) };
        let mut rows = Vec::new();
        let mut stream = query.fetch(&mut *connection);
        let mut silence = std::pin::pin!(self.sessions.liveness.silence(self.patience));
        let done = loop {
            let next = tokio::select! {
                biased;
                next = timeout(bound, stream.try_next()) => next,
                error = &mut silence => break Err(error),
            };
            match next {
                Ok(Ok(Some(row))) => rows.push(row),
                Ok(Ok(None)) => break Ok(Ok(rows)),
                Ok(Err(error)) => break Ok(Err(error)),
                Err(_) => break Err(self.sessions.silent("for an answer", bound)),
            }
        };
        drop(stream);
        // The caller did not leave: what is not intact now is closed.
        under_way.occupied = None;
        let done = done?;
        if matches!(done, Ok(_) | Err(sqlx::Error::Database(_))) {
            self.sessions.liveness.answered();
        }
        if done.as_ref().err().is_none_or(leaves_connection_whole) {
            self.connection = under_way.connection.take();
        }
        done.map_err(failure)
    }

    /// Whether the last statement was answered, be it by an error, so that its outcome is known.
    pub(super) fn is_whole(&self) -> bool {
        self.connection.is_some()
    }

    /// The only row of a statement that always has one.
    pub(super) async fn row(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<PgRow, StoreError> {
        let row = self.rows(query).await?.into_iter().next();
        row.ok_or_else(|| StoreError::Corrupt("a statement that has a row had none".into()))
    }

    /// Runs a statement of which only matters that it was done.
    pub(super) async fn run(&mut self, query: Query<'_, Postgres, PgArguments>) -> Result<(), StoreError> {
        self.rows(query).await.map(drop)
    }

    /// Opens a transaction in which statements may take as long as upkeep may.
    pub(super) async fn begin_upkeep(&mut self, mode: &'static str) -> Result<(), StoreError> {
        // Before it is: a caller who leaves meanwhile must not leave a connection behind that is in a transaction.
        self.in_transaction = true;
        self.run(sqlx::query(AssertSqlSafe(format!("BEGIN {mode}")))).await?;
        let patience = format!("SET LOCAL statement_timeout = {}", self.sessions.upkeep_ms_max);
        self.run(sqlx::query(AssertSqlSafe(patience)).persistent(false)).await
    }

    /// Like [`Self::row`], for a statement that returns nothing until it is done with the whole log.
    pub(super) async fn upkeep_row(
        &mut self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Option<PgRow>, StoreError> {
        let bound = Duration::from_millis(self.sessions.upkeep_ms_max) + GRACE;
        Ok(self.rows_within(query, bound).await?.into_iter().next())
    }

    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        self.run(sqlx::query("COMMIT")).await?;
        self.in_transaction = false;
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| !self.in_transaction) {
            self.sessions.keep(connection);
        }
    }
}
