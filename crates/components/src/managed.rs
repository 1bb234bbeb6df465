//! How every component is swapped: built beside the old one, probed, published, retired.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use midflight_core::{Problem, Problems, RevisionNumber};
use midflight_engine::{Committed, Component, Criticality, Prepared, Section};
use midflight_live::{Live, Publisher, World};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::SettingsSource;

/// How one sort of component is built, probed and retired. [`ManagedComponent`] does the rest: compare, swap, roll
/// back, and see to it that there are never more than two.
///
/// A component of your own is what it is made from, what is made, and these functions:
///
/// ```
/// use midflight_components::{CurrentComponent, ComponentFactory, ManagedComponent, SettingsSource, ComponentRole};
/// use midflight_core::Problems;
/// use midflight_engine::Criticality;
///
/// struct MakeTemplate;
///
/// impl ComponentFactory for MakeTemplate {
///     type Settings = String;
///     type Built = Vec<String>;
///
///     fn build(&self, text: &String, place: &SettingsSource<String>) -> Result<Vec<String>, Problems> {
///         match text.is_empty() {
///             true => Err(place.problem("missing", "text", "there is no text; write one").into()),
///             false => Ok(text.split("{}").map(str::to_owned).collect()),
///         }
///     }
/// }
///
/// /// The handle: it greets by what is in use at that moment.
/// struct Greeter(CurrentComponent<MakeTemplate>);
///
/// impl Greeter {
///     fn greet(&self, name: &str) -> Option<String> {
///         Some(self.0.now()?.join(name))
///     }
/// }
///
/// fn greeter(place: SettingsSource<String>) -> (ManagedComponent<MakeTemplate>, Greeter) {
///     let role = ComponentRole { name: "greeter".to_owned(), order: 100, criticality: Criticality::Critical };
///     let (part, follow) = ManagedComponent::new(MakeTemplate, place, role);
///     (part, Greeter(follow))
/// }
/// ```
///
/// The common mistake is to connect in [`Self::build`]. What it answers may be dropped at once, and it cannot wait:
/// connect in [`Self::probe`], into what `build` has built, so that [`Self::retire`] finds whatever was opened even
/// when proving was cut short.
#[async_trait]
pub trait ComponentFactory: Send + Sync + 'static {
    /// What it is made from.
    type Settings: PartialEq + Clone + Send + Sync + 'static;
    /// What is made, and used through the handle.
    type Built: Send + Sync + 'static;

    /// Makes it without I/O: looks at every setting.
    ///
    /// # Errors
    /// Every setting that cannot be, with its place and its cure.
    fn build(
        &self,
        settings: &Self::Settings,
        place: &SettingsSource<Self::Settings>,
    ) -> Result<Self::Built, Problems>;

    /// Proves that it does what it should, while the old serves on. May be dropped at any `.await`.
    ///
    /// # Errors
    /// What is invalid.
    async fn probe(
        &self,
        made: &Arc<Self::Built>,
        place: &SettingsSource<Self::Settings>,
    ) -> Result<(), Problems> {
        let _ = (made, place);
        Ok(())
    }

    /// Does what is to be done besides the swap of the pointer when `to` takes the place of `from`. Infallible and
    /// instant.
    fn publish(&self, from: Option<&Self::Built>, to: Option<&Self::Built>) {
        let _ = (from, to);
    }

    /// How long work on what was in use may continue before it is retired. `settings` are those it was made from.
    fn grace(&self, settings: &Self::Settings) -> Duration {
        let _ = settings;
        Duration::ZERO
    }

    /// How many there may be beside the one in use: prepared, or on their way out. One unless those that end by
    /// themselves cost little.
    fn beside_max(&self) -> usize {
        1
    }

    /// Releases what is not, or no longer, in use. It must end: until then no other one can be prepared.
    async fn retire(&self, left: Arc<Self::Built>, in_use: Option<Arc<Self::Built>>) {
        let _ = (left, in_use);
    }
}

