//! The component `database`: the connections to the PostgreSQL that the log is in.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use midflight_bus::{OtherServer, PostgresBus, PostgresOptions as BusOptions};
use midflight_core::{Pointer, Problem, Problems};
use midflight_engine::{Committed, Component, Prepared, Section};
use midflight_live::World;
use midflight_store::{PostgresSessions, PostgresStore};

use super::part::{Part, section};
use super::settings::{DatabaseSettings, Settings};

/// Replaces the connections to the log when the config says others, as after a password was rotated.
pub(crate) struct LogDatabase {
    pub(crate) store: Arc<PostgresStore>,
    /// What listens in the same database, and whether it only overhears.
    pub(crate) bus: Option<(PostgresBus, bool)>,
    pub(crate) replica: String,
    pub(crate) part: Part,
    /// What is in use. The server started on it, whether or not the database answered then (HR-9).
    pub(crate) in_use: Arc<Mutex<DatabaseSettings>>,
}

#[async_trait]
impl Component for LogDatabase {
    fn name(&self) -> &str {
        "database"
    }

    fn sections(&self) -> Vec<Section> {
        vec![section()]
    }

    fn order(&self) -> u32 {
        90
    }

    async fn prepare(&self, _: &World, new: &World) -> Result<Option<Box<dyn Prepared>>, Problems> {
        let Some(settings) = self.part.of(new) else { return Ok(None) };
        let wanted = Settings::clone(&settings).database;
        if *self.in_use.lock().unwrap_or_else(PoisonError::into_inner) == wanted {
            return Ok(None);
        }
        let problem = |message: String| Problem::new("no_answer", Pointer::parse("/database"), message);
        let options = wanted.options(&self.replica).map_err(|error| problem(error.to_string()))?;
        let sessions = self.store.open_beside(&options).await.map_err(|error| problem(error.to_string()))?;
        let bus = match &self.bus {
            None => None,
            Some((bus, only_overhears)) => {
                let mut options = BusOptions::new(wanted.url.expose());
                options.only_overhears = *only_overhears;
                let server = bus.open_beside(options).await.map_err(|error| problem(error.to_string()))?;
                Some((bus.clone(), server))
            }
        };
        let ready = Ready {
            store: Arc::clone(&self.store),
            sessions,
            bus,
            in_use: Arc::clone(&self.in_use),
            settings: wanted,
        };
        Ok(Some(Box::new(ready)))
    }
}

/// Connections beside those in use, or, once swapped, those that were.
struct Ready {
    store: Arc<PostgresStore>,
    sessions: PostgresSessions,
    bus: Option<(PostgresBus, OtherServer<midflight_bus::Postgres>)>,
    in_use: Arc<Mutex<DatabaseSettings>>,
    settings: DatabaseSettings,
}

impl Ready {
    /// Swaps what it has with what is in use.
    fn swap(self) -> Self {
        let Self { store, sessions, bus, in_use, settings } = self;
        let sessions = store.swap(sessions);
        let bus = bus.map(|(bus, server)| {
            let server = bus.use_server(server);
            (bus, server)
        });
        let settings =
            std::mem::replace(&mut *in_use.lock().unwrap_or_else(PoisonError::into_inner), settings);
        Self { store, sessions, bus, in_use, settings }
    }
}

impl Prepared for Ready {
    fn commit(self: Box<Self>) -> Box<dyn Committed> {
        Box::new(Replaced(self.swap()))
    }
}

struct Replaced(Ready);

#[async_trait]
impl Committed for Replaced {
    fn grace(&self) -> Duration {
        Duration::from_millis(self.0.settings.statement_timeout_ms)
    }

    fn rollback(self: Box<Self>) {
        drop(self.0.swap());
    }

    async fn retire(self: Box<Self>) {}
}
