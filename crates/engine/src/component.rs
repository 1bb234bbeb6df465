//! What a component is: something with effects that takes part in a reload by building its replacement beside itself.

use std::time::Duration;

use async_trait::async_trait;
use midflight_core::{DocumentName, KindName, Problems};
use midflight_live::World;

/// Which documents concern a component: those of a kind whose name is `name` or below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The kind.
    pub kind: KindName,
    /// A document's name or the first segments of one; none for every document of the kind.
    pub name: Option<DocumentName>,
}

impl Section {
    pub(crate) fn holds(&self, kind: &KindName, name: &DocumentName) -> bool {
        let under = |section: &DocumentName| match name.as_str().strip_prefix(section.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        self.kind == *kind && self.name.as_ref().is_none_or(under)
    }
}

/// The outcome of a reload when a component cannot prepare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Criticality {
    /// The reload is rejected.
    #[default]
    Critical,
    /// The component keeps its old value, or none at the start, and is reported; the reload continues. It is tried
    /// again soon, ever less often.
    BestEffort,
}

/// Something with effects: a pool, a client, a logger, a listener.
///
/// A component never changes what is in use. It builds the replacement beside it and proves that it works, while the
/// old serves on; then the engine publishes all replacements at once and lets the old ones go. The types keep the
/// order: only a [`Prepared`] can be committed, and only a [`Committed`] retired or rolled back.
///
/// The common mistake is to do work in [`Prepared::commit`]: it is past the point of no return, so an error can no
/// longer be reported. Connect, ping and allocate in [`Component::prepare`].
#[async_trait]
pub trait Component: Send + Sync + 'static {
    /// A name, unique within its engine.
    fn name(&self) -> &str;

    /// Which documents concern it. It takes part in a reload when one of them changes, in the first one, and as long as
    /// it is behind in every look at the log that was asked for.
    fn sections(&self) -> Vec<Section>;

    /// The outcome of a reload when it cannot prepare.
    fn criticality(&self) -> Criticality {
        Criticality::Critical
    }

    /// Its place in the order of commits, lowest first; rollback goes the other way.
    fn order(&self) -> u32 {
        100
    }

    /// What it cannot share while it prepares, as a port. Components that name the same thing prepare one after the
    /// other, in order; all others prepare at the same time.
    fn exclusive(&self) -> Vec<String> {
        Vec::new()
    }

    /// Builds and verifies the replacement beside the old. It may fail freely, and it may be dropped at any `.await`
    /// when its deadline passes: whatever was half built must be released by its own `Drop`.
    ///
    /// None when nothing that concerns it is different from what it has in use. It compares with that rather than with
    /// `old`: it may have stayed behind an earlier reload ([`Criticality::BestEffort`]), and `old` is empty at the
    /// start.
    ///
    /// # Errors
    /// What is invalid; the old stays in use.
    async fn prepare(&self, old: &World, new: &World) -> Result<Option<Box<dyn Prepared>>, Problems>;
}

/// A replacement that is ready. Dropping it releases it, and the old stays in use.
#[async_trait]
pub trait Prepared: Send + Sync {
    /// Stops the old for the time of the swap, when the replacement takes over something that the old still changes, as
    /// the state of a module. It is called once every component is prepared and before an edit is appended to the log,
    /// one component after the other in the order of commits, so that nothing that is stopped waits for a pool to
    /// connect. By default nothing is stopped.
    ///
    /// What is stopped continues when this is dropped, whatever the reason: a component that does not pause, an edit
    /// that the log does not take, a reload that is cancelled. It may be dropped at any `.await` when its deadline
    /// passes.
    ///
    /// The common mistake is to begin something slow here. Connect, compile and verify in [`Component::prepare`]; this
    /// is what others wait for.
    ///
    /// # Errors
    /// What is invalid; everything that was paused before continues, and the old stays in use.
    async fn pause(&mut self) -> Result<(), Problems> {
        Ok(())
    }

    /// Publishes the replacement. Infallible and instant: no I/O, no waiting.
    fn commit(self: Box<Self>) -> Box<dyn Committed>;
}

/// A replacement that is in use, with the old retained. Exactly one of its ends is called.
#[async_trait]
pub trait Committed: Send + Sync {
    /// Checks whether what is in use works.
    ///
    /// # Errors
    /// What is invalid; the retained old is then swapped back.
    async fn verify(&self) -> Result<(), Problems> {
        Ok(())
    }

    /// How long work that began on the old may continue before the old is released.
    fn grace(&self) -> Duration {
        Duration::ZERO
    }

    /// Swaps the retained old back. Infallible and instant: nothing is dialled, built or read again.
    fn rollback(self: Box<Self>);

    /// Releases the old; called when its grace is over.
    async fn retire(self: Box<Self>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_contains_its_document_and_those_below() {
        let kind = KindName::new("config").unwrap();
        let other = KindName::new("rules").unwrap();
        let name = |text| DocumentName::new(text).unwrap();
        let section = Section { kind: kind.clone(), name: Some(name("db")) };
        assert!(section.holds(&kind, &name("db")));
        assert!(section.holds(&kind, &name("db/pool")));
        assert!(!section.holds(&kind, &name("dbx")));
        assert!(!section.holds(&other, &name("db")));
        assert!(Section { kind: kind.clone(), name: None }.holds(&kind, &name("anything")));
    }
}
