//! The component `redis`: the Redis server that carries the hints.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use midflight_bus::{OtherServer, Redis, RedisBus, RedisOptions};
use midflight_core::{Pointer, Problem, Problems};
use midflight_engine::{Committed, Component, Prepared, Section};
use midflight_live::World;

use super::part::{Part, section};
use super::settings::RedisSettings;

/// Takes the hints to another Redis when the config says so. What was said at the old one meanwhile is made good by a look
/// at the log.
pub(crate) struct HintsRedis {
    pub(crate) bus: RedisBus,
    pub(crate) part: Part,
    /// What is in use. The server started on it, whether or not it answered then (HR-9).
    pub(crate) in_use: Arc<Mutex<RedisSettings>>,
}

#[async_trait]
impl Component for HintsRedis {
    fn name(&self) -> &str {
        "redis"
    }

    fn sections(&self) -> Vec<Section> {
        vec![section()]
    }

    fn order(&self) -> u32 {
        80
    }

    async fn prepare(&self, _: &World, new: &World) -> Result<Option<Box<dyn Prepared>>, Problems> {
        let Some(settings) = self.part.of(new) else { return Ok(None) };
        let wanted = settings.redis.clone();
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if in_use.url == wanted.url {
            return Ok(None);
        }
        let mut options = RedisOptions::new(wanted.url.expose());
        // The channel is taken at a start, so a new URL goes on with the one in use.
        options.legacy_channel.clone_from(&in_use.legacy_channel);
        let server = self
            .bus
            .open_beside(options)
            .await
            .map_err(|error| Problem::new("no_answer", Pointer::parse("/redis"), error.to_string()))?;
        let settings = RedisSettings { url: wanted.url, legacy_channel: in_use.legacy_channel };
        let (bus, in_use) = (self.bus.clone(), Arc::clone(&self.in_use));
        Ok(Some(Box::new(Ready { bus, server, in_use, settings })))
    }
}

/// A server beside the one in use, or, once swapped, the one that was.
struct Ready {
    bus: RedisBus,
    server: OtherServer<Redis>,
    in_use: Arc<Mutex<RedisSettings>>,
    settings: RedisSettings,
}

impl Ready {
    fn swap(self) -> Self {
        let Self { bus, server, in_use, settings } = self;
        let server = bus.use_server(server);
        let settings =
            std::mem::replace(&mut *in_use.lock().unwrap_or_else(PoisonError::into_inner), settings);
        Self { bus, server, in_use, settings }
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
    fn rollback(self: Box<Self>) {
        drop(self.0.swap());
    }

    async fn retire(self: Box<Self>) {}
}
