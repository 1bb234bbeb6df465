//! The handle on a program's config as its own type.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use midflight_config::{ConfigEntry, Configs};
use midflight_core::{DocumentName, RevisionNumber};
use midflight_live::{Changes, Live};

/// A handle on a config that changes while it is used. Cloning it is cheap, and every clone follows the same config.
pub struct LiveConfig<T> {
    live: Live<Configs>,
    name: DocumentName,
    value: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> LiveConfig<T> {
    /// The handle on the config of that name; there is one, of that type.
    pub(crate) fn new(live: Live<Configs>, name: DocumentName) -> Self {
        Self { live, name, value: PhantomData }
    }

    /// The config in effect, whole and of one revision, to keep for one unit of work. Cost: one pointer load, a look-up
    /// among the configs of the process, and a reference count.
    ///
    /// # Panics
    /// Never: a config that was declared is there, of the type it was declared with, from the start on.
    #[must_use]
    pub fn load(&self) -> Arc<T> {
        self.load_with_revision().0
    }

    /// The same with the revision that it is of, for an answer that names what it was computed from.
    ///
    /// # Panics
    /// Never, as [`Self::load`].
    #[must_use]
    pub fn load_with_revision(&self) -> (Arc<T>, RevisionNumber) {
        let configs = self.live.load();
        #[expect(clippy::expect_used, reason = "a revision without it, or of another type, does not go live")]
        let config = configs.typed(&self.name).expect("a declared config is served from the start on");
        (config, configs.revision())
    }

    /// The same with where its values come from.
    #[must_use]
    pub fn entry(&self) -> Option<Arc<ConfigEntry>> {
        self.live.load().get(&self.name).cloned()
    }

    /// The revision that is served.
    #[must_use]
    pub fn revision(&self) -> RevisionNumber {
        self.live.load().revision()
    }

    /// Receives every change from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.live.changes()
    }
}

impl<T> Clone for LiveConfig<T> {
    fn clone(&self) -> Self {
        Self { live: self.live.clone(), name: self.name.clone(), value: PhantomData }
    }
}

impl<T> fmt::Debug for LiveConfig<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveConfig").field("name", &self.name).finish_non_exhaustive()
    }
}
