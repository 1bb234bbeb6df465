//! One look: what the file says goes the road of every edit, and then the log and all that documents refer to is looked at.

use std::path::PathBuf;

use jiff::Timestamp;
use midflight_core::{ComponentTime, Digest, Outcome, Pointer, Problems, ReloadEvent, Trigger};
use midflight_engine::{Engine, Refused};
use midflight_source::{ConfigText, FileProblem};

use crate::boot::edit;
use crate::file::{ConfigFile, Content};
use crate::reloader::Subject;
use crate::report::{Attempt, Report, ServedContent};

/// What was seen last, and what is served of the file.
#[derive(Debug, Clone)]
pub(crate) struct Looked {
    pub(crate) attempt: Attempt,
    pub(crate) served: Option<ServedContent>,
}

impl Looked {
    pub(crate) fn is_live(&self) -> bool {
        self.attempt.outcome.is_live()
    }

    /// How the config stands. Without a file the log is what is wanted, and a revision of it that did not hold here counts.
    pub(crate) fn report(self, engine: &Engine, subject: &Subject) -> Report {
        let status = engine.status();
        let configs = subject.live.snapshot();
        let entry = configs.get(&subject.id.name);
        let Self { mut attempt, served } = self;
        if subject.file.is_none() {
            let left_out = status.quarantined.values().find(|it| it.documents.contains(&subject.id));
            if let Some(left_out) = left_out {
                attempt.outcome = Outcome::ValidationFailed;
                attempt.problems = subject.problems(&left_out.problems);
            } else {
                attempt.hash = entry.and_then(|entry| entry.digest());
            }
        }
        let served = match subject.file {
            Some(_) => served,
            None => entry.and_then(|entry| entry.digest()).map(|body| ServedContent { hash: body, body }),
        };
        Report::new(attempt, served, entry, &subject.running, &status)
    }
}

impl Subject {
    /// Problems of the document, without the places in a file.
    fn problems(&self, problems: &Problems) -> Vec<FileProblem> {
        ConfigFile::new(self.id.to_string().into()).placed(problems, None)
    }
}

/// Looks what a config is to be, and brings it about.
pub(crate) struct Looker {
    pub(crate) engine: Engine,
    pub(crate) subject: Subject,
    pub(crate) looked: Looked,
}

/// What came of a part of a look.
struct Came {
    outcome: Outcome,
    problems: Vec<FileProblem>,
    components: Vec<ComponentTime>,
}

