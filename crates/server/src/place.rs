//! Where a log is and what carries its hints, as flags name them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use midflight_store::{PostgresUrl, PostgresUrlError};

/// Where the log is.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a process has one of it")]
pub enum StorePlace {
    /// A SQLite file, which one server has for itself.
    Sqlite(PathBuf),
    /// A PostgreSQL database, for as many replicas as follow it.
    Postgres(PostgresUrl),
}

/// A text that names no place for a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorePlaceError {
    /// It begins like nothing that is known.
    #[error("it is neither sqlite:PATH nor postgres://user@host:port/database")]
    Unknown,
    /// It begins like a database, and is none.
    #[error(transparent)]
    Postgres(#[from] PostgresUrlError),
}

impl FromStr for StorePlace {
    type Err = StorePlaceError;

    fn from_str(text: &str) -> Result<Self, StorePlaceError> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.trim_start_matches('/').is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.parse()?)),
            _ => Err(StorePlaceError::Unknown),
        }
    }
}

/// Without the password.
impl fmt::Display for StorePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => write!(f, "postgres://{url}"),
        }
    }
}
