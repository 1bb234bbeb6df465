//! The way out of a pool: what nobody uses goes at once, what is in use has its grace and is then cut, and the server is
//! asked whether it has let go of all of it.
//!
//! A connection is cut at the server, since one that is only dropped here is not noticed there before its statement
//! ends. The last idle connection stays to ask for that. A server that does not answer is asked for no longer than
//! [`ASKED_MAX`]: then its connections are its own business, and so a silent server never keeps a new one from taking its
//! place. A statement that waits for such a server goes on waiting; give it a deadline of your own.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sqlx::PgConnection;
use tokio::time::{sleep, timeout, timeout_at};

use super::pool::{Kept, Pool};

/// How long a server is asked to cut connections, or whether it has.
const ASKED_MAX: Duration = Duration::from_secs(1);
/// The pause between two such questions.
const ASKED_EVERY: Duration = Duration::from_millis(2);

/// Only of this user: nobody else's can have the number of one that has just gone and be cut in its place.
const CUT: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = ANY($1) AND usename = current_user";
const THERE: &str = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)";

/// Lets a pool go. `in_use` is the one that took its place, if any.
pub(super) async fn leave(pool: &Arc<Pool>, in_use: Option<Arc<Pool>>) {
    pool.drain();
    let mut leaving = Leaving { pool, last: None, gone: HashSet::new() };
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
    pool: &'a Arc<Pool>,
    /// The one that stays to ask the server.
    last: Option<Kept>,
    /// The server's numbers of what it is to let go of.
    gone: HashSet<i32>,
}

impl Leaving<'_> {
    /// Closes what nobody uses, but for one. Answers whether there is more.
    async fn close_idle(&mut self) -> bool {
        let mut idle = self.pool.idle();
        if self.last.is_none() {
            self.last = idle.pop();
        }
        self.gone.extend(idle.iter().map(Kept::pid));
        join_all(idle.into_iter().map(Kept::goodbye)).await;
        self.pool.has_more_than(self.last.as_ref().map(Kept::pid))
    }

    /// Has the server cut what is in use still.
    async fn cut(&mut self, in_use: Option<Arc<Pool>>) {
        let last = self.last.as_ref().map(Kept::pid);
        let mut cut = self.pool.cut();
        cut.retain(|pid| Some(*pid) != last);
        let (count, address) = (cut.len(), &self.pool.target.address);
        tracing::warn!(
            count,
            address,
            "cuts what is in use of a pool that was replaced, its grace being over"
        );
        self.gone.extend(&cut);
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

    /// Waits until the server has let go of all of it, and says goodbye.
    async fn end(mut self, in_use: Option<Arc<Pool>>) {
        let Some(mut kept) = self.last.take() else { return };
        let last = kept.pid();
        self.gone.remove(&last);
        let gone: Vec<i32> = self.gone.into_iter().collect();
        if !gone.is_empty() {
            // A pooler between us and the server keeps them: then there is nothing to be waited for.
            timeout(ASKED_MAX, are_gone(&mut kept.connection, &gone)).await.ok();
        }
        kept.goodbye().await;
        // The server has it for a moment after its goodbye, and only another can be asked about that.
        if let Some(pool) = in_use.filter(|pool| pool.is_like(self.pool))
            && let Ok(mut leased) = pool.acquire(Instant::now() + ASKED_MAX).await
        {
            timeout(ASKED_MAX, are_gone(&mut leased.kept.connection, &[last])).await.ok();
            pool.take_back(leased.kept, leased.permit).await;
        }
    }
}

async fn ask_to_cut(connection: &mut PgConnection, cut: &[i32]) {
    let asked = sqlx::query(CUT).bind(cut).execute(connection);
    if !matches!(timeout(ASKED_MAX, asked).await, Ok(Ok(_))) {
        tracing::warn!("the server of a pool that was replaced cannot be asked to cut what is in use");
    }
}

async fn are_gone(connection: &mut PgConnection, gone: &[i32]) {
    while let Ok(1..) = sqlx::query_scalar::<_, i64>(THERE).bind(gone).fetch_one(&mut *connection).await {
        sleep(ASKED_EVERY).await;
    }
}

impl Pool {
    /// Whether the other one is to the same server, by the same user.
    fn is_like(&self, other: &Self) -> bool {
        let user = |pool: &Self| pool.target.connect.get_username().to_owned();
        self.target.address == other.target.address && user(self) == user(other)
    }
}
