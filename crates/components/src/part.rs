//! The one way in which everything here is swapped: made beside, proved, published, let go.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use midflight_core::{Problem, Problems, RevisionNumber};
use midflight_engine::{Committed, Component, Criticality, Prepared, Section};
use midflight_live::{Live, Publisher, World};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Place;

/// How one sort of component is made, proved and let go. [`Part`] does the rest: compare, swap, roll back, and see to it
/// that there are never more than two.
///
/// A component of one's own is what it is made from, what is made, and these functions:
///
/// ```
/// use midflight_components::{Follow, Make, Part, Place, Role};
/// use midflight_core::Problems;
/// use midflight_engine::Criticality;
///
/// struct MakeTemplate;
///
/// impl Make for MakeTemplate {
///     type Settings = String;
///     type Made = Vec<String>;
///
///     fn make(&self, text: &String, place: &Place<String>) -> Result<Vec<String>, Problems> {
///         match text.is_empty() {
///             true => Err(place.problem("missing", "text", "there is no text; write one").into()),
///             false => Ok(text.split("{}").map(str::to_owned).collect()),
///         }
///     }
/// }
///
/// /// The handle: whoever has it greets by what is in use at that moment.
/// struct Greeter(Follow<MakeTemplate>);
///
/// impl Greeter {
///     fn greet(&self, name: &str) -> Option<String> {
///         Some(self.0.now()?.join(name))
///     }
/// }
///
/// fn greeter(place: Place<String>) -> (Part<MakeTemplate>, Greeter) {
///     let role = Role { name: "greeter".to_owned(), order: 100, criticality: Criticality::Critical };
///     let (part, follow) = Part::new(MakeTemplate, place, role);
///     (part, Greeter(follow))
/// }
/// ```
///
/// The common mistake is to connect in [`Self::make`]. What it answers may be dropped at once, and it cannot wait:
/// connect in [`Self::prove`], into what `make` has made, so that [`Self::let_go`] finds whatever was opened even when
/// proving was cut short.
#[async_trait]
pub trait Make: Send + Sync + 'static {
    /// What it is made from.
    type Settings: PartialEq + Clone + Send + Sync + 'static;
    /// What is made, and used through the handle.
    type Made: Send + Sync + 'static;

    /// Makes it without I/O: looks at every setting.
    ///
    /// # Errors
    /// Every setting that cannot be, with its place and its cure.
    fn make(&self, settings: &Self::Settings, place: &Place<Self::Settings>) -> Result<Self::Made, Problems>;

    /// Proves that it does what it should, while the old serves on. May be dropped at any `.await`.
    ///
    /// # Errors
    /// What does not hold.
    async fn prove(&self, made: &Arc<Self::Made>, place: &Place<Self::Settings>) -> Result<(), Problems> {
        let _ = (made, place);
        Ok(())
    }

    /// Does what is to be done besides the swap of the pointer when `to` takes the place of `from`. Infallible and
    /// instant.
    fn publish(&self, from: Option<&Self::Made>, to: Option<&Self::Made>) {
        let _ = (from, to);
    }

    /// Lets go of what is not, or no longer, in use. It must end: until then no other one can be prepared.
    async fn let_go(&self, left: Arc<Self::Made>, in_use: Option<Arc<Self::Made>>) {
        let _ = (left, in_use);
    }
}

/// What an engine has to know of a component apart from what it does.
#[derive(Debug, Clone)]
pub struct Role {
    /// Unique within its engine.
    pub name: String,
    /// Its place in the order of commits, lowest first.
    pub order: u32,
    /// What becomes of a reload when it cannot prepare.
    pub criticality: Criticality,
}

/// A component for an engine: give it to `EngineBuilder::component`. The handle that was made with it follows its swaps.
///
/// Cost of a reload that does not change its settings: reading and comparing them. Of one that does: that of making the new
/// one, beside the old.
pub struct Part<M: Make> {
    role: Role,
    exclusive: Vec<String>,
    place: Place<M::Settings>,
    swap: Arc<Swap<M>>,
    /// Whether a start goes on without it.
    may_come_later: bool,
    /// Whether it was what its settings say, once.
    was_in_step: AtomicBool,
}

