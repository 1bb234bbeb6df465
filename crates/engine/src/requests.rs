//! The way to the coordinator: what is asked of it waits in one bounded queue.

use std::sync::Arc;

use midflight_core::{Edit, ReloadEvent, Trigger};
use tokio::sync::{mpsc, oneshot};

use crate::coordinator::{Request, Wish};
use crate::outcome::{Accepted, Refusal, Refused, Validated};

/// The queue, from the side of those who ask. The coordinator runs as long as there is one.
#[derive(Clone)]
pub(crate) struct Requests {
    queue: mpsc::Sender<Request>,
    queue_max: usize,
}

/// The same for a part of the engine itself, which does not keep the coordinator running.
pub(crate) struct WeakRequests {
    queue: mpsc::WeakSender<Request>,
    queue_max: usize,
}

impl Requests {
    /// A queue of so many, and the end that the coordinator has.
    pub(crate) fn new(queue_max: usize) -> (Self, mpsc::Receiver<Request>) {
        let (queue, waiting) = mpsc::channel(queue_max);
        (Self { queue, queue_max }, waiting)
    }

    pub(crate) fn downgrade(&self) -> WeakRequests {
        WeakRequests { queue: self.queue.downgrade(), queue_max: self.queue_max }
    }

    pub(crate) async fn edit(&self, edit: Edit, wish: Wish) -> Result<Accepted, Refused> {
        let (reply, done) = oneshot::channel();
        self.send(Request::Edit { edit: Box::new(edit), wish, reply })?;
        done.await.unwrap_or_else(|_| Err(Refusal::Stopping.into()))
    }

    pub(crate) async fn reload(
        &self,
        trigger: Trigger,
        by: &str,
        anew: bool,
    ) -> Result<Arc<ReloadEvent>, Refusal> {
        let (reply, done) = oneshot::channel();
        self.send(Request::Reload { trigger, by: by.to_owned(), anew, reply })?;
        done.await.map_err(|_| Refusal::Stopping)
    }

    pub(crate) async fn validate(&self) -> Result<Validated, Refusal> {
        let (reply, done) = oneshot::channel();
        self.send(Request::Validate { reply })?;
        done.await.map_err(|_| Refusal::Stopping)?
    }

    fn send(&self, request: Request) -> Result<(), Refusal> {
        self.queue.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy { queue_max: self.queue_max },
            mpsc::error::TrySendError::Closed(_) => Refusal::Stopping,
        })
    }
}

impl WeakRequests {
    /// The queue, while anybody else has it.
    pub(crate) fn upgrade(&self) -> Option<Requests> {
        Some(Requests { queue: self.queue.upgrade()?, queue_max: self.queue_max })
    }
}
