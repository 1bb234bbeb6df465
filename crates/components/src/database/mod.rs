//! A pool of PostgreSQL connections that is swapped under load.

mod connection;
mod failure;
mod pool;
mod retire;
mod settings;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use midflight_core::Problems;
use midflight_engine::Criticality;

pub use connection::{DatabaseConnection, DatabaseTransaction};
pub use failure::DatabaseError;
pub use settings::DatabaseSettings;

use crate::{ComponentFactory, ComponentRole, CurrentComponent, ManagedComponent, SettingsSource};
use pool::{CheckoutError, DatabasePool};

/// A handle on a PostgreSQL database that follows its swaps. Cloning it is cheap.
///
/// ```no_run
/// # async fn count(database: midflight_components::Database) -> Result<i64, Box<dyn std::error::Error>> {
/// let mut connection = database.acquire().await?;
/// let count = sqlx::query_scalar("SELECT count(*) FROM loans").fetch_one(&mut *connection).await?;
/// # Ok(count)
/// # }
/// ```
#[derive(Clone)]
pub struct Database {
    follow: CurrentComponent<DatabaseFactory>,
}

/// What a pool is like at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseStatus {
    /// How many connections are open.
    pub size: usize,
    /// How many of them are unused.
    pub idle: usize,
    /// How many there may be.
    pub max_conns: u32,
    /// Host, port and database.
    pub address: String,
}

impl Database {
    /// The part for an engine, and the handle for the program: `database`, order 90, critical.
    #[must_use]
    pub fn new(place: SettingsSource<DatabaseSettings>) -> (ManagedComponent<DatabaseFactory>, Self) {
        let role =
            ComponentRole { name: "database".to_owned(), order: 90, criticality: Criticality::Critical };
        let (part, follow) = ManagedComponent::new(DatabaseFactory, place, role);
        (part, Self { follow })
    }

    /// A connection, for one piece of work. A caller that waits while the pool is swapped gets one of the new pool.
    ///
    /// Cost: a load and a lock where one is free and was used within 100 ms; else a round trip, or a new connection.
    ///
    /// # Errors
    /// [`DatabaseError::Exhausted`] when none came free in `acquire_timeout_ms`, [`DatabaseError::Unavailable`] at once
    /// when the server cannot be used, [`DatabaseError::NotConfigured`].
    pub async fn acquire(&self) -> Result<DatabaseConnection, DatabaseError> {
        let began = Instant::now();
        let mut pool = self.pool()?;
        let deadline = began + pool.settings.acquire_max();
        loop {
            let missed = match pool.acquire(deadline).await {
                Ok(leased) => return Ok(DatabaseConnection::new(pool, leased)),
                Err(missed) => missed,
            };
            let now = self.pool()?;
            let is_over = matches!(missed, CheckoutError::Exhausted) || Arc::ptr_eq(&now, &pool);
            if is_over {
                return Err(pool.error(&missed, began));
            }
            // Another took its place meanwhile, perhaps since this one's server is unavailable.
            pool = now;
        }
    }

    /// A transaction in a connection of its own; dropped without a commit it is undone. Cost: [`Self::acquire`] and a
    /// round trip.
    ///
    /// # Errors
    /// Those of [`Self::acquire`], and [`DatabaseError::Refused`].
    pub async fn begin(&self) -> Result<DatabaseTransaction, DatabaseError> {
        DatabaseTransaction::begin(self.acquire().await?).await
    }

    /// What the pool in use is like; none when there is none. Cost: a load and a lock.
    #[must_use]
    pub fn status(&self) -> Option<DatabaseStatus> {
        let pool = self.follow.now()?;
        let (size, idle) = pool.0.count();
        let (max_conns, address) = (pool.0.settings.max_conns, pool.0.target.address.clone());
        Some(DatabaseStatus { size, idle, max_conns, address })
    }

    fn pool(&self) -> Result<Arc<DatabasePool>, DatabaseError> {
        self.follow.now().map(|made| Arc::clone(&made.0)).ok_or(DatabaseError::NotConfigured)
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("status", &self.status()).finish()
    }
}

impl DatabasePool {
    fn error(&self, missed: &CheckoutError, began: Instant) -> DatabaseError {
        let (address, max_conns) = (self.target.address.clone(), self.settings.max_conns);
        let waited_ms = began.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        match missed {
            CheckoutError::Exhausted => DatabaseError::Exhausted { address, max_conns, waited_ms },
            CheckoutError::Closed => {
                DatabaseError::Unavailable { address, why: "its pool was closed".to_owned() }
            }
            CheckoutError::Failed(error) => DatabaseError::Unavailable { why: self.why(error), address },
        }
    }
}

/// How pools are made: connected and asked beside the old, drained when they are replaced.
#[derive(Debug)]
pub struct DatabaseFactory;

/// A pool. Only its handle looks into it.
pub struct BuiltDatabase(Arc<DatabasePool>);

#[async_trait]
impl ComponentFactory for DatabaseFactory {
    type Settings = DatabaseSettings;
    type Built = BuiltDatabase;

    fn build(
        &self,
        settings: &DatabaseSettings,
        place: &SettingsSource<DatabaseSettings>,
    ) -> Result<BuiltDatabase, Problems> {
        let target = settings.target(place)?;
        Ok(BuiltDatabase(Arc::new(DatabasePool::new(settings.clone(), target))))
    }

    async fn probe(
        &self,
        made: &Arc<BuiltDatabase>,
        place: &SettingsSource<DatabaseSettings>,
    ) -> Result<(), Problems> {
        made.0.open().await.map_err(|error| made.0.problem(&error, place).into())
    }

    async fn retire(&self, left: Arc<BuiltDatabase>, in_use: Option<Arc<BuiltDatabase>>) {
        retire::leave(&left.0, in_use.map(|made| Arc::clone(&made.0))).await;
    }
}