/// What an engine has to know of a component apart from what it does.
#[derive(Debug, Clone)]
pub struct ComponentRole {
    /// Unique within its engine.
    pub name: String,
    /// Its place in the order of commits, lowest first.
    pub order: u32,
    /// The outcome of a reload when it cannot prepare.
    pub criticality: Criticality,
}

/// A component for an engine: give it to `EngineBuilder::component`. The handle that was made with it follows its
/// swaps.
///
/// Cost of a reload that does not change its settings: reading and comparing them. Of one that does: that of making the
/// new one, beside the old.
pub struct ManagedComponent<M: ComponentFactory> {
    role: ComponentRole,
    exclusive: Vec<String>,
    place: SettingsSource<M::Settings>,
    swap: Arc<SwapState<M>>,
    /// Whether a start continues without it.
    may_come_later: bool,
    /// Whether it matched its settings, once.
    was_in_step: AtomicBool,
}

impl<M: ComponentFactory> ManagedComponent<M> {
    /// A part that is not configured yet, and what follows it.
    #[must_use]
    pub fn new(
        factory: M,
        place: SettingsSource<M::Settings>,
        role: ComponentRole,
    ) -> (Self, CurrentComponent<M>) {
        Self::serving(factory, place, role, None)
    }

    /// A part that is in use before the engine starts, made from `settings`, and what follows it.
    #[must_use]
    pub fn in_use(
        factory: M,
        place: SettingsSource<M::Settings>,
        role: ComponentRole,
        settings: M::Settings,
        made: M::Built,
    ) -> (Self, CurrentComponent<M>) {
        let served = Arc::new(BuiltComponent { settings, made: Arc::new(made) });
        Self::serving(factory, place, role, Some(served))
    }

    fn serving(
        factory: M,
        place: SettingsSource<M::Settings>,
        role: ComponentRole,
        served: Option<Arc<BuiltComponent<M>>>,
    ) -> (Self, CurrentComponent<M>) {
        let (publisher, live) = Live::new(ServedComponent(served));
        let beside = Arc::new(Semaphore::new(factory.beside_max()));
        let follow = CurrentComponent { live: live.clone() };
        let (exclusive, swap) = (Vec::new(), Arc::new(SwapState { factory, publisher, live, beside }));
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

    /// The outcome of a reload when it cannot prepare.
    #[must_use]
    pub fn criticality(mut self, criticality: Criticality) -> Self {
        self.role.criticality = criticality;
        self
    }

    /// Lets a start continue without it: until it matched its settings once, it is [`Criticality::BestEffort`], and is
    /// tried again. Afterwards it has its own criticality, so an edit that it cannot prepare for is refused.
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

impl<M: ComponentFactory> fmt::Debug for ManagedComponent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("role", &self.role).field("place", &self.place).finish_non_exhaustive()
    }
}

/// Follows what a [`ManagedComponent`] has in use. Handles are made of it.
pub struct CurrentComponent<M: ComponentFactory> {
    live: Live<ServedComponent<M>>,
}

impl<M: ComponentFactory> CurrentComponent<M> {
    /// What is in use now, for one piece of work; none when it is not configured. Cost: one load and two reference
    /// counts.
    #[must_use]
    pub fn now(&self) -> Option<Arc<M::Built>> {
        self.live.load().made()
    }

    /// Whether `made` is what is in use now.
    #[must_use]
    pub fn is_now(&self, made: &Arc<M::Built>) -> bool {
        self.now().is_some_and(|now| Arc::ptr_eq(&now, made))
    }
}

impl<M: ComponentFactory> Clone for CurrentComponent<M> {
    fn clone(&self) -> Self {
        Self { live: self.live.clone() }
    }
}

impl<M: ComponentFactory> fmt::Debug for CurrentComponent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").finish_non_exhaustive()
    }
}

/// What was made, with what it was made from.
struct BuiltComponent<M: ComponentFactory> {
    settings: M::Settings,
    made: Arc<M::Built>,
}

struct ServedComponent<M: ComponentFactory>(Option<Arc<BuiltComponent<M>>>);

impl<M: ComponentFactory> ServedComponent<M> {
    fn made(&self) -> Option<Arc<M::Built>> {
        self.0.as_ref().map(|held| Arc::clone(&held.made))
    }
}

