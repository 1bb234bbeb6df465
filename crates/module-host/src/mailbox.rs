//! The mailbox of a module: bounded, in order, and each accepted message gets exactly one answer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use midflight_core::DocumentName;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::code::ModuleMessage;
use crate::entry::ModuleEntry;
use crate::error::CallError;
use crate::metrics::{ModuleMetrics, count};
use crate::report::LiveModule;

/// The answer to a message.
#[derive(Debug, Clone)]
pub struct ModuleReply {
    /// What the module answered.
    pub result: Vec<u8>,
    /// The version that answered.
    pub live: Arc<LiveModule>,
}

pub(crate) type MessageResult = Result<ModuleReply, CallError>;

/// A message that was accepted.
pub(crate) struct MessageEnvelope {
    pub(crate) message: ModuleMessage,
    pub(crate) reply: ReplySlot,
    /// Its place in the mailbox.
    _place: OwnedSemaphorePermit,
}

impl MessageEnvelope {
    pub(crate) fn new(message: ModuleMessage, reply: ReplySlot, place: OwnedSemaphorePermit) -> Self {
        Self { message, reply, _place: place }
    }
}

/// Where the answer goes. Dropping it without one answers [`CallError::Abandoned`], and counts it.
pub(crate) struct ReplySlot {
    sender: Option<oneshot::Sender<MessageResult>>,
    metrics: Arc<ModuleMetrics>,
    module: DocumentName,
}

impl ReplySlot {
    pub(crate) fn new(
        module: &DocumentName,
        metrics: &Arc<ModuleMetrics>,
    ) -> (Self, oneshot::Receiver<MessageResult>) {
        let (sender, receiver) = oneshot::channel();
        let slot = Self { sender: Some(sender), metrics: Arc::clone(metrics), module: module.clone() };
        (slot, receiver)
    }

    /// Answers. A caller that left does not read it.
    pub(crate) fn answer(mut self, answer: MessageResult) {
        count(&self.metrics.answered);
        if matches!(answer, Err(CallError::Failed(_) | CallError::Poisoned { .. })) {
            count(&self.metrics.failures);
        }
        if let Some(sender) = self.sender.take() {
            drop(sender.send(answer));
        }
    }

    /// The message was not accepted after all.
    pub(crate) fn withdraw(mut self) {
        self.sender = None;
        self.metrics.accepted.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for ReplySlot {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            count(&self.metrics.abandoned);
            count(&self.metrics.answered);
            drop(sender.send(Err(CallError::Abandoned(self.module.clone()))));
        }
    }
}

pub(crate) type MailboxSender = mpsc::UnboundedSender<MessageEnvelope>;

/// Sends messages to a module. It stays valid across reloads; a clone costs nothing.
///
/// Messages of one caller that waits for each answer are worked on in order. When the mailbox is full, [`Self::call`]
/// waits and [`Self::try_call`] is refused. A caller may drop the future of a call; the message is worked on all the
/// same.
#[derive(Clone)]
pub struct ModuleHandle {
    pub(crate) entry: Arc<ModuleEntry>,
}

impl ModuleHandle {
    /// The name of the module.
    #[must_use]
    pub fn name(&self) -> &DocumentName {
        &self.entry.name
    }

    /// Sends a message and waits for its answer; when the mailbox is full, first for a place in it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(&self, operation: impl Into<String>, payload: Vec<u8>) -> MessageResult {
        let place = Arc::clone(&self.entry.places).acquire_owned().await;
        let place = place.map_err(|_| CallError::Unloaded(self.name().clone()))?;
        self.send(operation.into(), payload, place).await
    }

    /// As [`Self::call`], but refused at once when the mailbox is full.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn try_call(&self, operation: impl Into<String>, payload: Vec<u8>) -> MessageResult {
        let place = Arc::clone(&self.entry.places).try_acquire_owned().map_err(|error| match error {
            tokio::sync::TryAcquireError::Closed => CallError::Unloaded(self.name().clone()),
            tokio::sync::TryAcquireError::NoPermits => {
                count(&self.entry.metrics.refused_full);
                CallError::Full { module: self.name().clone() }
            }
        })?;
        self.send(operation.into(), payload, place).await
    }

    async fn send(&self, operation: String, payload: Vec<u8>, place: OwnedSemaphorePermit) -> MessageResult {
        let max = self.entry.message_bytes_max.load(Ordering::Relaxed);
        if payload.len() as u64 > max {
            return Err(CallError::TooLarge { bytes: payload.len(), max });
        }
        let message = ModuleMessage { id: 0, operation, payload, attempt: 1 };
        self.entry.send(message, place).await
    }
}

impl fmt::Debug for ModuleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleHandle({})", self.name())
    }
}
