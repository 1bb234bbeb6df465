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

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

    use super::*;

    #[tokio::test]
    async fn a_write_where_only_reading_is_allowed_is_read_only() {
        // Root may write any file, so a file's mode would refuse nothing here; SQLite's own switch does.
        let options = SqliteConnectOptions::new().in_memory(true).pragma("query_only", "true");
        let pool = SqlitePool::connect_with(options).await.unwrap();
        let error = sqlx::query("CREATE TABLE t (c)").execute(&pool).await.unwrap_err();
        let failed = failure(error);
        assert!(matches!(failed, StoreError::ReadOnly(_)), "{failed}");
    }
}