struct SwapState<M: ComponentFactory> {
    factory: M,
    publisher: Publisher<ServedComponent<M>>,
    live: Live<ServedComponent<M>>,
    /// The places beside what is in use. Who has one keeps its permit until it is completely released.
    beside: Arc<Semaphore>,
}

impl<M: ComponentFactory> SwapState<M> {
    fn publish(&self, revision: RevisionNumber, to: Option<Arc<BuiltComponent<M>>>) {
        let from = self.live.load().made();
        self.factory.publish(from.as_deref(), to.as_ref().map(|held| &*held.made));
        self.publisher.publish(revision, ServedComponent(to));
    }

    async fn retire(&self, left: Arc<M::Built>, beside: OwnedSemaphorePermit) {
        let in_use = self.live.load().made();
        self.factory.retire(left, in_use).await;
        drop(beside);
    }

    /// Releases it in the background. Outside a runtime nothing can be waited for: then it is dropped.
    fn leave(self: &Arc<Self>, left: Arc<BuiltComponent<M>>, beside: OwnedSemaphorePermit) {
        if let Ok(runtime) = Handle::try_current() {
            let swap = Arc::clone(self);
            runtime.spawn(async move { swap.retire(Arc::clone(&left.made), beside).await });
        }
    }
}

#[async_trait]
impl<M: ComponentFactory> Component for ManagedComponent<M> {
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
                let made = self.swap.factory.build(&settings, &self.place)?;
                Some(Arc::new(BuiltComponent { settings, made: Arc::new(made) }))
            }
            None => None,
        };
        let beside = Arc::clone(&self.swap.beside).acquire_owned().await.map_err(|_| self.ended())?;
        let (swap, revision) = (Arc::clone(&self.swap), new.revision());
        let ready = PreparedComponent { swap, revision, held, beside: Some(beside) };
        if let Some(held) = &ready.held {
            self.swap.factory.probe(&held.made, &self.place).await?;
        }
        self.was_in_step.store(true, Ordering::Relaxed);
        Ok(Some(Box::new(ready)))
    }
}

impl<M: ComponentFactory> ManagedComponent<M> {
    fn ended(&self) -> Problems {
        let message = format!("{} has ended", self.role.name);
        Problem::new("ended", self.place.prefix().clone(), message).into()
    }
}

/// Made, and in the place beside what is in use.
struct PreparedComponent<M: ComponentFactory> {
    swap: Arc<SwapState<M>>,
    revision: RevisionNumber,
    held: Option<Arc<BuiltComponent<M>>>,
    /// None once it is committed.
    beside: Option<OwnedSemaphorePermit>,
}

impl<M: ComponentFactory> Prepared for PreparedComponent<M> {
    fn commit(mut self: Box<Self>) -> Box<dyn Committed> {
        let swap = Arc::clone(&self.swap);
        let before = swap.live.snapshot();
        let (new, beside) = (self.held.take(), self.beside.take());
        swap.publish(self.revision, new.clone());
        Box::new(CommittedComponent { old: before.0.clone(), before: before.revision(), new, beside, swap })
    }
}

impl<M: ComponentFactory> Drop for PreparedComponent<M> {
    fn drop(&mut self) {
        if let (Some(held), Some(beside)) = (self.held.take(), self.beside.take()) {
            self.swap.leave(held, beside);
        }
    }
}

/// In use, with the old in the place beside it.
struct CommittedComponent<M: ComponentFactory> {
    swap: Arc<SwapState<M>>,
    old: Option<Arc<BuiltComponent<M>>>,
    before: RevisionNumber,
    new: Option<Arc<BuiltComponent<M>>>,
    beside: Option<OwnedSemaphorePermit>,
}

#[async_trait]
impl<M: ComponentFactory> Committed for CommittedComponent<M> {
    fn grace(&self) -> Duration {
        self.old.as_ref().map_or(Duration::ZERO, |old| self.swap.factory.grace(&old.settings))
    }

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
            swap.retire(Arc::clone(&old.made), beside).await;
        }
    }
}