impl<M: Make> Part<M> {
    /// A part that is not configured yet, and what follows it.
    #[must_use]
    pub fn new(make: M, place: Place<M::Settings>, role: Role) -> (Self, Follow<M>) {
        let (publisher, live) = Live::new(InUse(None));
        let beside = Arc::new(Semaphore::new(1));
        let follow = Follow { live: live.clone() };
        let (exclusive, swap) = (Vec::new(), Arc::new(Swap { make, publisher, live, beside }));
        let was_in_step = AtomicBool::new(false);
        (Self { role, exclusive, place, swap, may_come_later: false, was_in_step }, follow)
    }

    /// Another name, for an engine with two of a sort.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.role.name = name.into();
        self
    }

    /// Another place in the order of commits.
    #[must_use]
    pub fn order(mut self, order: u32) -> Self {
        self.role.order = order;
        self
    }

    /// What becomes of a reload when it cannot prepare.
    #[must_use]
    pub fn criticality(mut self, criticality: Criticality) -> Self {
        self.role.criticality = criticality;
        self
    }

    /// Lets a start go on without it: until it was what its settings say once, it is [`Criticality::BestEffort`], and is
    /// tried again. Afterwards it is what its role says, so an edit that it cannot prepare for is refused.
    #[must_use]
    pub fn may_come_later(mut self) -> Self {
        self.may_come_later = true;
        self
    }

    /// What it cannot share while it prepares, as a port: parts that name the same prepare one after the other.
    #[must_use]
    pub fn exclusive(mut self, resource: impl Into<String>) -> Self {
        self.exclusive.push(resource.into());
        self
    }
}

impl<M: Make> fmt::Debug for Part<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("role", &self.role).field("place", &self.place).finish_non_exhaustive()
    }
}

/// Follows what a [`Part`] has in use. Handles are made of it.
pub struct Follow<M: Make> {
    live: Live<InUse<M>>,
}

impl<M: Make> Follow<M> {
    /// What is in use now, for one piece of work; none when it is not configured. Cost: one load and two reference counts.
    #[must_use]
    pub fn now(&self) -> Option<Arc<M::Made>> {
        self.live.load().made()
    }

    /// Whether `made` is what is in use now.
    #[must_use]
    pub fn is_now(&self, made: &Arc<M::Made>) -> bool {
        self.now().is_some_and(|now| Arc::ptr_eq(&now, made))
    }
}

impl<M: Make> Clone for Follow<M> {
    fn clone(&self) -> Self {
        Self { live: self.live.clone() }
    }
}

impl<M: Make> fmt::Debug for Follow<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").finish_non_exhaustive()
    }
}

/// What was made, with what it was made from.
struct Held<M: Make> {
    settings: M::Settings,
    made: Arc<M::Made>,
}

struct InUse<M: Make>(Option<Arc<Held<M>>>);

impl<M: Make> InUse<M> {
    fn made(&self) -> Option<Arc<M::Made>> {
        self.0.as_ref().map(|held| Arc::clone(&held.made))
    }
}

struct Swap<M: Make> {
    make: M,
    publisher: Publisher<InUse<M>>,
    live: Live<InUse<M>>,
    /// The one place beside what is in use. Who is there has the permit, until it is wholly gone.
    beside: Arc<Semaphore>,
}

impl<M: Make> Swap<M> {
    fn publish(&self, revision: RevisionNumber, to: Option<Arc<Held<M>>>) {
        let from = self.live.load().made();
        self.make.publish(from.as_deref(), to.as_ref().map(|held| &*held.made));
        self.publisher.publish(revision, InUse(to));
    }

    async fn let_go(&self, left: Arc<M::Made>, beside: OwnedSemaphorePermit) {
        let in_use = self.live.load().made();
        self.make.let_go(left, in_use).await;
        drop(beside);
    }

