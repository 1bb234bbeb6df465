//! Who a request is of, and what of the catalogue is shown to them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use midflight_core::RevisionNumber;

/// What of the catalogue a list shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Expose {
    /// Every tool that is offered.
    #[default]
    All,
    /// The tools of the server and the four meta-tools, by which the others are found and called. For large catalogues:
    /// a model chooses worse past 30 to 50 tools.
    Search,
    /// As [`Expose::Search`], and these tools of the catalogue, by id or by the name that agents know. One that is not
    /// offered is left out.
    PinnedAndSearch(Arc<[Arc<str>]>),
}

/// Who a request is of. The server puts it into the extensions of the HTTP request, from the token that it has
/// verified; a request without one is of [`McpCaller::anonymous`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct McpCaller {
    /// Distinguishes callers: bounds are for each name, and what is sealed for one name is refused from another.
    pub name: Arc<str>,
    /// What a list shows.
    pub expose: Expose,
    /// The revision whose catalogue the caller works with, whatever is served; by default the served one.
    pub at: Option<RevisionNumber>,
    /// What the caller is permitted, for the policies of patterns.
    pub permissions: Arc<[Arc<str>]>,
    /// Whether every caller of the server gets the same list, so that a shared cache may keep it. Use it only for a
    /// server where no caller has another [`McpCaller::expose`] or [`McpCaller::at`]. False by default.
    pub is_list_public: bool,
    /// What the server itself wants to know of the caller when one of its tools is called.
    pub context: CallerContext,
}

/// What a server wants to know of a caller. Callers are compared without it.
#[derive(Clone, Default)]
pub struct CallerContext(Option<Arc<dyn Any + Send + Sync>>);

impl CallerContext {
    /// This value.
    #[must_use]
    pub fn of<T: Any + Send + Sync>(value: T) -> Self {
        Self(Some(Arc::new(value)))
    }

    /// The value, if it is of this type.
    #[must_use]
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.as_deref()?.downcast_ref()
    }
}

impl PartialEq for CallerContext {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CallerContext {}

impl fmt::Debug for CallerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerContext").field("is_given", &self.0.is_some()).finish()
    }
}

impl McpCaller {
    /// A caller of this name who sees the whole served catalogue and is permitted nothing in particular.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            expose: Expose::All,
            at: None,
            permissions: Arc::from([]),
            is_list_public: false,
            context: CallerContext::default(),
        }
    }

    /// A caller of whom nothing is known.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new("anonymous")
    }

    /// The same caller with another part of the catalogue shown.
    #[must_use]
    pub fn exposing(mut self, expose: Expose) -> Self {
        self.expose = expose;
        self
    }

    /// The same caller, who works with the catalogue of one revision.
    #[must_use]
    pub fn pinned_at(mut self, revision: RevisionNumber) -> Self {
        self.at = Some(revision);
        self
    }

    /// The same caller with permissions.
    #[must_use]
    pub fn permitted(mut self, permissions: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.permissions = permissions.into_iter().map(Into::into).collect();
        self
    }

    /// The same caller with what the server wants to know of it.
    #[must_use]
    pub fn with_context(mut self, context: CallerContext) -> Self {
        self.context = context;
        self
    }

    /// The same caller, of a server where every caller gets the same list.
    #[must_use]
    pub fn with_public_list(mut self) -> Self {
        self.is_list_public = true;
        self
    }

    /// Whether a shared cache may keep the list of this caller.
    pub(crate) fn may_share_list(&self) -> bool {
        self.is_list_public && self.at.is_none() && self.expose == Expose::All
    }

    /// Whether the four meta-tools are in the list of this caller.
    pub(crate) fn searches(&self) -> bool {
        self.expose != Expose::All
    }
}
