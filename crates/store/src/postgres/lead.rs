//! Who leads: the owner of a lock in a session of its own, which PostgreSQL ends when the session is silent.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;

use super::failure::failure;
use crate::{Lead, StoreError};

/// The lock, within the schema that the log is in: two logs in one database have a leader each.
const TRY_LOCK: &str =
    "SELECT pg_try_advisory_lock(hashtext('midflight leader'), hashtext(current_schema()))";

/// How soon the server ends the session of a leader that is dead. One that was killed closes its connection; keepalives
/// find a machine that has vanished; and one that is paused answers these, but asks nothing any more. The last is known
/// from PostgreSQL 14 on: before, a paused leader leads until it continues, and meanwhile only time is lost.
const SHORT_LIVED: &str = "SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES
        ('tcp_keepalives_idle', '1'), ('tcp_keepalives_interval', '1'), ('tcp_keepalives_count', '3'),
        ('tcp_user_timeout', '4000'), ('idle_session_timeout', '5000')) AS settings (name, wanted) USING (name)";

/// How long the server may take to confirm the leader, before it stops to consider itself the leader. Shorter than the
/// time after which the server ends its session, so that two rarely think so at once.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// The session whose lock is the lead.
struct PostgresLead {
    /// None once it did not respond in time: a later answer is of no use.
    session: Option<PgConnection>,
}

/// Takes the lead if it is free.
pub(super) async fn lead(
    connect: &PgConnectOptions,
    within: Duration,
) -> Result<Option<Box<dyn Lead>>, StoreError> {
    let taken = timeout(within, async {
        let mut session = PgConnection::connect_with(connect).await?;
        sqlx::query(SHORT_LIVED).fetch_all(&mut session).await?;
        let is_leader: bool = sqlx::query_scalar(TRY_LOCK).fetch_one(&mut session).await?;
        Ok(is_leader.then_some(session))
    });
    let taken = taken.await.map_err(|_| {
        StoreError::Unavailable(format!(
            "timed out after {} ms asking which replica leads",
            within.as_millis()
        ))
    })?;
    let session = taken.map_err(failure)?;
    Ok(session.map(|session| Box::new(PostgresLead { session: Some(session) }) as Box<dyn Lead>))
}

#[async_trait]
impl Lead for PostgresLead {
    async fn holds(&mut self) -> bool {
        // Out of `self` until it has answered: a future that was dropped leaves a session of which nothing is known.
        let Some(mut session) = self.session.take() else { return false };
        // The lock is the session's, so a session that answers has it.
        if matches!(timeout(ANSWER_MAX, session.ping()).await, Ok(Ok(()))) {
            self.session = Some(session);
        }
        self.session.is_some()
    }
}
