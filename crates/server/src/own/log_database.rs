//! The component `database`: the connections to the PostgreSQL that the log is in, replaced when the config says others, as
//! after a password was rotated.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use midflight_bus::{OtherServer, Postgres, PostgresBus, PostgresOptions as BusOptions};
use midflight_store::{PostgresSessions, PostgresStore};

use super::exchange::Exchange;
use super::settings::{DatabaseSettings, Settings};

/// The connections to the log.
pub(crate) struct LogDatabase {
    pub(crate) store: Arc<PostgresStore>,
    /// What listens in the same database, and whether it only overhears.
    pub(crate) bus: Option<(PostgresBus, bool)>,
    pub(crate) replica: String,
}

#[async_trait]
impl Exchange for LogDatabase {
    type Settings = DatabaseSettings;
    type Opened = (PostgresSessions, Option<OtherServer<Postgres>>);
    const NAME: &'static str = "database";
    const ORDER: u32 = 90;

    fn wanted(&self, settings: &Settings, in_use: &DatabaseSettings) -> DatabaseSettings {
        DatabaseSettings { min_conns: in_use.min_conns, ..settings.database.clone() }
    }

    async fn open(&self, settings: &DatabaseSettings) -> Result<Self::Opened, String> {
        let options = settings.options(&self.replica).map_err(|error| error.to_string())?;
        let sessions = self.store.open_beside(&options).await.map_err(|error| error.to_string())?;
        let Some((bus, only_overhears)) = &self.bus else { return Ok((sessions, None)) };
        let mut options = BusOptions::new(settings.url.expose());
        options.only_overhears = *only_overhears;
        let server = bus.open_beside(options).await.map_err(|error| error.to_string())?;
        Ok((sessions, Some(server)))
    }

    fn exchange(&self, (sessions, server): Self::Opened) -> Self::Opened {
        let server = self.bus.as_ref().zip(server).map(|((bus, _), server)| bus.use_server(server));
        (self.store.swap(sessions), server)
    }

    fn grace(settings: &DatabaseSettings) -> Duration {
        Duration::from_millis(settings.statement_ms())
    }
}
