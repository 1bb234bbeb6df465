//! Logs as programs of before made them.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{Connection as _, PgConnection, SqlitePool};

/// The first migrations, up to that version.
fn up_to(mut migrator: Migrator, version: i64) -> Migrator {
    let kept = migrator.migrations.iter().filter(|one| one.version <= version).cloned();
    migrator.migrations = kept.collect::<Vec<_>>().into();
    migrator
}

/// A log in a file with the schema of that version.
pub(crate) async fn sqlite(path: &Path, version: i64) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    up_to(sqlx::migrate!("./migrations/sqlite"), version).run(&pool).await.unwrap();
    pool
}

/// The same in a database.
pub(crate) async fn postgres(url: &str, version: i64) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    up_to(sqlx::migrate!("./migrations/postgres"), version).run(&mut connection).await.unwrap();
}
