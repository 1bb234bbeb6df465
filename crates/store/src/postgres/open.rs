//! Where a log is, within what bounds it is asked, and its schema.

use std::sync::LazyLock;

use midflight_postgres::PostgresUrl;
use sqlx::PgConnection;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;

use super::failure::failure;
use crate::StoreError;
use crate::rows::{SCHEMA, check_schema, migration_failure, migrator};

static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| migrator(sqlx::migrate!("./migrations/postgres")));

/// Where a log in PostgreSQL is, and within what bounds it is asked.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The database.
    pub url: PostgresUrl,
    /// The name of this replica, which no other has. Reload events are kept by it, and only its own are read back.
    pub replica: String,
    /// The most connections at the same time; further callers wait for one. 10 by default. The replica that leads has
    /// one more, and so does the probe.
    pub connections_max: u32,
    /// The most pages that are read at the same time: revisions, documents, versions, events and tallies. Later ones
    /// wait, so that readers occupy neither all connections nor the whole server, and edits and new revisions continue.
    /// Always less than [`Self::connections_max`] if that is more than one. 2 by default.
    pub page_reads_max: u32,
    /// The longest that a call waits for a connection, a new one made included, in milliseconds. 5,000 by default.
    pub connect_ms_max: u64,
    /// The longest that a statement takes, in milliseconds; PostgreSQL ends it then, and one second later it is
    /// abandoned if there is no answer. 10,000 by default.
    pub statement_ms_max: u64,
    /// The same for a statement that reads or rewrites the whole log: `compact`, `diagnose`. 600,000 by default.
    /// Reading still ends when nothing at all comes for `statement_ms_max`.
    pub upkeep_ms_max: u64,
    /// After how long without an answer the server is asked whether it is available, in milliseconds, by a connection
    /// of its own. 300 by default. Cost: one round trip without a statement each time, and none while other calls are
    /// answered.
    pub probe_ms: u64,
    /// The longest that the server may take to answer that, in milliseconds; twice as long where a connection must be
    /// made first. 500 by default. One that takes longer counts as unavailable: calls that wait for it end, and later
    /// ones fail at once, until it answers again.
    pub answer_ms_max: u64,
}

impl PostgresOptions {
    /// The defaults for a database and a replica.
    #[must_use]
    pub fn new(url: PostgresUrl, replica: &str) -> Self {
        Self {
            url,
            replica: replica.to_owned(),
            connections_max: 10,
            page_reads_max: 2,
            connect_ms_max: 5_000,
            statement_ms_max: 10_000,
            upkeep_ms_max: 600_000,
            probe_ms: 300,
            answer_ms_max: 500,
        }
    }

    /// How each connection is made. The settings go with the first packet, so that they cost no round trip.
    pub(super) fn connect(&self) -> PgConnectOptions {
        let statement = self.statement_ms_max.to_string();
        self.url.options().clone().application_name("midflight").options([
            ("statement_timeout", statement.as_str()),
            // A replica that is cut off or paused within a transaction must not block others for long.
            ("idle_in_transaction_session_timeout", statement.as_str()),
            ("tcp_keepalives_idle", "30"),
            ("tcp_keepalives_interval", "10"),
            ("tcp_keepalives_count", "3"),
            ("tcp_user_timeout", "60000"),
            // What waits for the lock of the writers must then see what they wrote.
            ("default_transaction_isolation", "read committed"),
            // That a table is there already is no news.
            ("client_min_messages", "warning"),
            // Compiling a statement costs more than any of these can win by it.
            ("jit", "off"),
        ])
    }
}

/// Brings the schema up to date. Another replica that does so at the same time waits for the lock that this takes.
pub(super) async fn migrate(connection: &mut PgConnection) -> Result<(), StoreError> {
    let migrated = MIGRATOR.run_direct(None, connection, false).await;
    migrated.map_err(|error| migration_failure(error, failure))?;
    check_schema(&sqlx::query(SCHEMA).fetch_one(connection).await.map_err(failure)?, &MIGRATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_hangs_is_measured_within_a_second() {
        let options = PostgresOptions::new("postgres://anna@db/log".parse().unwrap(), "r1");
        assert!(options.probe_ms + options.answer_ms_max <= 1000);
        assert!(2 * options.answer_ms_max <= 1000, "and while no connection is there, by one that is made");
    }

    #[test]
    fn a_password_is_not_shown() {
        let url: PostgresUrl = "postgres://anna:hunter2@db:77/log".parse().unwrap();
        let options = PostgresOptions::new(url, "r1");
        let shown = format!("{options:?} {}", options.url);
        assert!(shown.contains("db:77/log") && !shown.contains("hunter2"), "{shown}");
    }
}
