//! One connection to a Redis that carries many commands at a time, and is opened again when it broke.
//!
//! The driver has such a one, which opens a new connection by itself as soon as it sees the old one broken: also when
//! that is on its way out, and without telling. Here one is opened when a command needs it, so that they can be
//! counted.

use std::sync::Arc;
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisError as DriverError, RedisResult, Value, cmd};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::settings::{RedisSettings, RedisTarget};

/// What is sent.
#[derive(Clone, Copy)]
pub(super) enum Sent<'a> {
    Command(&'a Cmd),
    Pipeline(&'a Pipeline),
}

/// One connection.
#[derive(Default)]
pub(super) struct RedisConnection(Mutex<RedisConnectionState>);

#[derive(Default)]
enum RedisConnectionState {
    #[default]
    New,
    Up(Up),
    Down(Down),
}

#[derive(Clone)]
struct Up {
    connection: MultiplexedConnection,
    /// Distinguishes this one from one that took its place.
    mark: Arc<()>,
}

/// Why it could not be opened, for those who waited for that.
struct Down {
    at: Instant,
    error: RedisDialError,
}

/// Why a connection could not be opened.
#[derive(Debug, Clone)]
pub(super) enum RedisDialError {
    Late,
    Failed(DriverError),
}

/// Why a command was not answered.
pub(super) enum CommandError {
    /// It was not sent.
    Dial(RedisDialError),
    Driver(DriverError),
}

impl RedisConnection {
    /// Sends something and awaits its answer.
    pub(super) async fn call(
        &self,
        sent: Sent<'_>,
        settings: &RedisSettings,
        target: &RedisTarget,
    ) -> Result<Value, CommandError> {
        let mut up = self.up(settings, target).await.map_err(CommandError::Dial)?;
        let answer = match sent {
            Sent::Command(command) => command.query_async(&mut up.connection).await,
            Sent::Pipeline(pipeline) => pipeline.query_async(&mut up.connection).await,
        };
        if answer.as_ref().err().is_some_and(DriverError::is_unrecoverable_error) {
            self.broke(&up).await;
        }
        answer.map_err(CommandError::Driver)
    }

    /// Opens it and asks it something.
    pub(super) async fn open(
        &self,
        settings: &RedisSettings,
        target: &RedisTarget,
    ) -> Result<(), RedisDialError> {
        self.up(settings, target).await.map(drop)
    }

    async fn up(&self, settings: &RedisSettings, target: &RedisTarget) -> Result<Up, RedisDialError> {
        let asked = Instant::now();
        let mut state = self.0.lock().await;
        match &*state {
            RedisConnectionState::Up(up) => return Ok(up.clone()),
            // A caller that waited while another try failed does not try again itself.
            RedisConnectionState::Down(down) if down.at > asked => return Err(down.error.clone()),
            RedisConnectionState::New | RedisConnectionState::Down(_) => {}
        }
        match timeout(settings.connect_max(), dial(settings, target)).await {
            Ok(Ok(connection)) => {
                let up = Up { connection, mark: Arc::default() };
                *state = RedisConnectionState::Up(up.clone());
                Ok(up)
            }
            failed => {
                let error = failed.map_or(RedisDialError::Late, |failed| match failed {
                    Err(error) if !error.is_timeout() => RedisDialError::Failed(error),
                    _ => RedisDialError::Late,
                });
                *state = RedisConnectionState::Down(Down { at: Instant::now(), error: error.clone() });
                Err(error)
            }
        }
    }

    async fn broke(&self, broken: &Up) {
        let mut state = self.0.lock().await;
        if matches!(&*state, RedisConnectionState::Up(up) if Arc::ptr_eq(&up.mark, &broken.mark)) {
            *state = RedisConnectionState::New;
        }
    }

    /// Closes it in order: when the server has answered, it has released it.
    pub(super) async fn close(&self) {
        if let RedisConnectionState::Up(mut up) = std::mem::take(&mut *self.0.lock().await) {
            // It is lost either way.
            cmd("QUIT").query_async::<Value>(&mut up.connection).await.ok();
        }
    }
}

async fn dial(settings: &RedisSettings, target: &RedisTarget) -> RedisResult<MultiplexedConnection> {
    // Opening has one deadline, which is not the driver's: it has one for each step.
    let config = AsyncConnectionConfig::new().set_connection_timeout(None);
    let config = config.set_response_timeout(Some(settings.response_max()));
    let mut connection = target.client.get_multiplexed_async_connection_with_config(&config).await?;
    cmd("PING").query_async::<Value>(&mut connection).await?;
    Ok(connection)
}