impl Looker {
    /// The files on which the config hangs: its own, and those that it refers to.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let own = self.subject.file.as_ref().map(|file| file.path().to_owned());
        let configs = self.subject.live.snapshot();
        let entry = configs.get(&self.subject.id.name);
        let referred = entry.into_iter().flat_map(|entry| entry.files().map(PathBuf::from));
        own.into_iter().chain(referred).collect()
    }

    /// Who asks when a file changed.
    pub(crate) fn watcher(&self) -> String {
        let file = self.subject.file.as_ref();
        file.map_or_else(|| "file".to_owned(), |file| file.owner().as_str().to_owned())
    }

    /// Looks when a file says something else than it did, or again at what was refused when it is time.
    pub(crate) async fn look_if_new(&mut self, by: &str, try_again: bool) -> Option<Looked> {
        let content = self.subject.file.as_ref().map(ConfigFile::read);
        let hash = content.as_ref().and_then(|content| content.as_ref().ok()).map(|content| content.digest);
        let is_new = self.subject.file.is_some() && hash != self.looked.attempt.hash;
        // What was taken back would only be taken back again.
        let is_refused = !self.looked.is_live() && self.looked.attempt.outcome != Outcome::RolledBack;
        let tries_again = is_refused && try_again;
        if !(is_new || tries_again || self.is_stale()) {
            return None;
        }
        Some(self.look_at(content, Trigger::FileWatch, by).await)
    }

    /// Looks whatever was there before.
    pub(crate) async fn look(&mut self, trigger: Trigger, by: &str) -> Looked {
        let content = self.subject.file.as_ref().map(ConfigFile::read);
        self.look_at(content, trigger, by).await
    }

    /// Whether something that the config refers to gives something else than what is served was made of.
    fn is_stale(&self) -> bool {
        let configs = self.subject.live.snapshot();
        configs.get(&self.subject.id.name).is_some_and(|entry| entry.is_stale(&crate::Process))
    }

    async fn look_at(
        &mut self,
        content: Option<Result<Content, Vec<FileProblem>>>,
        trigger: Trigger,
        by: &str,
    ) -> Looked {
        let (at, began) = (Timestamp::now(), std::time::Instant::now());
        let mut hash = None;
        let mut came = match &content {
            None => Came { outcome: Outcome::Unchanged, problems: Vec::new(), components: Vec::new() },
            Some(Err(problems)) => Came::failed(Outcome::LoadFailed, problems),
            Some(Ok(content)) => {
                hash = Some(content.digest);
                match &content.text {
                    Err(problems) => Came::failed(Outcome::LoadFailed, problems),
                    Ok(text) => self.apply(text, trigger, by).await,
                }
            }
        };
        if came.outcome.is_live() {
            came = self.follow(came, trigger, by).await;
        }
        if came.outcome.is_live()
            && let Some(Ok(Content { digest, text: Ok(text) })) = &content
        {
            self.looked.served = Some(ServedContent { hash: *digest, body: Digest::of_body(text.body()) });
        }
        let Came { outcome, problems, components } = came;
        let again = !self.looked.is_live() && self.looked.attempt.hash == hash;
        tell(outcome, &problems, again);
        let (took, by) = (began.elapsed(), by.to_owned());
        self.looked.attempt = Attempt { hash, outcome, trigger, by, at, took, components, problems };
        self.looked.clone()
    }

    /// Makes the document what the file says, by the road of every edit.
    async fn apply(&self, text: &ConfigText, trigger: Trigger, by: &str) -> Came {
        let Some(file) = &self.subject.file else {
            return Came { outcome: Outcome::Unchanged, problems: Vec::new(), components: Vec::new() };
        };
        let edit = edit(&self.subject.id, file, text, trigger, by);
        match self.engine.apply(edit).await {
            Ok(accepted) => {
                let event = accepted.event;
                let outcome = event.as_ref().map_or(Outcome::Unchanged, |event| event.outcome);
                let components = event.map_or_else(Vec::new, |event| event.components.clone());
                Came { outcome, problems: Vec::new(), components }
            }
            Err(Refused { refusal, event, .. }) => {
                let problems = match refusal.problems() {
                    Some(problems) => file.placed(problems, Some(text)),
                    None => vec![whole(file, refusal.to_string())],
                };
                let outcome = event.as_ref().map_or(Outcome::LoadFailed, |event| event.outcome);
                let components = event.map_or_else(Vec::new, |event| event.components.clone());
                Came { outcome, problems, components }
            }
        }
    }

    /// Looks at the log, at what documents refer to, and after components that stayed behind.
    async fn follow(&self, came: Came, trigger: Trigger, by: &str) -> Came {
        let event = match self.engine.reload(trigger, by, false).await {
            Ok(event) => event,
            Err(refusal) => {
                let problems =
                    vec![whole(&ConfigFile::new(self.subject.id.to_string().into()), refusal.to_string())];
                return Came { outcome: Outcome::Cancelled, problems, ..came };
            }
        };
        if !concerns(&event, self.subject.id.kind.as_str()) {
            return came;
        }
        match event.outcome {
            Outcome::Unchanged => came,
            Outcome::Success => {
                let components =
                    came.components.into_iter().chain(event.components.iter().cloned()).collect();
                Came { outcome: Outcome::Success, components, ..came }
            }
            outcome => Came {
                outcome,
                problems: self.subject.problems(&event.problems),
                components: event.components.clone(),
            },
        }
    }
}

impl Came {
    fn failed(outcome: Outcome, problems: &[FileProblem]) -> Self {
        Self { outcome, problems: problems.to_vec(), components: Vec::new() }
    }
}

/// Whether a reload was about configs, or about nothing but components. The log being away is the log's to tell: what is
/// served is served.
fn concerns(event: &ReloadEvent, kind: &str) -> bool {
    let is_about = event.kinds.is_empty() || event.kinds.iter().any(|it| it.as_str() == kind);
    is_about && event.outcome != Outcome::LoadFailed
}

fn whole(file: &ConfigFile, message: String) -> FileProblem {
    let problem = midflight_core::Problem::new("refused", Pointer::root(), message);
    file.placed(&problem.into(), None).remove(0)
}

/// Says what came of it. A refusal that is known is not said again.
fn tell(outcome: Outcome, problems: &[FileProblem], again: bool) {
    if outcome == Outcome::Success {
        tracing::info!("the config was reloaded");
    } else if !outcome.is_live() && !again {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        tracing::error!(%outcome, problems = problems.join("; "), "the config is refused; what was in effect stays");
    }
}
