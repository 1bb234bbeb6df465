//! What is served: every config in effect, by name.

use std::sync::Arc;

use midflight_core::DocumentName;

use crate::entry::ConfigEntry;
use crate::schema::Schema;

/// Every config in effect. Immutable; a clone shares what it has.
#[derive(Clone, Default)]
pub struct Configs {
    pub(crate) entries: imbl::OrdMap<DocumentName, Arc<ConfigEntry>>,
    pub(crate) schemas: imbl::OrdMap<DocumentName, Arc<Schema>>,
}

impl Configs {
    /// A config by name.
    #[must_use]
    pub fn get(&self, name: &DocumentName) -> Option<&Arc<ConfigEntry>> {
        self.entries.get(name)
    }

    /// Every config, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&DocumentName, &Arc<ConfigEntry>)> {
        self.entries.iter()
    }

    /// The value of a config as the type that it was declared with; none when there is no such config or it was
    /// declared with another type.
    #[must_use]
    pub fn typed<T: Send + Sync + 'static>(&self, name: &DocumentName) -> Option<Arc<T>> {
        self.get(name)?.typed()
    }
}

impl std::fmt::Debug for Configs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries.keys()).finish()
    }
}
