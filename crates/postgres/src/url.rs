//! A database, as a URL names it.

use std::fmt::{self, Write};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// A database, as a URL names it. Shown without its password.
///
/// The URL is `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=...`, with what `libpq`
/// calls the same; what it leaves out comes from the environment (`PGHOST`, `PGPASSWORD`) or from `~/.pgpass`. In a
/// database that is shared with other programs, `?options[search_path]=midflight` keeps the log in a schema of its own,
/// which must be there.
#[derive(Clone)]
pub struct PostgresUrl {
    options: PgConnectOptions,
    text: String,
}

impl PostgresUrl {
    /// The URL as it was given, its password too, for other connections to the database.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What a connection is made with, its password too.
    #[must_use]
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }
}

/// A text that is no URL of a PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid URL of a PostgreSQL database: {0}; write postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE")]
pub struct PostgresUrlError(String);

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    /// # Errors
    /// [`PostgresUrlError`] for what is no such URL; its text never has the password.
    fn from_str(url: &str) -> Result<Self, PostgresUrlError> {
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(PostgresUrlError("it does not start with postgres://".into()));
        }
        let options = url.parse().map_err(|error: sqlx::Error| PostgresUrlError(error.to_string()))?;
        Ok(Self { options, text: url.to_owned() })
    }
}

/// Where it connects to.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_server(f, &self.options)?;
        self.options.get_database().map_or(Ok(()), |database| write!(f, "/{database}"))
    }
}

fn write_server(out: &mut impl Write, options: &PgConnectOptions) -> fmt::Result {
    match options.get_socket() {
        Some(socket) => write!(out, "{}", socket.display()),
        None => write!(out, "{}:{}", options.get_host(), options.get_port()),
    }
}

/// Where connections go, for people: socket or host and port, and the database, which is named as the user by default.
#[must_use]
pub fn address_of(options: &PgConnectOptions) -> String {
    let mut address = String::new();
    // Writing to a String cannot fail.
    let _written = write_server(&mut address, options);
    address + "/" + options.get_database().unwrap_or_else(|| options.get_username())
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let url: PostgresUrl = "postgres://anna:hunter2@db:77/log".parse().unwrap();
        assert_eq!((url.to_string(), address_of(url.options())), ("db:77/log".into(), "db:77/log".into()));
        assert!(!format!("{url:?}").contains("hunter2"));
        for url in ["sqlite:hunter2", "hunter2", "postgres://anna:hunter2@db:hunter2/log", ""] {
            let refused = url.parse::<PostgresUrl>().unwrap_err().to_string();
            assert!(refused.contains("write postgres://") && !refused.contains("hunter2"), "{refused}");
        }
        let url: PostgresUrl = "postgres://anna@db".parse().unwrap();
        assert_eq!(address_of(url.options()), "db:5432/anna");
    }
}
