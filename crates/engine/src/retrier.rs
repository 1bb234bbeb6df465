//! Tries components again that stayed behind, beside the reloads: no edit and no new revision waits for them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use midflight_live::World;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::core::Core;
use crate::parts::{self, PrepareResult};

/// The first pause. Each is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

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
#[derive(Default)]
pub(crate) struct Retrier {
    pause: Option<Duration>,
    /// When the next one begins.
    at: Option<Instant>,
    running: Option<JoinHandle<Option<Retried>>>,
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
            let pause = self.pause.map_or(PAUSE_MIN, |pause| (pause * 2).min(PAUSE_MAX));
            // Drawn, so that replicas which lost a server together do not come back to it together.
            let wait = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            tokio::time::sleep_until(*self.at.get_or_insert_with(|| Instant::now() + wait)).await;
            (self.at, self.pause) = (None, Some(pause));
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
