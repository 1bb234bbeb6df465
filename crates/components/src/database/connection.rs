//! What a caller has as long as it has it: a connection, or a transaction.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::PgConnection;
use sqlx::postgres::PgTransactionManager;
use sqlx_core::transaction::TransactionManager as _;
use tokio::runtime::Handle;

use super::failure::DatabaseError;
use super::pool::{DatabasePool, Leased};

/// A connection to PostgreSQL. It goes back to its pool when it is dropped; whatever was left undone is undone first,
/// without the caller waiting.
///
/// Use it for one piece of work: a swap lets it live for the grace of its pool and no longer. Changes of the session
/// (`SET`, `LISTEN`) stay with the connection for its next user.
pub struct DatabaseConnection {
    pool: Arc<DatabasePool>,
    /// None only while it is dropped.
    leased: Option<Leased>,
}

impl DatabaseConnection {
    pub(super) fn new(pool: Arc<DatabasePool>, leased: Leased) -> Self {
        Self { pool, leased: Some(leased) }
    }

    fn leased(&self) -> &Leased {
        match &self.leased {
            Some(leased) => leased,
            None => unreachable!("a connection is there until it is dropped"),
        }
    }

    fn leased_mut(&mut self) -> &mut Leased {
        match &mut self.leased {
            Some(leased) => leased,
            None => unreachable!("a connection is there until it is dropped"),
        }
    }
}

impl Deref for DatabaseConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.leased().kept.connection
    }
}

impl DerefMut for DatabaseConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.leased_mut().kept.connection
    }
}

impl Drop for DatabaseConnection {
    fn drop(&mut self) {
        let Some(Leased { kept, permit }) = self.leased.take() else { return };
        let pool = Arc::clone(&self.pool);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { pool.take_back(kept, permit).await })),
            // Nothing can be asked of it outside a runtime.
            Err(_) => drop(kept),
        }
    }
}

impl fmt::Debug for DatabaseConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseConnection")
            .field("address", &self.pool.target.address)
            .finish_non_exhaustive()
    }
}

/// A transaction in a connection of its own. Dropped without [`Self::commit`], it is undone.
#[derive(Debug)]
pub struct DatabaseTransaction {
    connection: DatabaseConnection,
    is_open: bool,
}

impl DatabaseTransaction {
    pub(super) async fn begin(mut connection: DatabaseConnection) -> Result<Self, DatabaseError> {
        PgTransactionManager::begin(&mut connection, None).await.map_err(DatabaseError::Refused)?;
        Ok(Self { connection, is_open: true })
    }

    /// Keeps what was done. Cost: one round trip and the server's write.
    ///
    /// # Errors
    /// [`DatabaseError::Refused`] with the server's reason. Where it is that the connection broke, the server may have
    /// committed all the same.
    pub async fn commit(mut self) -> Result<(), DatabaseError> {
        PgTransactionManager::commit(&mut self.connection).await.map_err(DatabaseError::Refused)?;
        self.is_open = false;
        Ok(())
    }

    /// Undoes what was done, and waits for it.
    ///
    /// # Errors
    /// [`DatabaseError::Refused`] when the connection broke; the server undoes it all the same.
    pub async fn rollback(mut self) -> Result<(), DatabaseError> {
        PgTransactionManager::rollback(&mut self.connection).await.map_err(DatabaseError::Refused)?;
        self.is_open = false;
        Ok(())
    }
}

impl Deref for DatabaseTransaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for DatabaseTransaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for DatabaseTransaction {
    fn drop(&mut self) {
        if self.is_open {
            // Sent when the connection is returned.
            PgTransactionManager::start_rollback(&mut self.connection);
        }
    }
}
