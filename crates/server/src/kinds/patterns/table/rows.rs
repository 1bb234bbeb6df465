//! Reads the rows of a table in PostgreSQL.

use std::fmt;
use std::time::Duration;

use midflight_components::drivers::sqlx::postgres::PgConnectOptions;
use midflight_components::drivers::sqlx::{self, ConnectOptions as _, Connection as _, PgConnection};
use midflight_store::{PostgresUrl, PostgresUrlError};

/// How many rows are read at most.
const ROWS_MAX: usize = 1_000_000;
/// How long connecting, and a statement, may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// The first word of the key of the lock, so that nothing else of the database has it by chance.
const LOCK: &str = "midflight table";

/// Why a table cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// Its place is none: write another.
    #[error("{0}")]
    Place(String),
    /// It cannot be read now.
    #[error("{0}")]
    Unreadable(String),
}

/// A table of a PostgreSQL database, whose rows are patterns. It cannot be printed: its URL may have a password.
#[derive(Clone)]
pub struct PatternTable {
    options: PgConnectOptions,
    name: String,
    /// As it stands in SQL.
    quoted: String,
}

impl fmt::Debug for PatternTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PatternTable").field(&self.name).finish()
    }
}

impl PatternTable {
    /// The table `TABLE` or `SCHEMA.TABLE` of the database `postgres://user@host/database`. A password that the URL
    /// does not have comes from `PGPASSWORD`.
    ///
    /// ```
    /// use midflight_server::PatternTable;
    ///
    /// assert!(PatternTable::new("postgres://anna@db/app", "public.learned_patterns").is_ok());
    /// assert!(PatternTable::new("mysql://db/app", "learned_patterns").is_err());
    /// ```
    ///
    /// # Errors
    /// [`TableError::Place`] when either is none; the message does not repeat the URL.
    pub fn new(url: &str, table: &str) -> Result<Self, TableError> {
        let url: PostgresUrl =
            url.parse().map_err(|error: PostgresUrlError| TableError::Place(error.to_string()))?;
        Ok(Self { options: url.options().clone(), name: table.to_owned(), quoted: quoted(table)? })
    }

    /// The table, as it was named.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads all rows as a JSON array of objects, in the order of the table.
    ///
    /// # Errors
    /// [`TableError::Unreadable`] when the database cannot be reached within 30 s, the table is not there, or it has
    /// more than 1,000,000 rows.
    pub async fn rows(&self) -> Result<String, TableError> {
        self.connect().await?.rows().await
    }

    pub(super) async fn connect(&self) -> Result<TableConnection, TableError> {
        let connected = within(self.options.connect()).await;
        let connection = connected.map_err(|why| {
            TableError::Unreadable(format!(
                "the database of the table {} cannot be reached: {why}",
                self.name
            ))
        })?;
        Ok(TableConnection { connection, table: self.clone(), leads: false })
    }
}

/// A connection to the database of a table.
pub(super) struct TableConnection {
    connection: PgConnection,
    table: PatternTable,
    leads: bool,
}

impl TableConnection {
    /// Reads all rows as a JSON array.
    pub(super) async fn rows(&mut self) -> Result<String, TableError> {
        let PatternTable { name, quoted, .. } = &self.table;
        let select = format!("SELECT row_to_json(t)::text FROM {quoted} AS t LIMIT {}", ROWS_MAX + 1);
        let query = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(select));
        let rows = within(query.fetch_all(&mut self.connection)).await;
        let rows = rows.map_err(|why| TableError::Unreadable(format!("cannot read {name}: {why}")))?;
        if rows.len() > ROWS_MAX {
            let why = format!("{name} has more than {ROWS_MAX} rows; import it in parts, by a view");
            return Err(TableError::Unreadable(why));
        }
        Ok(format!("[{}]", rows.join(",\n")))
    }

    /// Whether this connection is the one of all replicas of a log that follows the table. Once it is, it stays so
    /// until it is closed, or breaks: then another replica follows.
    pub(super) async fn leads(&mut self, log: &str) -> Result<bool, TableError> {
        if !self.leads {
            let lock = sqlx::query_scalar::<_, bool>("SELECT pg_try_advisory_lock(hashtextextended($1, 0))");
            let lock = lock.bind(format!("{LOCK} {log} {}", self.table.name));
            let leads = within(lock.fetch_one(&mut self.connection)).await;
            self.leads = leads.map_err(TableError::Unreadable)?;
        }
        Ok(self.leads)
    }

    pub(super) async fn close(self) {
        // What was read is read; how the connection ends makes no difference.
        drop(within(self.connection.close()).await);
    }
}

/// Its result, unless it takes too long.
async fn within<T>(doing: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, String> {
    match tokio::time::timeout(ANSWER_MAX, doing).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the database took more than {} s", ANSWER_MAX.as_secs())),
    }
}

/// The name of a table, perhaps with its schema, as it is in SQL.
fn quoted(table: &str) -> Result<String, TableError> {
    let parts: Vec<_> = table.split('.').collect();
    let is_name = |part: &&str| !part.is_empty() && !part.contains('\0');
    if parts.len() > 2 || !parts.iter().all(is_name) {
        return Err(TableError::Place(format!("invalid table {table:?}: expected TABLE or SCHEMA.TABLE")));
    }
    let quoted: Vec<_> = parts.iter().map(|part| format!("\"{}\"", part.replace('"', "\"\""))).collect();
    Ok(quoted.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name() {
        assert_eq!(quoted("public.auto_learned_patterns").unwrap(), "\"public\".\"auto_learned_patterns\"");
        assert_eq!(quoted("a\"; DROP TABLE b; --").unwrap(), "\"a\"\"; DROP TABLE b; --\"");
        assert!(quoted("a.b.c").is_err() && quoted("").is_err() && quoted("a..b").is_err());
    }

    #[test]
    fn a_table_is_not_printed_with_its_password() {
        let table = PatternTable::new("postgres://anna:hunter2@db/app", "learned").unwrap();
        assert_eq!(format!("{table:?}"), "PatternTable(\"learned\")");
        let refused = PatternTable::new("postgres://anna:hunter2@db:port/app", "learned").unwrap_err();
        assert!(!refused.to_string().contains("hunter2"), "{refused}");
    }
}
