//! The component `redis`: the Redis server that carries the hints. A look at the log makes up for what was sent to the
//! old one while they move.

use async_trait::async_trait;
use midflight_bus::{OtherServer, RedisBus, RedisOptions, RedisTransport};

use midflight_engine::Kind as _;
use midflight_patterns::Patterns;

use super::replaceable::Replaceable;
use super::settings::{ServerRedisSettings, Settings};

/// The bus whose server it is.
pub(crate) struct HintsRedis(pub(crate) RedisBus);

#[async_trait]
impl Replaceable for HintsRedis {
    type Settings = ServerRedisSettings;
    type Opened = OtherServer<RedisTransport>;
    const NAME: &'static str = "redis";
    const ORDER: u32 = 80;

    fn wanted(&self, settings: &Settings, in_use: &ServerRedisSettings) -> ServerRedisSettings {
        let ServerRedisSettings { legacy_channel, pool_size, .. } = in_use.clone();
        ServerRedisSettings { legacy_channel, pool_size, ..settings.redis.clone() }
    }

    async fn open(&self, settings: &ServerRedisSettings) -> Result<Self::Opened, String> {
        let mut options = RedisOptions::new(settings.server().expose());
        options.legacy_channel.clone_from(&settings.legacy_channel);
        options.legacy_kind = Some(Patterns.name());
        self.0.open_beside(options).await.map_err(|error| error.to_string())
    }

    fn exchange(&self, server: Self::Opened) -> Self::Opened {
        self.0.use_server(server)
    }
}
