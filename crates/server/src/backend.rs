//! What a server stands on: the log, what carries its hints, and the folder with its own copy.

use std::sync::Arc;
use std::time::Duration;

use midflight_bus::{
    Bus, JoinedBus, MemoryBus, NatsBus, NatsOptions, PostgresBus, PostgresOptions as BusInPostgres, RedisBus,
    RedisOptions, Seal,
};
use midflight_store::{
    LastGoodFile, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store, StoreError,
};

use crate::data_dir::DataDir;
use crate::{BusPlace, ServeError, ServeOptions, StorePlace};

/// How long to wait before a log that did not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What a server stands on.
pub struct Backend {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Arc<dyn Bus>,
    /// Proves the hints, once the log has told its key.
    pub(crate) seal: Seal,
    /// Whether other replicas follow the same log.
    pub(crate) is_shared: bool,
    pub(crate) replica_id: String,
    pub(crate) data_dir: Option<DataDir>,
}

impl Backend {
    /// Opens what the options name. A server elsewhere need not answer yet.
    ///
    /// # Errors
    /// [`ServeError`] when the folder or the file of the log cannot be had.
    pub async fn open(options: &ServeOptions) -> Result<Self, ServeError> {
        let data_dir = DataDir::open(&options.data_dir)?;
        let replica_id = data_dir.replica_id(options.replica_id.as_deref())?;
        let (store, is_shared): (Arc<dyn Store>, _) = match &options.store {
            StorePlace::Sqlite(path) => {
                let mut sqlite = SqliteOptions::new(path);
                sqlite.durability = options.durability;
                sqlite.store_bytes_max = options.store_bytes_max;
                (Arc::new(SqliteStore::open(sqlite).await?), false)
            }
            StorePlace::Postgres(url) => {
                (Arc::new(PostgresStore::new(PostgresOptions::new(url.clone(), &replica_id))), true)
            }
        };
        let seal = Seal::new();
        let bus = bus(options, &seal)?;
        Ok(Self { store, bus, seal, is_shared, replica_id, data_dir: Some(data_dir) })
    }

    /// A store of one's own that nobody else follows, without a folder.
    #[must_use]
    pub fn of_store(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            bus: Arc::new(MemoryBus::new()),
            seal: Seal::new(),
            is_shared: false,
            replica_id: "replica".to_owned(),
            data_dir: None,
        }
    }

    /// The log.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Waits until the log answers, or there is a copy of it to start from. Answers whether the log did.
    ///
    /// # Errors
    /// [`StoreError`] when waiting would not help.
    pub async fn ready(&self) -> Result<bool, StoreError> {
        let mut told = String::new();
        loop {
            let why = match self.store.head().await {
                Ok(_) => return Ok(true),
                // One that may only be read is a standby, which may be about to become the primary.
                Err(StoreError::Unavailable(why) | StoreError::ReadOnly(why)) => why,
                Err(error) => return Err(error),
            };
            if self.last_good().is_some_and(|file| file.path().exists()) {
                return Ok(false);
            }
            if told != why {
                tracing::warn!(%why, "the log does not answer, and there is no copy of it here yet; waiting for it");
                told = why;
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Where this replica keeps its own copy; none when the log is as near as the copy would be.
    pub(crate) fn last_good(&self) -> Option<LastGoodFile> {
        self.data_dir.as_ref().filter(|_| self.is_shared).map(DataDir::last_good)
    }
}

/// What carries the hints of that log, and the log itself as far as it says that it moved.
fn bus(options: &ServeOptions, seal: &Seal) -> Result<Arc<dyn Bus>, ServeError> {
    let fleet = bus_of_fleet(options, seal)?;
    match (&options.bus, &options.store) {
        (Some(BusPlace::Redis(_) | BusPlace::Nats(_)), StorePlace::Postgres(url)) => {
            let mut log = BusInPostgres::new(url.expose());
            log.only_overhears = true;
            Ok(Arc::new(JoinedBus::new(fleet, Arc::new(PostgresBus::new(log, seal)?))))
        }
        _ => Ok(fleet),
    }
}

fn bus_of_fleet(options: &ServeOptions, seal: &Seal) -> Result<Arc<dyn Bus>, ServeError> {
    Ok(match (&options.bus, &options.store) {
        (Some(BusPlace::Redis(url)), _) => {
            let mut redis = RedisOptions::new(url);
            redis.legacy_channel.clone_from(&options.redis_legacy_channel);
            Arc::new(RedisBus::new(redis, seal)?)
        }
        (Some(BusPlace::Nats(url)), _) => Arc::new(NatsBus::new(NatsOptions::new(url), seal)?),
        (None | Some(BusPlace::Postgres), StorePlace::Postgres(url)) => {
            Arc::new(PostgresBus::new(BusInPostgres::new(url.expose()), seal)?)
        }
        (Some(BusPlace::Postgres), StorePlace::Sqlite(_)) => return Err(ServeError::BusWithoutDatabase),
        (Some(BusPlace::Memory), _) | (None, StorePlace::Sqlite(_)) => Arc::new(MemoryBus::new()),
    })
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").field("replica_id", &self.replica_id).finish_non_exhaustive()
    }
}