    /// Lets go without anybody waiting for it. Outside a runtime nothing can be waited for: then it is dropped.
    fn leave(self: &Arc<Self>, left: Arc<Held<M>>, beside: OwnedSemaphorePermit) {
        if let Ok(runtime) = Handle::try_current() {
            let swap = Arc::clone(self);
            runtime.spawn(async move { swap.let_go(Arc::clone(&left.made), beside).await });
        }
    }
}

#[async_trait]
impl<M: Make> Component for Part<M> {
    fn name(&self) -> &str {
        &self.role.name
    }

    fn sections(&self) -> Vec<Section> {
        self.place.sections().to_vec()
    }

    fn criticality(&self) -> Criticality {
        match self.may_come_later && !self.was_in_step.load(Ordering::Relaxed) {
            true => Criticality::BestEffort,
            false => self.role.criticality,
        }
    }

    fn order(&self) -> u32 {
        self.role.order
    }

    fn exclusive(&self) -> Vec<String> {
        self.exclusive.clone()
    }

    async fn prepare(&self, _: &World, new: &World) -> Result<Option<Box<dyn Prepared>>, Problems> {
        let (wanted, in_use) = (self.place.read(new), self.swap.live.snapshot());
        if in_use.0.as_ref().map(|held| &held.settings) == wanted.as_ref() {
            self.was_in_step.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        // Before anything is waited for: settings that cannot be are refused at once.
        let held = match wanted {
            Some(settings) => {
                let made = self.swap.make.make(&settings, &self.place)?;
                Some(Arc::new(Held { settings, made: Arc::new(made) }))
            }
            None => None,
        };
        let beside = Arc::clone(&self.swap.beside).acquire_owned().await.map_err(|_| self.ended())?;
        let (swap, revision) = (Arc::clone(&self.swap), new.revision());
        let ready = Ready { swap, revision, held, beside: Some(beside) };
        if let Some(held) = &ready.held {
            self.swap.make.prove(&held.made, &self.place).await?;
        }
        self.was_in_step.store(true, Ordering::Relaxed);
        Ok(Some(Box::new(ready)))
    }
}

impl<M: Make> Part<M> {
    fn ended(&self) -> Problems {
        let message = format!("{} has ended", self.role.name);
        Problem::new("ended", self.place.prefix().clone(), message).into()
    }
}

/// Made, and in the place beside what is in use.
struct Ready<M: Make> {
    swap: Arc<Swap<M>>,
    revision: RevisionNumber,
    held: Option<Arc<Held<M>>>,
    /// None once it is committed.
    beside: Option<OwnedSemaphorePermit>,
}

impl<M: Make> Prepared for Ready<M> {
    fn commit(mut self: Box<Self>) -> Box<dyn Committed> {
        let swap = Arc::clone(&self.swap);
        let before = swap.live.snapshot();
        let (new, beside) = (self.held.take(), self.beside.take());
        swap.publish(self.revision, new.clone());
        Box::new(Swapped { old: before.0.clone(), before: before.revision(), new, beside, swap })
    }
}

impl<M: Make> Drop for Ready<M> {
    fn drop(&mut self) {
        if let (Some(held), Some(beside)) = (self.held.take(), self.beside.take()) {
            self.swap.leave(held, beside);
        }
    }
}

/// In use, with the old in the place beside it.
struct Swapped<M: Make> {
    swap: Arc<Swap<M>>,
    old: Option<Arc<Held<M>>>,
    before: RevisionNumber,
    new: Option<Arc<Held<M>>>,
    beside: Option<OwnedSemaphorePermit>,
}

#[async_trait]
impl<M: Make> Committed for Swapped<M> {
    fn rollback(self: Box<Self>) {
        let Self { swap, old, before, new, beside } = *self;
        swap.publish(before, old);
        if let (Some(new), Some(beside)) = (new, beside) {
            swap.leave(new, beside);
        }
    }

    async fn retire(self: Box<Self>) {
        let Self { swap, old, beside, .. } = *self;
        if let (Some(old), Some(beside)) = (old, beside) {
            swap.let_go(Arc::clone(&old.made), beside).await;
        }
    }
}
