//! SQLite's errors, by what the caller can do next.

use sqlx::error::DatabaseError;

use crate::StoreError;

/// What an error of the database means. The codes are SQLite's primary result codes.
pub(super) fn failure(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => by_code(&**database),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Corrupt(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

fn by_code(error: &dyn DatabaseError) -> StoreError {
    let extended: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or(0);
    let message = error.message().to_owned();
    match extended & 0xff {
        8 => StoreError::ReadOnly(message),
        11 | 26 => StoreError::Corrupt(message),
        13 => StoreError::Full(message),
        _ => StoreError::Unavailable(message),
    }
}

/// A value that was not put there by this program.
pub(super) fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}
