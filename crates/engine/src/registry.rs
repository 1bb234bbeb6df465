//! The kinds of one engine behind one type, each with its place in the world.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use midflight_core::{DocumentName, JsonPointer, KindName, Problem, Problems};
use midflight_live::SnapshotSlot;
use serde_json::Value;

use crate::{DocumentSchema, Environment, EnvironmentInput, Kind, KindChange, Work};

/// A document that its kind found valid, of whatever type that is.
pub(crate) type ErasedDocument = Box<dyn Any + Send>;
/// A snapshot of a kind, of whatever type that is.
pub(crate) type ErasedSnapshot = Arc<dyn Any + Send + Sync>;

/// A kind's place in the world, and what type is there.
pub struct KindSlot<K> {
    pub(crate) slot: SnapshotSlot,
    kind: PhantomData<fn() -> K>,
}

impl<K> KindSlot<K> {
    pub(crate) fn new(slot: SnapshotSlot) -> Self {
        Self { slot, kind: PhantomData }
    }

    /// The place, to find the kind's snapshot in a [`midflight_live::World`] with.
    #[must_use]
    pub fn slot(&self) -> SnapshotSlot {
        self.slot
    }
}

impl<K> Clone for KindSlot<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for KindSlot<K> {}

impl<K> std::fmt::Debug for KindSlot<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.slot.fmt(f)
    }
}

/// [`Kind`] without its types, so that an engine can hold several.
pub(crate) trait AnyKind: Send + Sync {
    fn validate(
        &self,
        name: &DocumentName,
        body: &Arc<Value>,
        work: &Work,
    ) -> Result<ErasedDocument, Problems>;
    fn compile(
        &self,
        previous: &(dyn Any + Send + Sync),
        changes: Vec<(DocumentName, Option<ErasedDocument>)>,
        work: &Work,
    ) -> Result<ErasedSnapshot, Problems>;
    fn is_stale(&self, snapshot: &(dyn Any + Send + Sync), environment: &dyn Environment) -> bool;
    fn inputs(&self, snapshot: &(dyn Any + Send + Sync)) -> Vec<EnvironmentInput>;
    fn body(&self, snapshot: &(dyn Any + Send + Sync), name: &DocumentName) -> Option<Arc<Value>>;
    fn answer(&self, snapshot: &(dyn Any + Send + Sync), input: &Value) -> Result<Value, Problem>;
    fn empty(&self) -> ErasedSnapshot;
    fn schemas(&self) -> Vec<DocumentSchema>;
    fn figures(&self, snapshot: &(dyn Any + Send + Sync)) -> Vec<(&'static str, u64)>;
}

impl<K: Kind> AnyKind for K {
    fn validate(
        &self,
        name: &DocumentName,
        body: &Arc<Value>,
        work: &Work,
    ) -> Result<ErasedDocument, Problems> {
        Kind::validate(self, name, body, work).map(|document| Box::new(document) as ErasedDocument)
    }

    fn compile(
        &self,
        previous: &(dyn Any + Send + Sync),
        changes: Vec<(DocumentName, Option<ErasedDocument>)>,
        work: &Work,
    ) -> Result<ErasedSnapshot, Problems> {
        let previous = previous.downcast_ref().ok_or_else(mixed_up)?;
        let typed = changes.into_iter().map(|(name, document)| {
            let document = document.map(|document| document.downcast().map(|it| *it)).transpose();
            document.map(|document| KindChange { name, document }).map_err(|_| mixed_up())
        });
        let next = Kind::compile(self, previous, typed.collect::<Result<_, _>>()?, work)?;
        Ok(Arc::new(next))
    }

    fn is_stale(&self, snapshot: &(dyn Any + Send + Sync), environment: &dyn Environment) -> bool {
        snapshot.downcast_ref().is_some_and(|snapshot| Kind::is_stale(self, snapshot, environment))
    }

    fn inputs(&self, snapshot: &(dyn Any + Send + Sync)) -> Vec<EnvironmentInput> {
        snapshot.downcast_ref().map_or_else(Vec::new, |snapshot| Kind::inputs(self, snapshot))
    }

    fn body(&self, snapshot: &(dyn Any + Send + Sync), name: &DocumentName) -> Option<Arc<Value>> {
        Kind::body(self, snapshot.downcast_ref()?, name).cloned()
    }

    fn answer(&self, snapshot: &(dyn Any + Send + Sync), input: &Value) -> Result<Value, Problem> {
        Kind::answer(self, snapshot.downcast_ref().ok_or_else(mixed_up)?, input)
    }

    fn empty(&self) -> ErasedSnapshot {
        Arc::new(Kind::empty(self))
    }

    fn schemas(&self) -> Vec<DocumentSchema> {
        Kind::schemas(self)
    }

    fn figures(&self, snapshot: &(dyn Any + Send + Sync)) -> Vec<(&'static str, u64)> {
        snapshot.downcast_ref().map_or_else(Vec::new, |snapshot| Kind::figures(self, snapshot))
    }
}

/// A kind got the values of another kind: a defect of the engine, refused like any other.
fn mixed_up() -> Problem {
    Problem::new(
        "mixed_up",
        JsonPointer::root(),
        "the engine gave a kind the values of another; please report it",
    )
}

/// A kind and its place.
#[derive(Clone)]
pub(crate) struct RegisteredKind {
    pub(crate) name: KindName,
    pub(crate) slot: SnapshotSlot,
    pub(crate) kind: Arc<dyn AnyKind>,
}

/// Every kind of an engine; few, so they are looked through.
#[derive(Clone, Default)]
pub(crate) struct Registry {
    kinds: Vec<RegisteredKind>,
}

impl Registry {
    pub(crate) fn add(&mut self, registered: RegisteredKind) {
        self.kinds.push(registered);
    }

    pub(crate) fn get(&self, name: &KindName) -> Option<&RegisteredKind> {
        self.kinds.iter().find(|registered| registered.name == *name)
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.iter().map(|registered| registered.name.as_str()).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &RegisteredKind> {
        self.kinds.iter()
    }
}
