//! The component `redis`: the Redis server that carries the hints. A look at the log makes up for what was sent to the
//! old one while they move.

use async_trait::async_trait;
use midflight_bus::{OtherServer, RedisBus, RedisOptions, RedisTransport};
use midflight_components::{Exchange, ExchangeFactory, ManagedComponent};
use midflight_engine::Kind as _;
use midflight_patterns::Patterns;

use super::settings::{ServerRedisSettings, Settings};
use super::view::{OwnConfigView, own_place};

/// The bus whose server it is.
pub(crate) struct HintsRedis(pub(crate) RedisBus);

impl HintsRedis {
    /// The component, where `in_use` are the settings of the server that is connected to at the start.
    pub(crate) fn component(
        self,
        view: OwnConfigView,
        in_use: &ServerRedisSettings,
    ) -> ManagedComponent<ExchangeFactory<Self>> {
        let wanted = |settings: &Settings, in_use: &ServerRedisSettings| {
            let ServerRedisSettings { legacy_channel, pool_size, .. } = in_use.clone();
            ServerRedisSettings { legacy_channel, pool_size, ..settings.redis.clone() }
        };
        ExchangeFactory::component(self, own_place(view, in_use, wanted), in_use.clone())
    }
}

#[async_trait]
impl Exchange for HintsRedis {
    type Settings = ServerRedisSettings;
    type Opened = OtherServer<RedisTransport>;
    const NAME: &'static str = "redis";
    const ORDER: u32 = 80;

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
