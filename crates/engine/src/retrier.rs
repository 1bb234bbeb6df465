//! Tries components again that stayed behind, beside the reloads: no edit and no new revision waits for them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use midflight_live::World;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::core::Core;
use crate::parts::{self, PrepareResult};

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The first pause is up to 100 ms, and each up to twice as long as the one before. They are drawn between this and
/// twice as much, so that replicas which lost a server together do not come back to it together.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(50))
    .with_max_delay(Duration::from_secs(30))
    .with_jitter()
    .without_max_times();

/// Keeps a retry and a reload from preparing a component at the same time: it may need something that it cannot share.
#[derive(Debug, Default)]
pub(crate) struct RetryGate {
    /// Held while a retry prepares.
    busy: Mutex<()>,
    /// How many reloads prepare components.
    reloads: watch::Sender<usize>,
}

/// Keeps retries from preparing until it is dropped.
pub(crate) struct Reloading<'a>(&'a RetryGate);

impl RetryGate {
    /// Ends a retry that prepares, and waits until that was released.
    pub(crate) async fn interrupt(&self) -> Reloading<'_> {
        self.reloads.send_modify(|count| *count += 1);
        let reloading = Reloading(self);
        drop(self.busy.lock().await);
        reloading
    }

    /// Its result, unless a reload comes between.
    async fn retry<T>(&self, preparing: impl Future<Output = T>) -> Option<T> {
        let mut reloads = self.reloads.subscribe();
        reloads.wait_for(|count| *count == 0).await.ok()?;
        let _busy = self.busy.lock().await;
        tokio::select! {
            biased;
            _ = reloads.wait_for(|count| *count > 0) => None,
            prepared = preparing => Some(prepared),
        }
    }
}

impl Drop for Reloading<'_> {
    fn drop(&mut self) {
        self.0.reloads.send_modify(|count| *count -= 1);
    }
}

/// The result of a retry, on the world that was served when it began.
pub(crate) struct Retried {
    pub(crate) world: Arc<World>,
    pub(crate) tried: PrepareResult,
}

/// Waits for the next retry, and runs it on a task of its own.
pub(crate) struct Retrier {
    pauses: ExponentialBackoff,
    /// When the next one begins.
    at: Option<Instant>,
    running: Option<JoinHandle<Option<Retried>>>,
}

impl Default for Retrier {
    fn default() -> Self {
        Self { pauses: PAUSES.build(), at: None, running: None }
    }
}

impl Retrier {
    /// Waits until the components that are behind were tried again; for ever when there are none. Cancelling the wait
    /// loses nothing.
    pub(crate) async fn retried(&mut self, core: &Arc<Core>, behind: &BTreeSet<String>) -> Retried {
        if behind.is_empty() {
            *self = Self::default();
            return std::future::pending().await;
        }
        loop {
            if let Some(running) = &mut self.running {
                let ended = running.await;
                self.running = None;
                match ended {
                    Ok(Some(retried)) => return retried,
                    Ok(None) => {}
                    Err(error) => tracing::error!(%error, "retry of components panicked"),
                }
            }
            let pauses = &mut self.pauses;
            let next = || Instant::now() + pauses.next().unwrap_or(PAUSE_MAX);
            tokio::time::sleep_until(*self.at.get_or_insert_with(next)).await;
            self.at = None;
            self.running = Some(tokio::spawn(retry(Arc::clone(core), behind.clone())));
        }
    }
}

impl Drop for Retrier {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

/// None when a reload came between.
async fn retry(core: Arc<Core>, behind: BTreeSet<String>) -> Option<Retried> {
    let world = core.cell.world();
    let is_behind = |component: &&Arc<dyn crate::Component>| behind.contains(component.name());
    let mut components: Vec<_> = core.components.iter().filter(is_behind).cloned().collect();
    components.sort_by(|a, b| (a.order(), a.name()).cmp(&(b.order(), b.name())));
    let deadline = std::time::Instant::now() + core.limits.reload_max();
    let preparing = parts::prepare(&components, &world, &world, deadline, &core.stop);
    let tried = core.retry_gate.retry(preparing).await?;
    Some(Retried { world, tried })
}
