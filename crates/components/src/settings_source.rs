//! Where a component finds its settings.

use std::fmt;
use std::sync::Arc;

use midflight_core::{DocumentId, JsonPointer, Problem};
use midflight_engine::Section;
use midflight_live::World;

/// Gets at settings in a world.
type ReadSettings<S> = Arc<dyn Fn(&World) -> Option<S> + Send + Sync>;

/// Where a component finds its settings `S`: which documents concern it, where in them the settings are, and how to get
/// them out of a world. None means that it is not configured.
pub struct SettingsSource<S> {
    sections: Vec<Section>,
    document: Option<DocumentId>,
    prefix: JsonPointer,
    read: ReadSettings<S>,
}

impl<S> SettingsSource<S> {
    /// Settings that lie at `prefix` of any document of these sections. Problems name the place in the document and not
    /// the document.
    ///
    /// `read` is called in every reload that concerns the component; it should do no more than clone.
    pub fn new(
        sections: Vec<Section>,
        prefix: JsonPointer,
        read: impl Fn(&World) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        Self { sections, document: None, prefix, read: Arc::new(read) }
    }

    /// Settings that lie at `prefix` of one document, which problems then name.
    pub fn in_document(
        document: DocumentId,
        prefix: JsonPointer,
        read: impl Fn(&World) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        let section = Section { kind: document.kind.clone(), name: Some(document.name.clone()) };
        Self { document: Some(document), ..Self::new(vec![section], prefix, read) }
    }

    /// Only the name of a place, a JSON JsonPointer, for a program that checks settings when it validates them.
    #[must_use]
    pub fn named(prefix: &str) -> Self {
        Self::new(Vec::new(), JsonPointer::parse(prefix), |_| None)
    }

    /// The documents that concern the component.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Where the settings lie in their document.
    #[must_use]
    pub fn prefix(&self) -> &JsonPointer {
        &self.prefix
    }

    /// The settings in a world.
    #[must_use]
    pub fn read(&self, world: &World) -> Option<S> {
        (self.read)(world)
    }

    /// The same place, read in another way.
    #[cfg(feature = "log")]
    pub(crate) fn reading(self, read: impl Fn(&World) -> Option<S> + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), ..self }
    }

    /// The place of the settings that lie at `key` of these.
    #[cfg(feature = "llm")]
    pub(crate) fn under(&self, key: &str) -> Self {
        Self { prefix: self.prefix.key(key), ..self.clone() }
    }

    /// A problem with one setting. No secret may be in the message.
    #[must_use]
    pub fn problem(&self, code: &'static str, setting: &str, message: impl Into<String>) -> Problem {
        let problem = Problem::new(code, self.prefix.key(setting), message);
        match &self.document {
            Some(document) => problem.in_document(document),
            None => problem,
        }
    }
}

impl<S> Clone for SettingsSource<S> {
    fn clone(&self) -> Self {
        Self {
            sections: self.sections.clone(),
            document: self.document.clone(),
            prefix: self.prefix.clone(),
            read: Arc::clone(&self.read),
        }
    }
}

impl<S> fmt::Debug for SettingsSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("sections", &self.sections)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
