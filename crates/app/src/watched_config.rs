//! What is reloaded: one config, where it is read from, and what it was when the process started.

use std::sync::Arc;

use midflight_config::{ConfigEntry, Configs};
use midflight_core::{DocumentId, Outcome, Problems};
use midflight_engine::Engine;
use midflight_live::Live;
use midflight_source::FileProblem;

use crate::Process;
use crate::file::{ConfigFile, placed};
use crate::followed::FollowedReloads;
use crate::report::{CheckState, Report, ServedContent};

/// What a config is, where it is read from, and what it was when the process started.
#[derive(Debug, Clone)]
pub(crate) struct WatchedConfig {
    pub(crate) id: DocumentId,
    pub(crate) live: Live<Configs>,
    pub(crate) running: Arc<ConfigEntry>,
    /// What its references are read from.
    pub(crate) process: Process,
    pub(crate) file: Option<ConfigFile>,
    /// What the log does to it without a file.
    pub(crate) followed: Option<Arc<FollowedReloads>>,
}

impl WatchedConfig {
    /// The config as it is served.
    pub(crate) fn entry(&self) -> Option<Arc<ConfigEntry>> {
        self.live.load().get(&self.id.name).cloned()
    }

    /// Problems of the document, without the places in a file.
    pub(crate) fn problems(&self, problems: &Problems) -> Vec<FileProblem> {
        placed(&self.id.to_string().into(), problems, None)
    }

    /// The state of the config. Without a file the log is what is wanted, and a revision of it that did not hold here
    /// counts.
    pub(crate) fn report(&self, looked: CheckState, engine: &Engine) -> Report {
        let (status, entry) = (engine.status(), self.entry());
        let CheckState { mut attempt, mut served } = looked;
        if let Some(followed) = &self.followed {
            if let Some(changed) = followed.attempt().filter(|changed| changed.at > attempt.at) {
                attempt = changed;
            }
            let digest = entry.as_ref().and_then(|entry| entry.digest());
            served = digest.map(|body| ServedContent { hash: body, body });
            let left_out = status.quarantined.iter().find(|(_, it)| it.documents.contains(&self.id));
            if let Some((revision, left_out)) = left_out {
                attempt = followed.refused(*revision).unwrap_or(attempt);
                attempt.outcome = Outcome::ValidationFailed;
                attempt.problems = self.problems(&left_out.problems);
            } else {
                attempt.hash = digest;
            }
        }
        Report::new(attempt, served, entry.as_ref(), &self.running, &status)
    }
}
