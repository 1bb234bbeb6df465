//! The connections of one set of settings, used in turn, and their way out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use redis::Value;
use tokio::sync::Notify;
use tokio::time::{Duration, timeout};
use tokio_util::sync::CancellationToken;

use super::line::{CommandError, RedisConnection, RedisDialError, Sent};
use super::settings::{RedisSettings, RedisTarget};

/// How long saying goodbye may take.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// The connections to one Redis by one set of settings.
pub(super) struct RedisPool {
    pub(super) settings: RedisSettings,
    pub(super) target: RedisTarget,
    lines: Vec<RedisConnection>,
    next: AtomicUsize,
    gate: Mutex<Gate>,
    /// The last call has ended.
    empty: Notify,
    cut: CancellationToken,
}

#[derive(Default)]
struct Gate {
    is_closed: bool,
    calls: usize,
}

/// Why a call was not answered.
pub(super) enum RedisCallError {
    /// It was not sent: the pool is on its way out.
    Closed,
    /// It was not answered in the grace of its pool.
    Cut,
    Call(CommandError),
}

impl RedisPool {
    pub(super) fn new(settings: RedisSettings, target: RedisTarget) -> Self {
        Self {
            lines: (0..settings.pool_size).map(|_| RedisConnection::default()).collect(),
            settings,
            target,
            next: AtomicUsize::new(0),
            gate: Mutex::default(),
            empty: Notify::new(),
            cut: CancellationToken::new(),
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens all of them. None is abandoned halfway, so that the server sees none that is not counted.
    pub(super) async fn open(&self) -> Result<(), RedisDialError> {
        let opened = join_all(self.lines.iter().map(|line| line.open(&self.settings, &self.target))).await;
        opened.into_iter().collect()
    }

    /// Sends something over the connection whose turn it is.
    pub(super) async fn call(&self, sent: Sent<'_>) -> Result<Value, RedisCallError> {
        let _call = Call::begin(self).ok_or(RedisCallError::Closed)?;
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.lines.len();
        let Some(line) = self.lines.get(turn) else { return Err(RedisCallError::Closed) };
        tokio::select! {
            answer = line.call(sent, &self.settings, &self.target) => answer.map_err(RedisCallError::Call),
            () = self.cut.cancelled() => Err(RedisCallError::Cut),
        }
    }

    /// How many calls are under way.
    pub(super) fn calls(&self) -> usize {
        self.gate().calls
    }

    /// Takes nothing from now on, lets what is under way end within its grace, and closes.
    pub(super) async fn leave(&self) {
        self.gate().is_closed = true;
        let calls_end = async {
            while self.calls() > 0 {
                self.empty.notified().await;
            }
        };
        if timeout(self.settings.grace(), calls_end).await.is_err() {
            let (count, address) = (self.calls(), &self.target.address);
            tracing::warn!(
                count,
                address,
                "grace period of replaced connections is over; cancelling their commands"
            );
            self.cut.cancel();
        }
        // It is lost either way.
        timeout(GOODBYE_MAX, join_all(self.lines.iter().map(RedisConnection::close))).await.ok();
    }
}

/// A call that is under way.
struct Call<'a>(&'a RedisPool);

impl<'a> Call<'a> {
    fn begin(pool: &'a RedisPool) -> Option<Self> {
        let mut gate = pool.gate();
        if gate.is_closed {
            return None;
        }
        gate.calls += 1;
        Some(Self(pool))
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut gate = self.0.gate();
        gate.calls -= 1;
        if gate.is_closed && gate.calls == 0 {
            self.0.empty.notify_one();
        }
    }
}
