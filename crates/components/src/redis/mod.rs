//! Connections to a Redis that are swapped under load.

mod line;
mod pool;
mod settings;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::{Problem, Problems};
use midflight_engine::Criticality;
use redis::{Cmd, ErrorKind, FromRedisValue, Pipeline, from_redis_value};

pub use settings::RedisSettings;

use crate::{ComponentFactory, ComponentRole, CurrentComponent, ManagedComponent, SettingsSource};
use line::{CommandError, RedisDialError, Sent};
use pool::{RedisCallError, RedisPool};

/// A handle on a Redis that follows its swaps. Cloning it is cheap.
///
/// ```no_run
/// # async fn count(redis: midflight_components::Redis) -> Result<u64, midflight_components::RedisError> {
/// let visits: u64 = redis.query(redis::cmd("INCR").arg("visits")).await?;
/// # Ok(visits)
/// # }
/// ```
///
/// Commands of many callers share a connection. One that blocks it (`BLPOP`) or changes what it is (`SUBSCRIBE`,
/// `WATCH`) has no place here.
#[derive(Clone)]
pub struct Redis {
    follow: CurrentComponent<RedisFactory>,
}

/// What the connections are like at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisStatus {
    /// How many commands and pipelines are under way.
    pub calls: usize,
    /// How many connections there are.
    pub pool_size: u32,
    /// Host and port.
    pub address: String,
}

/// Why a [`Redis`] did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The settings have no Redis.
    #[error("no Redis is configured")]
    NotConfigured,
    /// The server could not be reached, or did not let us in. Nothing was sent.
    #[error("cannot use {address}: {why}")]
    Unavailable {
        /// Host and port.
        address: String,
        /// The message, without secrets.
        why: String,
    },
    /// It was not answered within the grace of connections that were replaced. Whether it was done is not known.
    #[error("a command was not answered within {grace_ms} ms after its connections were replaced")]
    Cut {
        /// The grace, in milliseconds.
        grace_ms: u64,
    },
    /// The server refused it, the answer is of another type, or the connection broke: then whether it was done is not
    /// known.
    #[error("Redis refused")]
    Refused(#[source] redis::RedisError),
}

impl Redis {
    /// The part for an engine, and the handle for the program: `redis`, order 80, critical.
    #[must_use]
    pub fn new(place: SettingsSource<RedisSettings>) -> (ManagedComponent<RedisFactory>, Self) {
        let role = ComponentRole { name: "redis".to_owned(), order: 80, criticality: Criticality::Critical };
        let (part, follow) = ManagedComponent::new(RedisFactory, place, role);
        (part, Self { follow })
    }

    /// Sends a command. One that meets a swap goes over the new connections. Cost: a load, two locks and a round trip;
    /// the command is copied into the connection's buffer.
    ///
    /// # Errors
    /// [`RedisError`]; what was not answered in `response_timeout_ms` is [`RedisError::Refused`].
    pub async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        self.call(Sent::Command(command)).await
    }

    /// Sends several commands at once, all over one connection; with [`Pipeline::atomic`] as one transaction. Cost:
    /// that of [`Self::query`].
    ///
    /// # Errors
    /// Those of [`Self::query`].
    pub async fn pipeline<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, RedisError> {
        self.call(Sent::Pipeline(pipeline)).await
    }

    /// What the connections in use are like; none when there are none. Cost: a load and a lock.
    #[must_use]
    pub fn status(&self) -> Option<RedisStatus> {
        let pool = self.pool().ok()?;
        let (pool_size, address) = (pool.settings.pool_size, pool.target.address.clone());
        Some(RedisStatus { calls: pool.calls(), pool_size, address })
    }

    async fn call<T: FromRedisValue>(&self, sent: Sent<'_>) -> Result<T, RedisError> {
        let mut pool = self.pool()?;
        loop {
            let missed = match pool.call(sent).await {
                Ok(value) => {
                    return from_redis_value(value).map_err(|error| RedisError::Refused(error.into()));
                }
                Err(missed) => missed,
            };
            let was_sent =
                matches!(missed, RedisCallError::Cut | RedisCallError::Call(CommandError::Driver(_)));
            let now = self.pool()?;
            if was_sent || Arc::ptr_eq(&now, &pool) {
                return Err(pool.error(missed));
            }
            // Others took their place before anything was sent.
            pool = now;
        }
    }

    fn pool(&self) -> Result<Arc<RedisPool>, RedisError> {
        self.follow.now().map(|made| Arc::clone(&made.0)).ok_or(RedisError::NotConfigured)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("status", &self.status()).finish()
    }
}

impl RedisPool {
    fn error(&self, missed: RedisCallError) -> RedisError {
        let unavailable = |why| RedisError::Unavailable { address: self.target.address.clone(), why };
        match missed {
            RedisCallError::Closed => unavailable("its connections were closed".to_owned()),
            RedisCallError::Cut => RedisError::Cut { grace_ms: self.settings.grace_ms },
            RedisCallError::Call(CommandError::Driver(error)) => RedisError::Refused(error),
            RedisCallError::Call(CommandError::Dial(error)) => unavailable(self.why(&error)),
        }
    }

    fn why(&self, error: &RedisDialError) -> String {
        match error {
            RedisDialError::Late => {
                format!("it did not answer within {} ms", self.settings.connect_timeout_ms)
            }
            RedisDialError::Failed(error) => self.target.secrets.redact(&error.to_string()).into_owned(),
        }
    }

    /// The problem that refuses a reload: the setting that is to blame, and what to do.
    fn problem(&self, error: &RedisDialError, place: &SettingsSource<RedisSettings>) -> Problem {
        let or_url = |setting| if self.target.is_by_url { "url" } else { setting };
        let (code, setting, cure) = match error {
            RedisDialError::Late => {
                ("no_answer", or_url("addr"), "check the address, or raise connect_timeout_ms")
            }
            RedisDialError::Failed(error) if is_access_denied(error) => {
                ("access_denied", or_url("password"), "check the user and the password")
            }
            RedisDialError::Failed(error) if error.to_string().contains("DB index") => {
                ("unknown_database", or_url("db"), "use the number of a database of the server, from 0")
            }
            RedisDialError::Failed(_) => {
                ("unreachable", or_url("addr"), "check that the server runs and that the address is correct")
            }
        };
        let (address, why) = (&self.target.address, self.why(error));
        place.problem(code, setting, format!("cannot use {address}: {why}; {cure}"))
    }
}

fn is_access_denied(error: &redis::RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
}

/// How connections are made: opened and asked beside the old, closed when what was under way on them has ended.
#[derive(Debug)]
pub struct RedisFactory;

/// Connections. Only their handle looks into them.
pub struct BuiltRedis(Arc<RedisPool>);

#[async_trait]
impl ComponentFactory for RedisFactory {
    type Settings = RedisSettings;
    type Built = BuiltRedis;

    fn build(
        &self,
        settings: &RedisSettings,
        place: &SettingsSource<RedisSettings>,
    ) -> Result<BuiltRedis, Problems> {
        // The driver asks for the process's choice and panics when there is none. One that was made before stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        let target = settings.target(place)?;
        Ok(BuiltRedis(Arc::new(RedisPool::new(settings.clone(), target))))
    }

    async fn probe(
        &self,
        made: &Arc<BuiltRedis>,
        place: &SettingsSource<RedisSettings>,
    ) -> Result<(), Problems> {
        made.0.open().await.map_err(|error| made.0.problem(&error, place).into())
    }

    async fn retire(&self, left: Arc<BuiltRedis>, _: Option<Arc<BuiltRedis>>) {
        left.0.leave().await;
    }
}
