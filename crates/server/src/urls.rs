//! Where a log is and what carries its hints, as flags name them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use midflight_store::{PostgresUrl, PostgresUrlError};

/// Where the log is.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "a process has one of it")]
pub enum StoreUrl {
    /// A SQLite file, which one server has for itself.
    Sqlite(PathBuf),
    /// A PostgreSQL database, for as many replicas as follow it.
    Postgres(PostgresUrl),
}

/// A text that names no place for a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreUrlError {
    /// It begins like nothing that is known.
    #[error("expected sqlite:PATH or postgres://user@host:port/database")]
    Unknown,
    /// It begins like a database, and is none.
    #[error(transparent)]
    Postgres(#[from] PostgresUrlError),
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.trim_start_matches('/').is_empty() => {
                Ok(Self::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(text.parse()?)),
            _ => Err(StoreUrlError::Unknown),
        }
    }
}

/// Without the password.
impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => write!(f, "postgres://{url}"),
        }
    }
}

/// What carries the hints that the log moved.
#[derive(Clone)]
#[non_exhaustive]
pub enum BusUrl {
    /// This process alone: other replicas find what is new by their period.
    Memory,
    /// The database of the log.
    Postgres,
    /// A Redis server, by its URL.
    Redis(String),
    /// A NATS server, by its URL.
    Nats(String),
}

/// A text that names nothing that carries hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected memory, postgres, redis://host:port, rediss://host:port, nats://host:port or tls://host:port"
)]
pub struct BusUrlError;

impl FromStr for BusUrl {
    type Err = BusUrlError;

    fn from_str(text: &str) -> Result<Self, BusUrlError> {
        match text.split_once("://") {
            None if text == "memory" => Ok(Self::Memory),
            None if text == "postgres" => Ok(Self::Postgres),
            Some(("redis" | "rediss", _)) => Ok(Self::Redis(text.to_owned())),
            Some(("nats" | "tls", _)) => Ok(Self::Nats(text.to_owned())),
            _ => Err(BusUrlError),
        }
    }
}

/// Without the URL, which may have a password.
impl fmt::Debug for BusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Postgres => "postgres",
            Self::Redis(_) => "redis",
            Self::Nats(_) => "nats",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_known_by_their_beginning() {
        let store = |text: &str| text.parse::<StoreUrl>().map(|place| place.to_string());
        assert_eq!(store("sqlite:a/b.db"), Ok("sqlite:a/b.db".into()));
        assert_eq!(store("sqlite://a/b.db"), Ok("sqlite:a/b.db".into()));
        assert_eq!(store("postgres://anna:hunter2@db/log"), Ok("postgres://db:5432/log".into()));
        for wrong in ["", "sqlite:", "sqlite://", "mysql://x", "midflight.db", "postgres://x:port/y"] {
            let refused = store(wrong).unwrap_err().to_string();
            assert!(refused.contains("postgres://"), "{wrong}: {refused}");
        }
        let bus = |text: &str| text.parse::<BusUrl>().map(|place| format!("{place:?}"));
        for (text, name) in [
            ("memory", "memory"),
            ("postgres", "postgres"),
            ("rediss://:hunter2@x", "redis"),
            ("nats://x", "nats"),
        ] {
            assert_eq!(bus(text).as_deref(), Ok(name));
        }
        for wrong in ["", "redis", "kafka://x", "Memory"] {
            assert!(bus(wrong).is_err(), "{wrong}");
        }
    }
}
