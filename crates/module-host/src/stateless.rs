//! Modules without state: instances are exchangeable, so a reload is one pointer, and nothing pauses.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use midflight_core::Digest;
use tokio::sync::Semaphore;

use crate::code::{InstancePurpose, ModuleFailure, ModuleInstance, ModuleMessage, SharedCode};
use crate::entry::ModuleShared;
use crate::error::{CallError, ModuleRefusal};
use crate::imports::ImportContext;
use crate::mailbox::{MessageEnvelope, MessageResult, ModuleReply};
use crate::memory::MemoryPermit;
use crate::metrics::count;
use crate::reload::start;
use crate::report::{LiveModule, ParkedMessage};

/// How many parked messages are kept.
const PARKED_MAX: usize = 32;

/// The generation that answers. A call that has begun ends on the one it began with.
#[derive(Default)]
pub(crate) struct StatelessPool {
    generation: RwLock<Option<Arc<StatelessGeneration>>>,
}

/// The instances of one generation.
pub(crate) struct StatelessGeneration {
    pub(crate) live: Arc<LiveModule>,
    code: SharedCode,
    context: ImportContext,
    idle: Mutex<Vec<Box<dyn ModuleInstance>>>,
    turns: Semaphore,
    _memory: MemoryPermit,
}

impl StatelessGeneration {
    /// A generation with one instance that is ready.
    pub(crate) async fn new(
        live: Arc<LiveModule>,
        code: SharedCode,
        context: ImportContext,
        memory: MemoryPermit,
    ) -> Result<Self, ModuleRefusal> {
        let instances = usize::try_from(live.manifest.limits.instances_max).unwrap_or(1);
        let first = start(&code, InstancePurpose::Serve, &context).await?;
        let idle = Mutex::new(vec![first]);
        Ok(Self { live, code, context, idle, turns: Semaphore::new(instances), _memory: memory })
    }

    async fn instance(&self) -> Result<Box<dyn ModuleInstance>, ModuleRefusal> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut instance = match idle {
            Some(instance) => instance,
            None => start(&self.code, InstancePurpose::Serve, &self.context).await?,
        };
        instance.go_live();
        Ok(instance)
    }

    fn put_back(&self, instance: Box<dyn ModuleInstance>) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(instance);
    }

    async fn handle(&self, module: &ModuleShared, message: &mut ModuleMessage) -> MessageResult {
        loop {
            let _turn = self.turns.acquire().await;
            let unavailable =
                |why: ModuleRefusal| CallError::Unavailable { module: module.name.clone(), why: why.message };
            let mut instance = self.instance().await.map_err(unavailable)?;
            let trap = match instance.handle(message).await {
                Ok(answer) => {
                    self.put_back(instance);
                    let max = self.live.manifest.limits.message_bytes_max;
                    return match answer {
                        Ok(result) if result.len() as u64 > max => {
                            let text = format!("the reply has {} bytes and may have {max}", result.len());
                            Err(CallError::Failed(ModuleFailure::new("reply_too_large", text)))
                        }
                        Ok(result) => Ok(ModuleReply { result, live: Arc::clone(&self.live) }),
                        Err(failure) => Err(CallError::Failed(failure)),
                    };
                }
                Err(trap) => trap,
            };
            count(&module.metrics.traps);
            if message.attempt >= 2 {
                count(&module.metrics.poisoned);
                let parked = ParkedMessage {
                    id: message.id,
                    operation: message.operation.clone(),
                    payload: Digest::of_bytes(&message.payload),
                    generation: self.live.generation,
                    trap: trap.to_string(),
                };
                module.park(parked, PARKED_MAX);
                return Err(CallError::Poisoned { module: module.name.clone(), trap });
            }
            message.attempt = 2;
        }
    }
}

impl StatelessPool {
    fn current(&self) -> Option<Arc<StatelessGeneration>> {
        self.generation.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets that generation answer; gives the one before.
    pub(crate) fn swap(&self, next: Option<Arc<StatelessGeneration>>) -> Option<Arc<StatelessGeneration>> {
        std::mem::replace(&mut self.generation.write().unwrap_or_else(PoisonError::into_inner), next)
    }

    /// Works on a message in a task of its own, which a caller that goes does not end.
    pub(crate) fn spawn(&self, module: &Arc<ModuleShared>, mut envelope: MessageEnvelope) {
        let Some(generation) = self.current() else {
            envelope.reply.answer(Err(CallError::Unloaded(module.name.clone())));
            return;
        };
        let module = Arc::clone(module);
        tokio::spawn(async move {
            envelope.message.id = module.next_message_id();
            let answer = generation.handle(&module, &mut envelope.message).await;
            envelope.reply.answer(answer);
        });
    }
}
