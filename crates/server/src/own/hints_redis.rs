//! The component `redis`: the Redis server that carries the hints. What was said at the old one while they move is made good by
//! a look at the log.

use async_trait::async_trait;
use midflight_bus::{OtherServer, Redis, RedisBus, RedisOptions};

use midflight_engine::Kind as _;
use midflight_patterns::Patterns;

use super::exchange::Exchange;
use super::settings::{RedisSettings, Settings};

/// The bus whose server it is.
pub(crate) struct HintsRedis(pub(crate) RedisBus);

#[async_trait]
impl Exchange for HintsRedis {
    type Settings = RedisSettings;
    type Opened = OtherServer<Redis>;
    const NAME: &'static str = "redis";
    const ORDER: u32 = 80;

    fn wanted(&self, settings: &Settings, in_use: &RedisSettings) -> RedisSettings {
        let RedisSettings { legacy_channel, pool_size, .. } = in_use.clone();
        RedisSettings { legacy_channel, pool_size, ..settings.redis.clone() }
    }

    async fn open(&self, settings: &RedisSettings) -> Result<Self::Opened, String> {
        let mut options = RedisOptions::new(settings.server().expose());
        options.legacy_channel.clone_from(&settings.legacy_channel);
        options.legacy_kind = Some(Patterns.name());
        self.0.open_beside(options).await.map_err(|error| error.to_string())
    }

    fn exchange(&self, server: Self::Opened) -> Self::Opened {
        self.0.use_server(server)
    }
}
