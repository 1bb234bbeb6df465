//! What is swapped inside of something that stays, as the connections of a store: opened beside what is in use, then
//! exchanged for it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use midflight_core::Problems;
use midflight_engine::Criticality;

use crate::{ComponentFactory, ComponentRole, ManagedComponent, SettingsSource};

/// How many may be beside the one in use. One that was replaced waits for its grace; a change that comes meanwhile does
/// not wait for that.
const BESIDE_MAX: usize = 4;

/// Something that stays, with a part that is opened by settings and can be exchanged for another one. It is in use
/// before the engine starts.
#[async_trait]
pub trait Exchange: Send + Sync + 'static {
    /// What the part is opened by.
    type Settings: Clone + PartialEq + Send + Sync + 'static;
    /// What was opened, or was in use.
    type Opened: Send + 'static;
    /// The component's name, and the key of its settings under the prefix of their [`SettingsSource`].
    const NAME: &'static str;
    /// Its place in the order of commits.
    const ORDER: u32;

    /// Opens it beside what is in use, and proves that it answers. May be dropped at any `.await`.
    ///
    /// # Errors
    /// Why it cannot be used, without secrets.
    async fn open(&self, settings: &Self::Settings) -> Result<Self::Opened, String>;

    /// Puts one into use and answers the other. Infallible and instant.
    fn exchange(&self, opened: Self::Opened) -> Self::Opened;

    /// How long work on what was in use may continue. `settings` are those it was opened by.
    fn grace(&self, settings: &Self::Settings) -> Duration {
        let _ = settings;
        Duration::ZERO
    }
}

/// How an [`Exchange`] is swapped by a [`ManagedComponent`].
#[derive(Debug)]
pub struct ExchangeFactory<E>(E);

impl<E: Exchange> ExchangeFactory<E> {
    /// The component for an engine. `settings` are those that what is in use was opened by.
    ///
    /// A start continues whether or not anything answers: until the component matched its settings once it is only
    /// tried for, and tried again; from then on what is new has to answer.
    #[must_use]
    pub fn component(
        exchange: E,
        place: SettingsSource<E::Settings>,
        settings: E::Settings,
    ) -> ManagedComponent<Self> {
        let role =
            ComponentRole { name: E::NAME.to_owned(), order: E::ORDER, criticality: Criticality::Critical };
        let made = ExchangePart { settings: settings.clone(), opened: Mutex::default() };
        ManagedComponent::in_use(Self(exchange), place, role, settings, made).0.may_come_later()
    }
}

/// One of the parts. What it has opened is here while it is beside the one in use, and nothing while it is in use.
pub struct ExchangePart<E: Exchange> {
    settings: E::Settings,
    opened: Mutex<Option<E::Opened>>,
}

impl<E: Exchange> ExchangePart<E> {
    fn opened(&self) -> MutexGuard<'_, Option<E::Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Exchange> fmt::Debug for ExchangePart<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangePart").field("name", &E::NAME).finish_non_exhaustive()
    }
}

#[async_trait]
impl<E: Exchange> ComponentFactory for ExchangeFactory<E> {
    type Settings = E::Settings;
    type Built = ExchangePart<E>;

    fn build(
        &self,
        settings: &E::Settings,
        _: &SettingsSource<E::Settings>,
    ) -> Result<ExchangePart<E>, Problems> {
        Ok(ExchangePart { settings: settings.clone(), opened: Mutex::default() })
    }

    async fn probe(
        &self,
        made: &Arc<ExchangePart<E>>,
        place: &SettingsSource<E::Settings>,
    ) -> Result<(), Problems> {
        let opened = self.0.open(&made.settings).await;
        let opened = opened.map_err(|why| place.problem("no_answer", E::NAME, why))?;
        *made.opened() = Some(opened);
        Ok(())
    }

    fn publish(&self, from: Option<&ExchangePart<E>>, to: Option<&ExchangePart<E>>) {
        if let Some(opened) = to.and_then(|to| to.opened().take()) {
            let before = self.0.exchange(opened);
            if let Some(from) = from {
                *from.opened() = Some(before);
            }
        }
    }

    fn grace(&self, settings: &E::Settings) -> Duration {
        self.0.grace(settings)
    }

    fn beside_max(&self) -> usize {
        BESIDE_MAX
    }
}
