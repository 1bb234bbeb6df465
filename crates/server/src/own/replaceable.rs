//! The server's own components: connections that are opened beside those in use, and exchanged for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use midflight_core::{JsonPointer, Problem, Problems};
use midflight_engine::{Committed, Component, Criticality, Prepared, Section};
use midflight_live::World;

use super::settings::Settings;
use super::view::{OwnConfigView, section};

/// What can be opened by other settings and exchanged for what is in use.
#[async_trait]
pub(crate) trait Replaceable: Send + Sync + 'static {
    /// What it is opened by.
    type Settings: Clone + PartialEq + Send + Sync + 'static;
    /// What was opened, or was in use.
    type Opened: Send + Sync + 'static;
    /// The component's name, and its key in the config.
    const NAME: &'static str;
    /// Its place in the order of commits.
    const ORDER: u32;

    /// Its part of the config. Of what cannot change while the server runs it has what is in use.
    fn wanted(&self, settings: &Settings, in_use: &Self::Settings) -> Self::Settings;

    /// Opens it beside what is in use, and looks that it answers.
    async fn open(&self, settings: &Self::Settings) -> Result<Self::Opened, String>;

    /// Puts one into use and answers the other.
    fn exchange(&self, opened: Self::Opened) -> Self::Opened;

    /// How long work on what was in use may continue.
    fn grace(_: &Self::Settings) -> Duration {
        Duration::ZERO
    }
}

/// The component that something exchangeable is. The server starts whether or not anything answers (HR-9): until the
/// config was in effect once it is only tried for, and tried again at every look; from then on what is new has to
/// answer.
pub(crate) struct ReplaceableComponent<E: Replaceable> {
    exchange: Arc<E>,
    part: OwnConfigView,
    in_use: Arc<Mutex<E::Settings>>,
    was_in_step: AtomicBool,
}

impl<E: Replaceable> ReplaceableComponent<E> {
    pub(crate) fn new(exchange: E, part: OwnConfigView, in_use: E::Settings) -> Self {
        let (in_use, was_in_step) = (Arc::new(Mutex::new(in_use)), AtomicBool::new(false));
        Self { exchange: Arc::new(exchange), part, in_use, was_in_step }
    }
}

#[async_trait]
impl<E: Replaceable> Component for ReplaceableComponent<E> {
    fn name(&self) -> &str {
        E::NAME
    }

    fn sections(&self) -> Vec<Section> {
        vec![section()]
    }

    fn criticality(&self) -> Criticality {
        match self.was_in_step.load(Ordering::Relaxed) {
            true => Criticality::Critical,
            false => Criticality::BestEffort,
        }
    }

    fn order(&self) -> u32 {
        E::ORDER
    }

    async fn prepare(&self, _: &World, new: &World) -> Result<Option<Box<dyn Prepared>>, Problems> {
        let Some(settings) = self.part.of(new) else { return Ok(None) };
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let settings = self.exchange.wanted(&settings, &in_use);
        if settings == in_use {
            self.was_in_step.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        let opened = self.exchange.open(&settings).await;
        let opened =
            opened.map_err(|why| Problem::new("no_answer", JsonPointer::root().key(E::NAME), why))?;
        self.was_in_step.store(true, Ordering::Relaxed);
        let (exchange, in_use) = (Arc::clone(&self.exchange), Arc::clone(&self.in_use));
        Ok(Some(Box::new(PreparedReplacement { exchange, in_use, opened, settings })))
    }
}

/// What is beside what is in use: at first the new, then the old.
struct PreparedReplacement<E: Replaceable> {
    exchange: Arc<E>,
    in_use: Arc<Mutex<E::Settings>>,
    opened: E::Opened,
    settings: E::Settings,
}

impl<E: Replaceable> PreparedReplacement<E> {
    fn swap(self) -> Self {
        let Self { exchange, in_use, opened, settings } = self;
        let opened = exchange.exchange(opened);
        let mut known = in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = std::mem::replace(&mut *known, settings);
        drop(known);
        Self { exchange, in_use, opened, settings }
    }
}

impl<E: Replaceable> Prepared for PreparedReplacement<E> {
    fn commit(self: Box<Self>) -> Box<dyn Committed> {
        Box::new(CommittedReplacement(self.swap()))
    }
}

/// What is in use now, with what was.
struct CommittedReplacement<E: Replaceable>(PreparedReplacement<E>);

#[async_trait]
impl<E: Replaceable> Committed for CommittedReplacement<E> {
    fn grace(&self) -> Duration {
        E::grace(&self.0.settings)
    }

    fn rollback(self: Box<Self>) {
        drop(self.0.swap());
    }

    async fn retire(self: Box<Self>) {}
}
