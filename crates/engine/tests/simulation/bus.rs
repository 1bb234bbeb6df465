//! A bus that loses, repeats, delays and reorders hints, and lets anybody say anything without a key.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use midflight_bus::{Bus, BusError, BusStatus, Hint, HintEvent, Hints, MemoryBus};
use tokio::sync::mpsc;

/// What all ends of the bus share.
#[derive(Clone)]
pub(crate) struct Air {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    rng: Rng,
    listeners: Vec<(usize, mpsc::UnboundedSender<HintEvent>)>,
    cut_off: Vec<bool>,
    announced: Vec<Hint>,
}

impl Air {
    pub(crate) fn new(seed: u64, replicas: usize) -> Self {
        let rng = Rng::with_seed(seed ^ 0xb05);
        let inner =
            Inner { rng, listeners: Vec::new(), cut_off: vec![false; replicas], announced: Vec::new() };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// The end of one replica.
    pub(crate) fn end(&self, replica: usize) -> SimBus {
        SimBus { air: self.clone(), replica }
    }

    /// Cuts a replica off, or lets it hear again: then it is told that it may have missed something.
    pub(crate) fn cut_off(&self, replica: usize, cut: bool) {
        let mut inner = self.inner.lock().unwrap();
        inner.cut_off[replica] = cut;
        if !cut {
            for (_, listener) in inner.listeners.iter().filter(|(of, _)| *of == replica) {
                listener.send(HintEvent::Look).ok();
            }
        }
    }

    /// Says again something that was said long ago.
    pub(crate) fn replay(&self) {
        let inner = &mut *self.inner.lock().unwrap();
        if let Some(hint) = inner.rng.choice(&inner.announced).cloned() {
            inner.send_all(&hint, None);
        }
    }

    /// Says something without knowing anything: a revision that may or may not be there.
    pub(crate) fn forge(&self) {
        let inner = &mut *self.inner.lock().unwrap();
        let head = midflight_core::RevisionNumber::new(inner.rng.u64(0..200));
        let awaited = inner.rng.bool();
        // Whoever has recorded a hint knows the log's id.
        let known = inner.rng.choice(&inner.announced).and_then(|hint| hint.announced);
        let announced = known.filter(|_| inner.rng.bool()).map(|announced| {
            announced.at(head, midflight_core::Digest::of_bytes(&inner.rng.u64(..).to_le_bytes()))
        });
        inner.send_all(&Hint { head, announced, change: None, awaited }, None);
    }
}

impl Inner {
    fn send_all(&mut self, hint: &Hint, from: Option<usize>) {
        self.listeners.retain(|(_, listener)| !listener.is_closed());
        if from.is_some_and(|from| self.cut_off[from]) {
            return;
        }
        for (replica, listener) in &self.listeners {
            if self.cut_off[*replica] {
                continue;
            }
            // Lost, once, or twice; each after a while of its own, so that they overtake each other.
            for _ in 0..*[0, 1, 1, 1, 2].get(self.rng.usize(0..5)).unwrap() {
                let (listener, hint) = (listener.clone(), hint.clone());
                let delay = Duration::from_millis(self.rng.u64(0..500));
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    listener.send(HintEvent::Hint(hint)).ok();
                });
            }
        }
    }
}

pub(crate) struct SimBus {
    air: Air,
    replica: usize,
}

#[async_trait]
impl Bus for SimBus {
    async fn publish(&self, hint: Hint) -> Result<(), BusError> {
        let mut inner = self.air.inner.lock().unwrap();
        inner.announced.push(hint.clone());
        inner.send_all(&hint, Some(self.replica));
        Ok(())
    }

    async fn subscribe(&self) -> Result<Box<dyn Hints>, BusError> {
        let (sender, hints) = mpsc::unbounded_channel();
        self.air.inner.lock().unwrap().listeners.push((self.replica, sender));
        Ok(Box::new(SimHints(hints)))
    }

    fn status(&self) -> BusStatus {
        MemoryBus::new().status()
    }
}

struct SimHints(mpsc::UnboundedReceiver<HintEvent>);

#[async_trait]
impl Hints for SimHints {
    async fn next(&mut self) -> Option<HintEvent> {
        self.0.recv().await
    }
}
