//! What went wrong, told by what the caller can do next and without secrets.

use std::time::Duration;

use midflight_core::Problem;

use super::pool::Pool;
use super::settings::DatabaseSettings;
use crate::Place;

/// Why a [`Database`](crate::Database) has no connection to give, or a transaction did not come about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The settings say nothing of a database.
    #[error("no database is configured")]
    NotConfigured,
    /// Every connection was in use for as long as the caller waited.
    #[error(
        "all {max_conns} connections to {address} were in use for {waited_ms} ms; raise max_conns, or hold them shorter"
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
    #[error("{address} cannot be used: {why}")]
    Unavailable {
        /// Host, port and database.
        address: String,
        /// What was said, without secrets.
        why: String,
    },
    /// The server refused a statement.
    #[error("the database refused")]
    Refused(#[source] sqlx::Error),
}

/// Why a connection could not be opened.
#[derive(Debug)]
pub(super) enum DialError {
    Late(Duration),
    Failed(sqlx::Error),
}

impl Pool {
    /// What is to be said of a connection that could not be opened.
    pub(super) fn why(&self, error: &DialError) -> String {
        match error {
            DialError::Late(after) => format!("it did not answer within {} ms", after.as_millis()),
            DialError::Failed(sqlx::Error::Database(error)) => {
                self.target.secrets.redact(error.message()).into_owned()
            }
            DialError::Failed(error) => self.target.secrets.redact(&error.to_string()).into_owned(),
        }
    }

    /// The problem that refuses a reload: the setting that is to blame, and what to do.
    pub(super) fn problem(&self, error: &DialError, place: &Place<DatabaseSettings>) -> Problem {
        let (at, address, why) = (self.target.at, &self.target.address, self.why(error));
        let (code, setting, cure) = match error {
            DialError::Late(_) => {
                ("no_answer", at.host, "look whether that is the address, or raise connect_timeout_ms")
            }
            DialError::Failed(error) => match sql_state(error).as_deref() {
                Some("28P01" | "28000") => ("not_let_in", at.password, "look at the user and the password"),
                Some("3D000") => ("unknown_database", at.name, "make the database, or mend its name"),
                Some("42501") => ("not_let_in", at.user, "grant the user CONNECT on the database"),
                Some("53300") => {
                    ("too_many_connections", "max_conns", "lower it, or raise max_connections of the server")
                }
                _ => {
                    ("unreachable", at.host, "look whether the server runs, and whether that is its address")
                }
            },
        };
        place.problem(code, setting, format!("{address} cannot be used: {why}; {cure}"))
    }
}

/// The server's word for it (PostgreSQL, appendix A).
fn sql_state(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}
