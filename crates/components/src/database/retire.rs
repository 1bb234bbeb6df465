//! Closing of a pool: unused connections are closed at once, those in use get a grace period and are then cut, and the
//! server is asked whether it has closed all of them.
//!
//! A connection is cut at the server, since one that is only dropped here is not noticed there before its statement
//! ends. The last idle connection stays to ask for that. A server that does not answer is asked for no longer than
//! [`ASKED_MAX`]: then its connections are its own business, and so a silent server never keeps a new one from taking
//! its place. A statement that waits for such a server continues to wait; give it a deadline of your own.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::PgConnection;
use tokio::time::{sleep, timeout, timeout_at};

use super::pool::{DatabasePool, PooledConnection};

/// How long a server is asked to cut connections, or whether it has.
const ASKED_MAX: Duration = Duration::from_secs(1);
/// The pause between two such questions.
const ASKED_EVERY: Duration = Duration::from_millis(2);

/// Only of this user: another user's connection cannot get the number of one that was just closed and be cut in its
/// place.
const CUT: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY($1) AND usename = current_user";
const THERE: &str = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)";

/// Lets a pool go. `in_use` is the one that took its place, if any.
pub(super) async fn leave(pool: &Arc<DatabasePool>, in_use: Option<Arc<DatabasePool>>) {
    pool.drain();
    let mut leaving = Leaving { pool, last: None, removed: HashSet::new() };
    let grace_ends = tokio::time::Instant::now() + pool.settings.grace();
    while leaving.close_idle().await {
        if timeout_at(grace_ends, pool.changed.notified()).await.is_err() {
            leaving.cut(in_use.clone()).await;
            break;
        }
    }
    leaving.end(in_use).await;
}

struct Leaving<'a> {
    pool: &'a Arc<DatabasePool>,
    /// The one that stays to ask the server.
    last: Option<PooledConnection>,
    /// The server's numbers of the connections to close.
    removed: HashSet<i32>,
}

impl Leaving<'_> {
    /// Closes unused connections, except one. Answers whether there is more.
    async fn close_idle(&mut self) -> bool {
        let mut idle = self.pool.idle();
        if self.last.is_none() {
            self.last = idle.pop();
        }
        self.removed.extend(idle.iter().map(PooledConnection::pid));
        join_all(idle.into_iter().map(PooledConnection::goodbye)).await;
        self.pool.has_more_than(self.last.as_ref().map(PooledConnection::pid))
    }

    /// Has the server cut what is in use still.
    async fn cut(&mut self, in_use: Option<Arc<DatabasePool>>) {
        let last = self.last.as_ref().map(PooledConnection::pid);
        let mut cut = self.pool.cut();
        cut.retain(|pid| Some(*pid) != last);
        let (count, address) = (cut.len(), &self.pool.target.address);
        tracing::warn!(count, address, "grace period of a replaced pool is over; cancelling its queries");
        self.removed.extend(&cut);
        if let Some(kept) = &mut self.last {
            return ask_to_cut(&mut kept.connection, &cut).await;
        }
        // All of them are in use: one of the pool that took its place can ask as well, if it is the same server's.
        if let Some(pool) = in_use.filter(|pool| pool.is_like(self.pool))
            && let Ok(mut leased) = pool.acquire(Instant::now() + ASKED_MAX).await
        {
            ask_to_cut(&mut leased.kept.connection, &cut).await;
            return pool.take_back(leased.kept, leased.permit).await;
        }
        if let Ok(Ok(mut kept)) = timeout(ASKED_MAX, self.pool.dial()).await {
            ask_to_cut(&mut kept.connection, &cut).await;
            self.last = Some(kept);
        }
    }

    /// Waits until the server has closed all of them, and disconnects.
    async fn end(mut self, in_use: Option<Arc<DatabasePool>>) {
        let Some(mut kept) = self.last.take() else { return };
        let last = kept.pid();
        self.removed.remove(&last);
        let removed: Vec<i32> = self.removed.into_iter().collect();
        if !removed.is_empty() {
            // A pooler between us and the server keeps them: then there is nothing to be waited for.
            timeout(ASKED_MAX, are_closed(&mut kept.connection, &removed)).await.ok();
        }
        kept.goodbye().await;
        // The server has it for a moment after its goodbye, and only another can be asked about that.
        if let Some(pool) = in_use.filter(|pool| pool.is_like(self.pool))
            && let Ok(mut leased) = pool.acquire(Instant::now() + ASKED_MAX).await
        {
            timeout(ASKED_MAX, are_closed(&mut leased.kept.connection, &[last])).await.ok();
            pool.take_back(leased.kept, leased.permit).await;
        }
    }
}

async fn ask_to_cut(connection: &mut PgConnection, cut: &[i32]) {
    let asked = sqlx::query(CUT).bind(cut).execute(connection);
    if !matches!(timeout(ASKED_MAX, asked).await, Ok(Ok(_))) {
        tracing::warn!("cannot cancel the queries of a replaced pool");
    }
}

async fn are_closed(connection: &mut PgConnection, removed: &[i32]) {
    while let Ok(1..) = sqlx::query_scalar::<_, i64>(THERE).bind(removed).fetch_one(&mut *connection).await {
        sleep(ASKED_EVERY).await;
    }
}

impl DatabasePool {
    /// Whether the other one is to the same server, by the same user.
    fn is_like(&self, other: &Self) -> bool {
        let user = |pool: &Self| pool.target.connect.get_username().to_owned();
        self.target.address == other.target.address && user(self) == user(other)
    }
}
