//! Reads the rows of a table in PostgreSQL, for an import.

use midflight_components::drivers::sqlx::{self, Connection as _, PgConnection};

use super::fail::Failure;

/// How many rows are read at most.
const ROWS_MAX: usize = 1_000_000;

/// The rows of a table as a JSON array, in the table's own order of keys.
pub(super) async fn read(url: &str, table: &str) -> Result<String, Failure> {
    let refused = |error: sqlx::Error| Failure::failed(format!("{table} cannot be read: {error}"));
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(Failure::usage(
            "--from is the URL of a PostgreSQL database, as postgres://user@host/database",
        ));
    }
    // The error may quote the URL, and with it the password.
    let connected = PgConnection::connect(url).await;
    let mut connection = connected.map_err(|error| match error {
        sqlx::Error::Configuration(_) => Failure::usage("--from is no URL of a PostgreSQL database"),
        error => Failure::failed(format!("the database of --from cannot be reached: {error}")),
    })?;
    let select = format!("SELECT row_to_json(t)::text FROM {} AS t LIMIT {}", quoted(table)?, ROWS_MAX + 1);
    let query = sqlx::query_scalar::<_, String>(sqlx::AssertSqlSafe(select));
    let rows = query.fetch_all(&mut connection).await.map_err(refused)?;
    if rows.len() > ROWS_MAX {
        return Err(Failure::failed(format!(
            "{table} has more than {ROWS_MAX} rows; import it in parts, by a view"
        )));
    }
    // What was read is read; how the connection ends makes no difference.
    drop(connection.close().await);
    Ok(format!("[{}]", rows.join(",\n")))
}

/// The name of a table, perhaps with its schema, as it stands in SQL.
fn quoted(table: &str) -> Result<String, Failure> {
    let parts: Vec<_> = table.split('.').collect();
    let is_name = |part: &&str| !part.is_empty() && !part.contains('\0');
    if parts.len() > 2 || !parts.iter().all(is_name) {
        return Err(Failure::usage(format!("invalid --table {table:?}: expected TABLE or SCHEMA.TABLE")));
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
}
