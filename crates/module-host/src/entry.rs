//! A module as the host knows it: where messages go, and what is known of it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use midflight_core::{Digest, DocumentName};
use midflight_modules::{Manifest, ModuleLimits};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use crate::actor::Control;
use crate::code::ModuleMessage;
use crate::error::{CallError, ModuleRefusal, ReloadFailure};
use crate::mailbox::{MailboxSender, MessageEnvelope, MessageResult, ReplySlot};
use crate::metrics::{ModuleMetrics, count};
use crate::options::ReloadObserver;
use crate::report::{LiveModule, ModuleReloadReport, ModuleStatus, ParkedMessage, ReloadRecord};
use crate::stateless::StatelessPool;

/// How many manifests are in cool-down at most; the oldest goes first.
const COOL_DOWNS_MAX: usize = 64;

/// What works on messages.
pub(crate) enum ModuleService {
    /// A task with one instance.
    Stateful { mailbox: MailboxSender, control: mpsc::Sender<Control> },
    /// A pool of instances without state.
    Stateless(StatelessPool),
}

/// What the task of a module and those who use it share. The task does not know the rest, so that it ends when no
/// handle is left.
pub(crate) struct ModuleShared {
    pub(crate) name: DocumentName,
    pub(crate) metrics: Arc<ModuleMetrics>,
    observer: Option<ReloadObserver>,
    /// The places in the mailbox. It is closed when the module is unloaded.
    pub(crate) places: Arc<Semaphore>,
    places_max: AtomicU64,
    pub(crate) message_bytes_max: AtomicU64,
    status: RwLock<ModuleStatus>,
    /// The id of the last message to a module without state.
    last_id: AtomicU64,
}

pub(crate) struct ModuleEntry {
    pub(crate) shared: Arc<ModuleShared>,
    pub(crate) service: ModuleService,
    /// Who reloads it: one after the other.
    pub(crate) serial: Arc<tokio::sync::Mutex<()>>,
    /// How many reloads were asked for.
    tickets: AtomicU64,
    /// The highest generation that was given.
    pub(crate) highest: AtomicU64,
    cool_downs: Mutex<BTreeMap<Digest, Instant>>,
}

impl ModuleShared {
    pub(crate) fn new(manifest: &Manifest, observer: Option<ReloadObserver>) -> Arc<Self> {
        let limits = &manifest.limits;
        let places = usize::try_from(limits.mailbox_messages_max).unwrap_or(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            name: manifest.name.clone(),
            metrics: Arc::default(),
            observer,
            places: Arc::new(Semaphore::new(places)),
            places_max: AtomicU64::new(limits.mailbox_messages_max),
            message_bytes_max: AtomicU64::new(limits.message_bytes_max),
            status: RwLock::default(),
            last_id: AtomicU64::new(0),
        })
    }

    /// Tells how a reload ended.
    pub(crate) fn observe(&self, result: Result<&ModuleReloadReport, &ReloadFailure>, reason: Option<&str>) {
        if let Some(observer) = &self.observer {
            let (module, reason) = (self.name.clone(), reason.map(str::to_owned));
            observer(&ReloadRecord { module, result: result.cloned().map_err(Clone::clone), reason });
        }
    }

    pub(crate) fn next_message_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn status(&self) -> ModuleStatus {
        self.status.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn live(&self) -> Option<Arc<LiveModule>> {
        self.status.read().unwrap_or_else(PoisonError::into_inner).live.clone()
    }

    pub(crate) fn publish(&self, change: impl FnOnce(&mut ModuleStatus)) {
        change(&mut self.status.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn park(&self, message: ParkedMessage, max: usize) {
        self.publish(|status| {
            if status.parked.len() >= max {
                status.parked.remove(0);
            }
            status.parked.push(message);
        });
    }

    /// Takes over the limits of a manifest. A mailbox shrinks by its free places at once, and by the others at the next
    /// commit.
    pub(crate) fn resize(&self, limits: &ModuleLimits) {
        self.message_bytes_max.store(limits.message_bytes_max, Ordering::Relaxed);
        let (now, wanted) = (self.places_max.load(Ordering::Relaxed), limits.mailbox_messages_max);
        let difference = usize::try_from(now.abs_diff(wanted)).unwrap_or(0);
        if wanted > now {
            self.places.add_permits(difference);
            self.places_max.store(wanted, Ordering::Relaxed);
        } else {
            let forgotten = self.places.forget_permits(difference) as u64;
            self.places_max.store(now - forgotten, Ordering::Relaxed);
        }
    }
}

impl Deref for ModuleEntry {
    type Target = ModuleShared;

    fn deref(&self) -> &ModuleShared {
        &self.shared
    }
}

impl ModuleEntry {
    pub(crate) fn new(shared: Arc<ModuleShared>, service: ModuleService, highest: u64) -> Self {
        Self {
            shared,
            service,
            serial: Arc::default(),
            tickets: AtomicU64::new(0),
            highest: AtomicU64::new(highest),
            cool_downs: Mutex::default(),
        }
    }

    pub(crate) fn is_stateless(&self) -> bool {
        matches!(self.service, ModuleService::Stateless(_))
    }

    /// Sends a message that has its place.
    pub(crate) async fn send(&self, message: ModuleMessage, place: OwnedSemaphorePermit) -> MessageResult {
        let (reply, answer) = ReplySlot::new(&self.name, &self.metrics);
        count(&self.metrics.accepted);
        let envelope = MessageEnvelope::new(message, reply, place);
        match &self.service {
            ModuleService::Stateful { mailbox, .. } => {
                if let Err(mpsc::error::SendError(envelope)) = mailbox.send(envelope) {
                    envelope.reply.withdraw();
                    return Err(CallError::Unloaded(self.name.clone()));
                }
            }
            ModuleService::Stateless(pool) => pool.spawn(&self.shared, envelope),
        }
        answer.await.unwrap_or_else(|_| Err(CallError::Abandoned(self.name.clone())))
    }

    /// A reload was asked for.
    pub(crate) fn take_ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Whether a later reload waits, which wants something newer.
    pub(crate) fn is_superseded(&self, ticket: u64) -> bool {
        self.tickets.load(Ordering::SeqCst) != ticket
    }

    /// Refuses a manifest that failed a moment ago.
    pub(crate) fn check_cool_down(&self, manifest: Digest) -> Result<(), ModuleRefusal> {
        let mut cool_downs = self.cool_downs.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        cool_downs.retain(|_, until| *until > now);
        match cool_downs.get(&manifest) {
            None => Ok(()),
            Some(until) => {
                let ms = until.duration_since(now).as_millis();
                let message = format!("this manifest failed a moment ago; try again in {ms} ms, or force it");
                Err(ModuleRefusal::new("cool_down", message))
            }
        }
    }

    pub(crate) fn cool_down(&self, manifest: &Manifest) {
        if manifest.limits.cool_down_ms == 0 {
            return;
        }
        let mut cool_downs = self.cool_downs.lock().unwrap_or_else(PoisonError::into_inner);
        if cool_downs.len() >= COOL_DOWNS_MAX {
            let oldest = cool_downs.iter().min_by_key(|(_, until)| **until).map(|(digest, _)| *digest);
            if let Some(oldest) = oldest {
                cool_downs.remove(&oldest);
            }
        }
        cool_downs.insert(manifest.digest, Instant::now() + manifest.limits.cool_down());
    }
}
