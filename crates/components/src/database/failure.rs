//! What went wrong, by what the caller can do next and without secrets.

use std::time::Duration;

use midflight_core::Problem;

use super::pool::DatabasePool;
use super::settings::DatabaseSettings;
use crate::SettingsSource;

/// Why a [`Database`](crate::Database) has no connection to give, or a transaction did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The settings have no database.
    #[error("no database is configured")]
    NotConfigured,
    /// Every connection was in use for as long as the caller waited.
    #[error(
        "all {max_conns} connections to {address} were in use for {waited_ms} ms; raise max_conns, or use \
         connections for a shorter time"
    )]
    Exhausted {
        /// Host, port and database.
        address: String,
        /// How many there are.
        max_conns: u32,
        /// How long the caller waited, in milliseconds.
        waited_ms: u64,
    },
    /// The server could not be reached, or did not let us in.
    #[error("cannot use {address}: {why}")]
    Unavailable {
        /// Host, port and database.
        address: String,
        /// The message, without secrets.
        why: String,
    },
    /// The server refused a statement.
    #[error("the database refused")]
    Refused(#[source] sqlx::Error),
}

/// Why a connection could not be opened.
#[derive(Debug)]
pub(super) enum DatabaseDialError {
    Late(Duration),
    Failed(sqlx::Error),
}

impl DatabasePool {
    /// The problem of a connection that could not be opened.
    pub(super) fn why(&self, error: &DatabaseDialError) -> String {
        match error {
            DatabaseDialError::Late(after) => format!("it did not answer within {} ms", after.as_millis()),
            DatabaseDialError::Failed(sqlx::Error::Database(error)) => {
                self.target.secrets.redact(error.message()).into_owned()
            }
            DatabaseDialError::Failed(error) => self.target.secrets.redact(&error.to_string()).into_owned(),
        }
    }

    /// The problem that refuses a reload: the setting that is to blame, and what to do.
    pub(super) fn problem(
        &self,
        error: &DatabaseDialError,
        place: &SettingsSource<DatabaseSettings>,
    ) -> Problem {
        let (at, address, why) = (self.target.at, &self.target.address, self.why(error));
        let (code, setting, cure) = match error {
            DatabaseDialError::Late(_) => {
                ("no_answer", at.host, "check the address, or raise connect_timeout_ms")
            }
            DatabaseDialError::Failed(error) => match sql_state(error).as_deref() {
                Some("28P01" | "28000") => ("access_denied", at.password, "check the user and the password"),
                Some("3D000") => ("unknown_database", at.name, "create the database, or correct its name"),
                Some("42501") => ("access_denied", at.user, "grant the user CONNECT on the database"),
                Some("53300") => {
                    ("too_many_connections", "max_conns", "lower it, or raise max_connections of the server")
                }
                _ => ("unreachable", at.host, "check that the server runs and that the address is correct"),
            },
        };
        place.problem(code, setting, format!("cannot use {address}: {why}; {cure}"))
    }
}

/// The server's word for it (PostgreSQL, appendix A).
fn sql_state(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
