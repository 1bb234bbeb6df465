//! The base of a server: the log, the bus, and the folder with its own copy.

use std::sync::Arc;
use std::time::Duration;

use midflight_bus::{
    Bus, JoinedBus, MemoryBus, NatsBus, NatsOptions, PostgresBus, PostgresBusOptions as BusInPostgres,
    RedisBus, RedisOptions, Seal,
};
use midflight_engine::Kind as _;
use midflight_patterns::Patterns;
use midflight_store::{LastGoodFile, PostgresStore, SqliteOptions, SqliteStore, Store, StoreError};

use crate::data_dir::DataDir;
use crate::error::ServeError;
use crate::kept_tokens::KeptTokens;
use crate::own::settings::Settings;
use crate::recovery::Recovery;
use crate::{BusUrl, ServeOptions, StoreUrl};

/// How long to wait before a log that did not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The base of a server.
pub struct Backend {
    pub(crate) store: Arc<dyn Store>,
    /// The same, when it is in PostgreSQL, for as many replicas as follow it.
    pub(crate) postgres: Option<Arc<PostgresStore>>,
    pub(crate) buses: Buses,
    /// Proves the hints, once the log has returned its key.
    pub(crate) seal: Seal,
    /// What it was opened by.
    pub(crate) settings: Settings,
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
        let settings = options.config.settings()?;
        let place = settings.store_place(&options.data_dir).map_err(ServeError::Place)?;
        let (store, postgres): (Arc<dyn Store>, _) = match &place {
            StoreUrl::Sqlite(path) => {
                let mut sqlite = SqliteOptions::new(path);
                sqlite.durability = options.durability;
                sqlite.store_bytes_max = options.store_bytes_max;
                (Arc::new(SqliteStore::open(sqlite).await?), None)
            }
            StoreUrl::Postgres(_) => {
                let database = settings.database.options(&replica_id);
                let database = database.map_err(|error| ServeError::Place(error.to_string()))?;
                let store = Arc::new(PostgresStore::new(database));
                (Arc::clone(&store) as Arc<dyn Store>, Some(store))
            }
        };
        let seal = Seal::new();
        let buses = Buses::open(&settings, &place, &seal)?;
        Ok(Self { store, postgres, buses, seal, settings, replica_id, data_dir: Some(data_dir) })
    }

    /// A private store without other followers, without a folder.
    #[must_use]
    pub fn of_store(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            postgres: None,
            buses: Buses { bus: Arc::new(MemoryBus::new()), postgres: None, redis: None },
            seal: Seal::new(),
            settings: Settings::default(),
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
        let mut message = String::new();
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
            if message != why {
                tracing::warn!(%why, "log unavailable and no local copy; waiting for the log");
                message = why;
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Whether other replicas follow the same log.
    pub(crate) fn is_shared(&self) -> bool {
        self.postgres.is_some()
    }

    /// Where this replica keeps its own copy; none when the log is as near as the copy would be.
    pub(crate) fn last_good(&self) -> Option<LastGoodFile> {
        self.data_dir.as_ref().filter(|_| self.is_shared()).map(DataDir::last_good)
    }

    /// Where a new admin token is asked for on this host.
    pub(crate) fn recovery(&self) -> Option<Recovery> {
        self.data_dir.as_ref().map(DataDir::recovery)
    }

    /// Where it keeps the hashes of the tokens with that copy.
    pub(crate) fn kept_tokens(&self) -> Option<KeptTokens> {
        self.data_dir.as_ref().filter(|_| self.is_shared()).map(DataDir::tokens)
    }
}

/// What carries the hints, and its ends that can be taken elsewhere while it does.
pub(crate) struct Buses {
    pub(crate) bus: Arc<dyn Bus>,
    /// What listens in the database of the log, and whether it only overhears.
    pub(crate) postgres: Option<(PostgresBus, bool)>,
    pub(crate) redis: Option<RedisBus>,
}

impl Buses {
    fn open(settings: &Settings, place: &StoreUrl, seal: &Seal) -> Result<Self, ServeError> {
        let wanted = settings.bus_place().map_err(ServeError::Place)?;
        let in_log = |receive_only| match place {
            StoreUrl::Postgres(url) => {
                let options = BusInPostgres { receive_only, ..BusInPostgres::new(url.expose()) };
                Ok(Some((PostgresBus::new(options, seal)?, receive_only)))
            }
            StoreUrl::Sqlite(_) => Ok::<_, ServeError>(None),
        };
        let bus = |postgres: &Option<(PostgresBus, bool)>| -> Option<Arc<dyn Bus>> {
            postgres.as_ref().map(|(bus, _)| Arc::new(bus.clone()) as Arc<dyn Bus>)
        };
        let joined = |fleet: Arc<dyn Bus>, postgres: &Option<(PostgresBus, bool)>| -> Arc<dyn Bus> {
            match bus(postgres) {
                // The log notifies by itself, also when a row is added by hand.
                Some(log) => Arc::new(JoinedBus::new(fleet, log)),
                None => fleet,
            }
        };
        Ok(match wanted {
            Some(BusUrl::Redis(url)) => {
                let mut options = RedisOptions::new(url);
                options.legacy_channel.clone_from(&settings.redis.legacy_channel);
                options.legacy_kind = Some(Patterns.name());
                let (redis, postgres) = (RedisBus::new(options, seal)?, in_log(true)?);
                Self { bus: joined(Arc::new(redis.clone()), &postgres), postgres, redis: Some(redis) }
            }
            Some(BusUrl::Nats(url)) => {
                let (nats, postgres) = (NatsBus::new(NatsOptions::new(url), seal)?, in_log(true)?);
                Self { bus: joined(Arc::new(nats), &postgres), postgres, redis: None }
            }
            None | Some(BusUrl::Postgres) => {
                let postgres = in_log(false)?;
                let bus = match bus(&postgres) {
                    Some(bus) => bus,
                    None if wanted.is_none() => Arc::new(MemoryBus::new()),
                    None => return Err(ServeError::BusWithoutDatabase),
                };
                Self { bus, postgres, redis: None }
            }
            Some(BusUrl::Memory) => Self { bus: Arc::new(MemoryBus::new()), postgres: None, redis: None },
        })
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").field("replica_id", &self.replica_id).finish_non_exhaustive()
    }
}
