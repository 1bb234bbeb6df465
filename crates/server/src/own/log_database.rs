//! The component `database`: the connections to the PostgreSQL that the log is in, replaced when the config changes, as
//! after a password was rotated.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use midflight_bus::{OtherServer, PostgresBus, PostgresBusOptions as BusOptions, PostgresTransport};
use midflight_components::{Exchange, ExchangeFactory, ManagedComponent};
use midflight_store::{PostgresSessions, PostgresStore};

use super::settings::{ServerDatabaseSettings, Settings};
use super::view::{OwnConfigView, own_place};

/// The connections to the log.
pub(crate) struct LogDatabase {
    pub(crate) store: Arc<PostgresStore>,
    /// What listens in the same database, and whether it only overhears.
    pub(crate) bus: Option<(PostgresBus, bool)>,
    pub(crate) replica: String,
}

impl LogDatabase {
    /// The component, where `in_use` are the settings of the connections at the start.
    pub(crate) fn component(
        self,
        view: OwnConfigView,
        in_use: &ServerDatabaseSettings,
    ) -> ManagedComponent<ExchangeFactory<Self>> {
        let wanted = |settings: &Settings, in_use: &ServerDatabaseSettings| ServerDatabaseSettings {
            min_conns: in_use.min_conns,
            ..settings.database.clone()
        };
        ExchangeFactory::component(self, own_place(view, in_use, wanted), in_use.clone())
    }
}

#[async_trait]
impl Exchange for LogDatabase {
    type Settings = ServerDatabaseSettings;
    type Opened = (PostgresSessions, Option<OtherServer<PostgresTransport>>);
    const NAME: &'static str = "database";
    const ORDER: u32 = 90;

    async fn open(&self, settings: &ServerDatabaseSettings) -> Result<Self::Opened, String> {
        let options = settings.options(&self.replica).map_err(|error| error.to_string())?;
        let sessions = self.store.open_beside(&options).await.map_err(|error| error.to_string())?;
        let Some((bus, receive_only)) = &self.bus else { return Ok((sessions, None)) };
        let mut options = BusOptions::new(settings.url.expose());
        options.receive_only = *receive_only;
        let server = bus.open_beside(options).await.map_err(|error| error.to_string())?;
        Ok((sessions, Some(server)))
    }

    fn exchange(&self, (sessions, server): Self::Opened) -> Self::Opened {
        let server = self.bus.as_ref().zip(server).map(|((bus, _), server)| bus.use_server(server));
        (self.store.swap(sessions), server)
    }

    fn grace(&self, settings: &ServerDatabaseSettings) -> Duration {
        Duration::from_millis(settings.statement_ms())
    }
}
