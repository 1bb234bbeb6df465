//! PostgreSQL's errors, by what the caller can do next.

use crate::StoreError;

/// What an error means. The codes are PostgreSQL's SQLSTATE (its documentation, appendix A).
pub(super) fn failure(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(database) => {
            by_code(database.code().as_deref().unwrap_or_default(), database.message())
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Corrupt(error.to_string()),
        // What is wrong with a connection is in the source, and these print nothing else.
        _ => StoreError::Unavailable(error.to_string()),
    }
}

fn by_code(code: &str, message: &str) -> StoreError {
    let output = format!("{message} ({code})");
    match code {
        "53100" => StoreError::Full(output),
        // A standby, or a role that may only read.
        "25006" | "42501" => StoreError::ReadOnly(output),
        "XX001" | "XX002" => StoreError::Corrupt(output),
        _ => StoreError::Unavailable(output),
    }
}

/// Whether the connection is as good after this error as before it.
pub(super) fn leaves_connection_whole(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(database) = error else {
        return matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    };
    let code = database.code();
    let code = code.as_deref().unwrap_or_default();
    // A server that stops, and one that has become a standby: another may answer at the address by now.
    let server_is_done = code.starts_with("57P") || code.starts_with("08") || code == "25006";
    !server_is_done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_show_what_to_do_next() {
        assert!(matches!(by_code("53100", "no space left on device"), StoreError::Full(_)));
        assert!(matches!(by_code("25006", "read-only transaction"), StoreError::ReadOnly(_)));
        assert!(matches!(by_code("XX001", "invalid page in block 7"), StoreError::Corrupt(_)));
        for code in ["53300", "57P01", "57P03", "57014", "08006", "28P01", "3D000", "40P01", ""] {
            assert!(matches!(by_code(code, "later"), StoreError::Unavailable(_)), "{code}");
        }
    }
}
