//! Opening a log: the folder, the lock, the schema and the connections.

use std::path::Path;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::failure::failure;
use super::lock::Lock;
use super::{Durability, SqliteOptions, SqliteStore, mark};
use crate::rows::{SCHEMA, check_schema, migration_failure, migrator};
use crate::{Store as _, StoreError};

static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| migrator(sqlx::migrate!("./migrations/sqlite")));

/// How many may read at the same time.
const READERS_MAX: u32 = 4;
/// How long a connection waits for another one's write, and a caller for a connection.
const BUSY_MAX: Duration = Duration::from_secs(10);
const PAGE_BYTES: u64 = 4096;

impl SqliteStore {
    /// Opens a log, and makes it when it is not there.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process has it, [`StoreError::Corrupt`] when it is no log,
    /// [`StoreError::TooNew`] when a newer program made it, [`StoreError::ReadOnly`] when it cannot be written.
    pub async fn open(options: SqliteOptions) -> Result<Self, StoreError> {
        make_folder(&options.path)?;
        if options.path.is_dir() {
            let path = options.path.display();
            return Err(StoreError::Unavailable(format!("{path} is a folder; name a file in it")));
        }
        let lock = Lock::take(&options.path)?;
        keep_private(&options.path)?;
        let synchronous = match options.durability {
            Durability::Machine => SqliteSynchronous::Full,
            Durability::Process => SqliteSynchronous::Normal,
        };
        let mut connect = SqliteConnectOptions::new()
            .filename(&options.path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(BUSY_MAX);
        if let Some(bytes) = options.store_bytes_max {
            connect = connect.pragma("max_page_count", (bytes / PAGE_BYTES).max(1).to_string());
        }
        let writer = pool(1, connect.clone().synchronous(synchronous)).await?;
        MIGRATOR.run(&writer).await.map_err(|error| migration_failure(error, failure))?;
        check_schema(&sqlx::query(SCHEMA).fetch_one(&writer).await.map_err(failure)?, &MIGRATOR)?;
        let notes = pool(1, connect.clone().synchronous(SqliteSynchronous::Normal)).await?;
        let readers = pool(READERS_MAX, connect.pragma("query_only", "true")).await?;
        let store = Self {
            path: options.path,
            writer,
            notes,
            readers,
            lock: Mutex::new(Some(lock)),
            durability: options.durability,
        };
        if let Err(error) = mark::check(&store).await {
            store.close().await;
            return Err(error);
        }
        Ok(store)
    }
}

async fn pool(connections_max: u32, connect: SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    let options = SqlitePoolOptions::new().max_connections(connections_max).acquire_timeout(BUSY_MAX);
    // Connections stay: opening one reads the schema again.
    options.idle_timeout(None).max_lifetime(None).connect_with(connect).await.map_err(failure)
}

fn make_folder(path: &Path) -> Result<(), StoreError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists())
    else {
        return Ok(());
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| StoreError::ReadOnly(format!("{}: {error}", folder.display())))
}

/// Makes the file for its owner alone, since it holds the hashes of tokens. One that is there keeps its mode.
fn keep_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::ReadOnly(format!("{}: {error}", path.display()))),
    }
}
