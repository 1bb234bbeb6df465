//! What the log did to a config that is in no file: the report covers the reload that changed it last.

use std::sync::{Arc, Mutex, PoisonError};

use midflight_config::Configs;
use midflight_core::{Digest, DocumentId, RevisionNumber};
use midflight_engine::{Engine, ReloadReport};
use midflight_live::Live;

use crate::report::CheckAttempt;

/// The last reload of an engine that changed a config.
#[derive(Debug)]
pub(crate) struct FollowedReloads {
    id: DocumentId,
    live: Live<Configs>,
    last: Mutex<LastReload>,
}

#[derive(Debug, Default)]
struct LastReload {
    digest: Option<Digest>,
    attempt: Option<CheckAttempt>,
    /// The last revision that changed it and was refused here.
    refused: Option<(RevisionNumber, CheckAttempt)>,
}

impl FollowedReloads {
    /// Follows the reloads of an engine from now on.
    pub(crate) fn start(engine: &Engine, id: DocumentId, live: Live<Configs>) -> Arc<Self> {
        let last = Mutex::default();
        let followed = Arc::new(Self { id, live, last });
        let observer = Arc::clone(&followed);
        engine.history().observe(move |report| observer.note(report));
        // Read under the lock, so that a reload between the two is not credited to the next one.
        let mut last = followed.last();
        last.digest = followed.digest();
        drop(last);
        followed
    }

    /// The reload that changed it last; none since the start.
    pub(crate) fn attempt(&self) -> Option<CheckAttempt> {
        self.last().attempt.clone()
    }

    /// The reload that refused this revision.
    pub(crate) fn refused(&self, revision: RevisionNumber) -> Option<CheckAttempt> {
        self.last().refused.as_ref().filter(|(of, _)| *of == revision).map(|(_, attempt)| attempt.clone())
    }

    fn last(&self) -> std::sync::MutexGuard<'_, LastReload> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn digest(&self) -> Option<Digest> {
        self.live.load().get(&self.id.name)?.digest()
    }

    /// The report of a reload comes before the next one begins, so that what is served now is what it made.
    fn note(&self, report: &ReloadReport) {
        let event = &report.event;
        let (Some(trigger), Some(outcome)) = (event.trigger.known(), event.outcome.known()) else { return };
        let mut last = self.last();
        let digest = self.digest();
        let attempt = || CheckAttempt {
            hash: digest,
            outcome,
            trigger,
            by: event.triggered_by.clone(),
            at: event.started_at,
            took: event.took,
            components: event.components.clone(),
            problems: Vec::new(),
        };
        if !outcome.is_live() {
            let is_about = event.problems.iter().any(|problem| problem.document.as_ref() == Some(&self.id));
            if is_about {
                last.refused = Some((event.to, attempt()));
            }
        } else if last.digest != digest {
            last.digest = digest;
            last.attempt = Some(attempt());
        }
    }
}
