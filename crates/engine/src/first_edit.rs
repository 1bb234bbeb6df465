//! Edits that a start makes, so that nothing runs on anything else first: a config file, the first documents of a log.
//!
//! The first of them that is due is laid over what the log holds and goes live with it, in the first reload. The others
//! are edits like any other then.

use midflight_core::{Change, Document, Edit, RevisionNumber, Trigger};
use midflight_store::Store;

use crate::coordinator::{Coordinator, ENGINE_AUTHOR};
use crate::load::ReloadTarget;
use crate::outcome::{AcceptedEdit, EditMode, Refusal, Refused};
use crate::reload::ReloadResult;

/// How often the first reload is tried again when other writers are faster.
const FIRST_TRIES_MAX: u32 = 16;

/// An edit that the start of an engine makes when it is due.
#[derive(Debug, Clone)]
pub struct FirstEdit {
    /// What it changes.
    pub edit: Edit,
    /// When it is due.
    pub when: FirstEditWhen,
}

/// When an edit of a start is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstEditWhen {
    /// When the log has no revision.
    LogIsEmpty,
    /// When one of its documents differs in the log, or does not exist.
    Differs,
}

/// The reason of an edit that cannot be made, and why it is refused.
pub(crate) type NotMade = (String, Refused);

/// The result of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstEditState {
    NotDue,
    Due,
    Made(RevisionNumber),
}

/// The edits of a start, and the result of each.
pub(crate) struct FirstEdits(Vec<(FirstEdit, FirstEditState)>);

impl FirstEdits {
    pub(crate) fn new(edits: Vec<FirstEdit>) -> Self {
        Self(edits.into_iter().map(|first| (first, FirstEditState::NotDue)).collect())
    }

    /// The revisions that they became, in the order in which they were given; none of one that was not due.
    pub(crate) fn made(&self) -> Vec<Option<RevisionNumber>> {
        let made = self.0.iter().map(|(_, state)| match state {
            FirstEditState::Made(revision) => Some(*revision),
            FirstEditState::NotDue | FirstEditState::Due => None,
        });
        made.collect()
    }

    /// Looks which are due. An unavailable log has no answer; then none is.
    async fn look(&mut self, store: &dyn Store) {
        for (first, state) in &mut self.0 {
            let ids: Vec<_> = first.edit.changes.iter().map(|change| change.id.clone()).collect();
            match store.heads(&ids).await {
                Ok((head, current)) if first.is_due(head.number, &current) => *state = FirstEditState::Due,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "log unavailable; first edits not applied"),
            }
        }
    }
}

impl FirstEdit {
    /// Whether it is due on a log whose newest revision is `head` and whose documents of the edit are these.
    pub(crate) fn is_due(&self, head: RevisionNumber, current: &[Option<Document>]) -> bool {
        let differs = |(change, current): (&Change, &Option<Document>)| {
            change.body != current.as_ref().and_then(|document| document.body.clone())
        };
        match self.when {
            FirstEditWhen::LogIsEmpty => head == RevisionNumber::ZERO && !self.edit.changes.is_empty(),
            FirstEditWhen::Differs => self.edit.changes.iter().zip(current).any(differs),
        }
    }
}

impl Coordinator {
    /// The first reload: everything in the log, and with it the first of these edits that is due. One that cannot go
    /// live with all that is there stays due.
    ///
    /// # Errors
    /// The edit that is refused on an empty log.
    pub(crate) async fn first_reload(&mut self, edits: &mut FirstEdits) -> Result<ReloadResult, NotMade> {
        edits.look(&*self.core.store).await;
        let first = edits.0.iter_mut().find(|(_, state)| *state == FirstEditState::Due);
        let Some((first, state)) = first else { return Ok(self.everything_at_once().await) };
        for _ in 0..FIRST_TRIES_MAX {
            let ended = self.reload(Trigger::Startup, ENGINE_AUTHOR, ReloadTarget::First(&*first)).await;
            if ended.moved {
                continue;
            }
            if let Some(appended) = &ended.trace.appended {
                *state = FirstEditState::Made(appended.revision.number);
                return Ok(ended);
            }
            if !ended.is_refused() {
                if ended.is_live() {
                    // Another process was faster.
                    *state = FirstEditState::NotDue;
                }
                return Ok(ended);
            }
            if self.state.desired == RevisionNumber::ZERO {
                ended.into_answer().map_err(|refused| (first.edit.reason.clone(), refused))?;
            }
            break;
        }
        Ok(self.everything_at_once().await)
    }

    async fn everything_at_once(&mut self) -> ReloadResult {
        self.reload(Trigger::Startup, ENGINE_AUTHOR, ReloadTarget::Everything).await
    }

    /// Makes the edits that are due still, and reports to other replicas what was made.
    ///
    /// # Errors
    /// The edit that is refused.
    pub(crate) async fn make_first_edits(&mut self, edits: &mut FirstEdits) -> Result<(), NotMade> {
        // Nothing can be made without the log. The contents of the files are tried again when they are checked.
        let is_read =
            !self.state.from_copy && self.state.store_error.is_none() && self.state.diverged.is_none();
        let mut newest = edits.made().into_iter().flatten().max();
        for (first, state) in edits.0.iter_mut().filter(|(_, state)| is_read && *state == FirstEditState::Due)
        {
            let mut edit = first.edit.clone();
            if first.when == FirstEditWhen::LogIsEmpty {
                // By now it may have what this start made, and nothing else.
                edit.computed_at = Some(newest.unwrap_or(RevisionNumber::ZERO));
            }
            match self.edit(&edit, EditMode::default()).await {
                Ok(AcceptedEdit { revision: Some(revision), .. }) => {
                    *state = FirstEditState::Made(revision.number);
                    newest = Some(revision.number);
                }
                Ok(_) | Err(Refused { refusal: Refusal::Stale { .. }, .. }) => {
                    *state = FirstEditState::NotDue;
                }
                Err(Refused { refusal: Refusal::Store(error), .. }) => {
                    tracing::warn!(%error, reason = edit.reason, "log unavailable; edit of the start not \
                                                                  made");
                }
                Err(refused) => return Err((edit.reason, refused)),
            }
        }
        if newest.is_some() {
            self.hint(None, false).await;
        }
        self.show();
        Ok(())
    }
}
