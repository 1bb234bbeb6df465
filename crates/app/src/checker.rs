//! One check is one reload: of the contents of the file, of the log, and of all that documents refer to.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{ComponentTime, Digest, Outcome, ReloadEvent, Trigger};
use midflight_engine::{AppliedExtent, EditMode, Engine, Refused, ReloadScope};
use midflight_source::{ConfigText, FileProblem};

use crate::file::{ConfigFile, FileContent, whole};
use crate::report::{CheckAttempt, CheckState, ServedContent};
use crate::watched_config::WatchedConfig;

/// How long reading a file may take.
const READ_MAX: Duration = Duration::from_secs(10);

/// Looks what a config is to be, and brings it about.
pub(crate) struct Checker {
    pub(crate) engine: Engine,
    pub(crate) subject: WatchedConfig,
    pub(crate) looked: CheckState,
}

/// The result of a check.
struct CheckResult {
    outcome: Outcome,
    problems: Vec<FileProblem>,
    components: Vec<ComponentTime>,
}

impl Checker {
    /// The files on which the config depends: its own, and those that it refers to.
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

    /// Checks when the contents of a file changed, or again what was refused when it is time.
    pub(crate) async fn look_if_new(&mut self, by: &str, try_again: bool) -> Option<CheckState> {
        let content = self.read().await;
        let hash = content.as_ref().and_then(|content| content.as_ref().ok()).map(|content| content.digest);
        let is_new = self.subject.file.is_some() && hash != self.looked.attempt.hash;
        // What was rolled back would only be rolled back again.
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
    pub(crate) async fn look(&mut self, trigger: Trigger, by: &str) -> CheckState {
        let content = self.read().await;
        self.look_at(content, trigger, by).await
    }

    /// The contents of the file, if there is one. A file system that does not respond delays no other caller.
    async fn read(&self) -> Option<Result<FileContent, Vec<FileProblem>>> {
        let file = self.subject.file.clone()?;
        let late = vec![file.problem(format!("cannot be read within {} ms", READ_MAX.as_millis()))];
        Some(aside(move || file.read()).await.unwrap_or(Err(late)))
    }

    /// Whether something that the config refers to gives something else than what is served was made of.
    async fn is_stale(&self) -> bool {
        let Some(entry) = self.subject.entry() else { return false };
        let process = self.subject.process.clone();
        aside(move || entry.is_stale(&process)).await.unwrap_or(false)
    }

    async fn look_at(
        &mut self,
        content: Option<Result<FileContent, Vec<FileProblem>>>,
        trigger: Trigger,
        by: &str,
    ) -> CheckState {
        let (at, began) = (Timestamp::now(), std::time::Instant::now());
        let mut hash = None;
        let came = match &content {
            None => self.follow(trigger, by).await,
            Some(Err(problems)) => CheckResult::failed(Outcome::LoadFailed, problems),
            Some(Ok(content)) => {
                hash = Some(content.digest);
                match (&content.text, &self.subject.file) {
                    (Err(problems), _) => CheckResult::failed(Outcome::LoadFailed, problems),
                    (Ok(text), Some(file)) => self.apply(file, text, trigger, by).await,
                    (Ok(_), None) => self.follow(trigger, by).await,
                }
            }
        };
        if came.outcome.is_live()
            && let Some(Ok(FileContent { digest, text: Ok(text) })) = &content
        {
            let body = Digest::of_body(text.body());
            self.subject.file.iter().for_each(|file| file.in_effect(body));
            self.looked.served = Some(ServedContent { hash: *digest, body });
        }
        let CheckResult { outcome, problems, components } = came;
        let again = !self.looked.is_live() && self.looked.attempt.hash == hash;
        tell(outcome, &problems, again);
        let (took, by) = (began.elapsed(), by.to_owned());
        self.looked.attempt = CheckAttempt { hash, outcome, trigger, by, at, took, components, problems };
        self.looked.clone()
    }

    /// Sets the document to the contents of the file, and in the same reload checks all that documents refer to and the
    /// components that stayed behind.
    async fn apply(&self, file: &ConfigFile, text: &ConfigText, trigger: Trigger, by: &str) -> CheckResult {
        let edit = file.edit(&self.subject.id, text, trigger, by);
        let mode = EditMode { extent: AppliedExtent::Look, ..EditMode::default() };
        match self.engine.apply_with(edit, mode).await {
            Ok(accepted) => CheckResult::of(accepted.event.as_deref(), Outcome::Unchanged, Vec::new()),
            Err(Refused { refusal, event, .. }) => {
                let problems = match refusal.problems() {
                    Some(problems) => file.placed(problems, Some(text)),
                    None => vec![file.problem(refusal.to_string())],
                };
                CheckResult::of(event.as_deref(), Outcome::LoadFailed, problems)
            }
        }
    }

    /// Without a file, looks at the log, at what documents refer to, and after components that stayed behind.
    async fn follow(&self, trigger: Trigger, by: &str) -> CheckResult {
        match self.engine.reload(trigger, by, ReloadScope::New).await {
            Ok(event) if concerns(&event, self.subject.id.kind.as_str()) => {
                let problems = match event.outcome.known() {
                    Some(outcome) if outcome.is_live() => Vec::new(),
                    _ => self.subject.problems(&event.problems),
                };
                CheckResult::of(Some(&event), Outcome::Unchanged, problems)
            }
            Ok(_) => CheckResult::of(None, Outcome::Unchanged, Vec::new()),
            Err(refusal) => {
                let problems = vec![whole(&self.subject.id.to_string().into(), refusal.to_string())];
                CheckResult { outcome: Outcome::Cancelled, problems, components: Vec::new() }
            }
        }
    }
}

/// Does what may have to wait for a file system where nothing else waits for it; none when it takes too long.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let done = tokio::task::spawn_blocking(work);
    tokio::time::timeout(READ_MAX, done).await.ok()?.ok()
}

impl CheckResult {
    /// The result of a reload; without its event, this outcome.
    fn of(event: Option<&ReloadEvent>, without: Outcome, problems: Vec<FileProblem>) -> Self {
        let outcome = event.map_or(without, ended);
        let components = event.map_or_else(Vec::new, |event| event.components.clone());
        Self { outcome, problems, components }
    }

    fn failed(outcome: Outcome, problems: &[FileProblem]) -> Self {
        Self { outcome, problems: problems.to_vec(), components: Vec::new() }
    }
}

/// How a reload of this process ended. Its engine knows no other words than these.
fn ended(event: &ReloadEvent) -> Outcome {
    event.outcome.known().unwrap_or(Outcome::Stuck)
}

/// Whether a reload was about configs, or about nothing but components. That the log is unavailable is reported by the
/// log: the current revision stays in service.
fn concerns(event: &ReloadEvent, kind: &str) -> bool {
    let is_about = event.kinds.is_empty() || event.kinds.iter().any(|it| it.as_str() == kind);
    is_about && event.outcome != Outcome::LoadFailed
}

/// Reports the result. A known refusal is not reported again.
fn tell(outcome: Outcome, problems: &[FileProblem], again: bool) {
    if outcome == Outcome::Success {
        tracing::info!("config reloaded");
    } else if !outcome.is_live() && !again {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        tracing::error!(%outcome, problems = problems.join("; "), "config rejected; keeping the previous \
                                                                   config");
    }
}
