//! What the log did to a config that no file says: the report is about the reload that changed it last.

use std::sync::{Arc, Mutex, PoisonError};

use midflight_config::Configs;
use midflight_core::{Digest, DocumentId, Outcome};
use midflight_engine::{Engine, ReloadReport};
use midflight_live::Live;

use crate::report::Attempt;

/// The last reload of an engine that changed a config.
#[derive(Debug)]
pub(crate) struct Followed {
    id: DocumentId,
    live: Live<Configs>,
    last: Mutex<Last>,
}

#[derive(Debug)]
struct Last {
    digest: Option<Digest>,
    attempt: Option<Attempt>,
}

impl Followed {
    /// Follows the reloads of an engine from now on.
    pub(crate) fn start(engine: &Engine, id: DocumentId, live: Live<Configs>) -> Arc<Self> {
        let last = Mutex::new(Last { digest: None, attempt: None });
        let followed = Arc::new(Self { id, live, last });
        followed.last().digest = followed.digest();
        let observer = Arc::clone(&followed);
        engine.history().observe(move |report| observer.note(report));
        followed
    }

    /// The reload that changed it last; none since the start.
    pub(crate) fn attempt(&self) -> Option<Attempt> {
        self.last().attempt.clone()
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn digest(&self) -> Option<Digest> {
        self.live.load().get(&self.id.name)?.digest()
    }

    /// The report of a reload comes before the next one begins, so that what is served now is what it made.
    fn note(&self, report: &ReloadReport) {
        let event = &report.event;
        let Some(trigger) = event.trigger.known().filter(|_| event.kinds.contains(&self.id.kind)) else {
            return;
        };
        let (digest, mut last) = (self.digest(), self.last());
        if !event.outcome.is_live() || last.digest == digest {
            return;
        }
        last.digest = digest;
        last.attempt = Some(Attempt {
            hash: digest,
            outcome: Outcome::Success,
            trigger,
            by: event.triggered_by.clone(),
            at: event.started_at,
            took: event.took,
            components: event.components.clone(),
            problems: Vec::new(),
        });
    }
}
