//! One look: what the file says goes the road of every edit, and then the log and all that documents refer to is looked at.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{ComponentTime, Digest, Outcome, ReloadEvent, Trigger};
use midflight_engine::{Engine, Refused, Scope};
use midflight_source::{ConfigText, FileProblem};

use crate::file::{Content, whole};
use crate::report::{Attempt, Looked, ServedContent};
use crate::subject::Subject;

/// How long reading a file may take.
const READ_MAX: Duration = Duration::from_secs(10);

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
        let entry = self.subject.entry();
        let referred = entry.iter().flat_map(|entry| entry.files().map(PathBuf::from));
        own.into_iter().chain(referred).collect()
    }

    /// Who asks when a file changed.
    pub(crate) fn watcher(&self) -> String {
        let file = self.subject.file.as_ref();
        file.map_or_else(|| "file".to_owned(), |file| file.owner().as_str().to_owned())
    }

    /// Looks when a file says something else than it did, or again at what was refused when it is time.
    pub(crate) async fn look_if_new(&mut self, by: &str, try_again: bool) -> Option<Looked> {
        let content = self.read().await;
        let hash = content.as_ref().and_then(|content| content.as_ref().ok()).map(|content| content.digest);
        let is_new = self.subject.file.is_some() && hash != self.looked.attempt.hash;
        // What was taken back would only be taken back again.
        let is_due = match self.looked.attempt.outcome {
            Outcome::RolledBack => false,
            outcome if outcome.is_live() => self.is_stale().await,
            _ => try_again,
        };
        if !(is_new || is_due) {
            return None;
        }
        Some(self.look_at(content, Trigger::FileWatch, by).await)
    }

    /// Looks whatever was there before.
    pub(crate) async fn look(&mut self, trigger: Trigger, by: &str) -> Looked {
        let content = self.read().await;
        self.look_at(content, trigger, by).await
    }

    /// What the file says, if there is one. A file system that does not answer holds up nobody else.
    async fn read(&self) -> Option<Result<Content, Vec<FileProblem>>> {
        let file = self.subject.file.clone()?;
        let late = vec![file.problem(format!("cannot be read within {} ms", READ_MAX.as_millis()))];
        Some(aside(move || file.read()).await.unwrap_or(Err(late)))
    }

    /// Whether something that the config refers to gives something else than what is served was made of.
    async fn is_stale(&self) -> bool {
        let Some(entry) = self.subject.entry() else { return false };
        let around = self.subject.around.clone();
        aside(move || entry.is_stale(&around)).await.unwrap_or(false)
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
            let body = Digest::of_body(text.body());
            self.subject.file.iter().for_each(|file| file.in_effect(body));
            self.looked.served = Some(ServedContent { hash: *digest, body });
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
        let edit = file.edit(&self.subject.id, text, trigger, by);
        match self.engine.apply(edit).await {
            Ok(accepted) => {
                let event = accepted.event;
                let outcome = event.as_deref().map_or(Outcome::Unchanged, ended);
                let components = event.map_or_else(Vec::new, |event| event.components.clone());
                Came { outcome, problems: Vec::new(), components }
            }
            Err(Refused { refusal, event, .. }) => {
                let problems = match refusal.problems() {
                    Some(problems) => file.placed(problems, Some(text)),
                    None => vec![file.problem(refusal.to_string())],
                };
                let outcome = event.as_deref().map_or(Outcome::LoadFailed, ended);
                let components = event.map_or_else(Vec::new, |event| event.components.clone());
                Came { outcome, problems, components }
            }
        }
    }

    /// Looks at the log, at what documents refer to, and after components that stayed behind.
    async fn follow(&self, came: Came, trigger: Trigger, by: &str) -> Came {
        let event = match self.engine.reload(trigger, by, Scope::New).await {
            Ok(event) => event,
            Err(refusal) => {
                let problems = vec![whole(&self.subject.id.to_string().into(), refusal.to_string())];
                return Came { outcome: Outcome::Cancelled, problems, ..came };
            }
        };
        if !concerns(&event, self.subject.id.kind.as_str()) {
            return came;
        }
        match ended(&event) {
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

/// Does what may have to wait for a file system where nothing else waits for it; none when it takes too long.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let done = tokio::task::spawn_blocking(work);
    tokio::time::timeout(READ_MAX, done).await.ok()?.ok()
}

impl Came {
    fn failed(outcome: Outcome, problems: &[FileProblem]) -> Self {
        Self { outcome, problems: problems.to_vec(), components: Vec::new() }
    }
}

/// How a reload of this process ended. Its engine knows no other words than these.
fn ended(event: &ReloadEvent) -> Outcome {
    event.outcome.known().unwrap_or(Outcome::Stuck)
}

/// Whether a reload was about configs, or about nothing but components. The log being away is the log's to tell: what is
/// served is served.
fn concerns(event: &ReloadEvent, kind: &str) -> bool {
    let is_about = event.kinds.is_empty() || event.kinds.iter().any(|it| it.as_str() == kind);
    is_about && event.outcome != Outcome::LoadFailed
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
