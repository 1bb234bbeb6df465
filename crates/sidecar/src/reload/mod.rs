//! Brings the app in step with the files: one attempt at a time, with their latest contents, until the app reports that
//! it serves them or that it never will.

mod attempt;
pub(crate) mod backoff;
pub(crate) mod last_good;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::app::{ContentVerdict, StatusReply, WatchedApp};
use crate::files::WatchedContent;
use crate::files::replace::replace;
use crate::hash::Hash;
use crate::latest::Latest;
use crate::logging;
use crate::metrics::{Hashes, Metrics, Reason};
use crate::options::{Verify, duration};

use attempt::{Outcome, ReloadAttempt, ReloadRefusal};
use backoff::ReloadBackoff;
use last_good::VerifiedContent;

/// The first pause while an app that has not begun yet is waited for.
const MEET_FIRST: Duration = Duration::from_millis(100);
/// The longest pause then.
const MEET_MAX: Duration = Duration::from_secs(5);
/// How long an app that is waited for may take to answer.
const MEET_ASK_MAX: Duration = Duration::from_secs(5);

/// Brings one app in step.
#[derive(Debug)]
pub(crate) struct AppReloader {
    app: WatchedApp,
    latest: Arc<Latest>,
    metrics: Arc<Metrics>,
    good: VerifiedContent,
    /// The file that gets its last good content back.
    restore: Option<PathBuf>,
    /// The content for which that was done, so that it is done once.
    restored: Option<Hash>,
    /// Whether the app has been there at all. Until then, that it is not there is no failed attempt.
    met: bool,
    /// Whether the wait for the app was reported.
    awaits: bool,
    /// The content about which nothing is left to be done; none once the app was asked to take something else.
    settled: Option<Hash>,
    /// The content of the attempts now.
    trying: Option<Hash>,
    refused: Option<Hash>,
    backoff: ReloadBackoff,
    meeting: ReloadBackoff,
}

/// What is to be done next about a content.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Nothing until it changes.
    Rest,
    /// The same again after a pause.
    Again(Duration),
}

impl AppReloader {
    pub(crate) fn new(
        app: WatchedApp,
        interval: Duration,
        latest: Arc<Latest>,
        metrics: Arc<Metrics>,
        good: VerifiedContent,
        restore: Option<PathBuf>,
    ) -> Self {
        let backoff = ReloadBackoff::new(interval, app.options().max_backoff);
        let meeting = ReloadBackoff::new(MEET_FIRST, MEET_MAX.min(app.options().max_backoff));
        Self {
            app,
            latest,
            metrics,
            good,
            restore,
            restored: None,
            met: false,
            awaits: false,
            settled: None,
            trying: None,
            refused: None,
            backoff,
            meeting,
        }
    }

    /// Brings the app in step for ever.
    pub(crate) fn run(mut self) {
        let mut content = self.latest.first();
        self.show(Some(content.hash));
        content = self.meet(content);
        loop {
            let patience = match self.step(&content) {
                Next::Rest => None,
                Next::Again(pause) => Some(pause),
            };
            content = self.latest.next(content.hash, patience);
        }
    }

    /// Finds out which content the app serves before it is asked anything: what is done already is not triggered.
    fn meet(&mut self, mut content: Arc<WatchedContent>) -> Arc<WatchedContent> {
        if self.app.options().verify != Verify::Hash || !self.app.is_asked() {
            self.assume(&content);
            return content;
        }
        loop {
            match self.app.ask(MEET_ASK_MAX.min(self.app.options().verify_timeout)) {
                Some(StatusReply::Unreachable(why)) => self.awaits = wait_for(self.awaits, &why),
                Some(StatusReply::Failed(status @ 500..)) => {
                    let why = format!("its health answers {status} and does not report its content");
                    self.awaits = wait_for(self.awaits, &why);
                }
                Some(StatusReply::Status(word)) => {
                    let is_wanted =
                        |hash| hash == content.hash || content.files.values().any(|file| *file == hash);
                    match word.judge(is_wanted) {
                        ContentVerdict::Verified => {
                            logging::info("app serves the current content", &[("hash", &content.hash)]);
                            self.verified(&content);
                            self.show(None);
                        }
                        ContentVerdict::Refused(word) => {
                            // It was not requested now, so there was no attempt that could have failed.
                            self.refused(&content, &word.into());
                            self.settled = Some(content.hash);
                            self.show(None);
                            self.restore(&content);
                        }
                        ContentVerdict::Elsewhere => {}
                    }
                    break;
                }
                Some(StatusReply::NoStatus | StatusReply::Failed(_)) | None => break,
            }
            let pause = self.meeting.next();
            if let Some(other) = self.latest.other_than(content.hash, pause) {
                content = other;
                self.show(Some(content.hash));
            }
        }
        self.met = true;
        content
    }

    /// The same for an app that cannot be asked: what was last verified is what it serves. An app that is only sent
    /// signals has read its files when it began, and one that has not begun is not sent any.
    fn assume(&mut self, content: &Arc<WatchedContent>) {
        let known = self.good.content().map(|known| known.hash);
        if known == Some(content.hash) || (known.is_none() && self.app.is_signalled()) {
            logging::info(
                "assuming that the app serves the current content; the next change reloads it",
                &[("hash", &content.hash)],
            );
            self.settled = Some(content.hash);
            self.show(None);
        }
        self.met = self.app.is_signalled();
    }

    /// Does what is to be done about a content now.
    fn step(&mut self, content: &Arc<WatchedContent>) -> Next {
        if self.settled == Some(content.hash) {
            self.show(None);
            return Next::Rest;
        }
        let is_again = self.trying == Some(content.hash) && self.refused == Some(content.hash);
        if self.trying != Some(content.hash) {
            self.trying = Some(content.hash);
            self.restored = None;
            self.backoff.reset();
        }
        self.show((!is_again).then_some(content.hash));
        let began = Instant::now();
        if self.met {
            self.metrics.attempt();
            logging::info("reloading the app", &[("hash", &content.hash)]);
        }
        let outcome = self.attempt(content, is_again);
        if !self.met {
            if let Outcome::Failed(Reason::Unreachable, why) = &outcome {
                self.awaits = wait_for(self.awaits, why);
                return Next::Again(self.meeting.next());
            }
            self.met = true;
            self.metrics.attempt();
        }
        self.conclude(content, outcome, began.elapsed())
    }

    fn attempt(&mut self, content: &WatchedContent, is_again: bool) -> Outcome {
        let known = self.good.content();
        let is_changed = |path, hash| known.is_none_or(|known| known.files.get(path) != Some(hash));
        let files = content.files.iter();
        let changed: Vec<_> =
            files.filter(|(path, hash)| is_changed(*path, *hash)).map(|(_, hash)| *hash).collect();
        // From here on the app may serve either.
        self.settled = None;
        let (app, latest) = (&self.app, &self.latest);
        ReloadAttempt { app, latest, content, changed: &changed, is_again }.run()
    }

    fn conclude(&mut self, content: &Arc<WatchedContent>, outcome: Outcome, took: Duration) -> Next {
        match outcome {
            Outcome::Verified => {
                logging::info(
                    "app serves the new content",
                    &[("hash", &content.hash), ("ms", &took.as_millis())],
                );
                self.verified(content);
                self.metrics.success(self.hashes(None));
                Next::Rest
            }
            Outcome::Refused(refusal) => {
                self.refused(content, &refusal);
                self.metrics.failure(Reason::Rejected, self.hashes(None));
                self.restore(content);
                if refusal.is_final { Next::Rest } else { Next::Again(self.backoff.next()) }
            }
            Outcome::Failed(reason, why) => {
                let pause = self.backoff.next();
                logging::warn(
                    "reload not confirmed; retrying",
                    &[
                        ("reason", &reason.name()),
                        ("why", &why),
                        ("hash", &content.hash),
                        ("in", &duration::show(pause)),
                    ],
                );
                self.metrics.failure(reason, self.hashes(Some(content.hash)));
                Next::Again(pause)
            }
            Outcome::Superseded => {
                logging::info("files changed during the reload; starting again", &[("hash", &content.hash)]);
                // At once, for they may be the same again by now.
                Next::Again(Duration::ZERO)
            }
        }
    }

    /// Notes that the app serves a content. It is kept before that is shown, so that what is shown survives a crash.
    fn verified(&mut self, content: &Arc<WatchedContent>) {
        self.good.keep(content);
        self.settled = Some(content.hash);
        (self.trying, self.refused, self.restored) = (None, None, None);
    }

    /// Notes that the app does not take a content.
    fn refused(&mut self, content: &WatchedContent, refusal: &ReloadRefusal) {
        let serves =
            refusal.served.map_or_else(|| String::from("what it served before"), |hash| hash.to_string());
        logging::warn(
            "app rejected the content",
            &[("why", &refusal.why), ("hash", &content.hash), ("serves", &serves)],
        );
        self.refused = Some(content.hash);
    }

    /// Gives the file its last good content back, once for a content that was refused.
    fn restore(&mut self, content: &WatchedContent) {
        let Some(path) = self.restore.as_ref().filter(|_| self.restored != Some(content.hash)) else {
            return;
        };
        self.restored = Some(content.hash);
        let path_shown = path.display();
        let Some(good) = self.good.content().and_then(|good| good.kept.get(path)) else {
            logging::warn("no last verified content to restore", &[("file", &path_shown)]);
            return;
        };
        let is_refused = content.files.get(path).copied();
        let is_now = std::fs::read(path).ok().map(|bytes| Hash::of(&bytes));
        // Refused because of another file, or changed since by an operator.
        if is_refused == Some(Hash::of(good)) || is_now != is_refused {
            return;
        }
        match replace(path, good, 0o644) {
            Ok(()) => logging::warn("last verified content restored", &[("file", &path_shown)]),
            Err(error) => logging::warn(
                "cannot restore the last verified content; keeping the file",
                &[("file", &path_shown), ("error", &error)],
            ),
        }
    }

    fn hashes(&self, pending: Option<Hash>) -> Hashes {
        let verified = self.good.content().map(|good| good.hash);
        Hashes { verified, pending, refused: self.refused }
    }

    fn show(&self, pending: Option<Hash>) {
        self.metrics.hashes(self.hashes(pending));
    }
}

/// Reports once that the app is waited for; answers whether it was reported.
fn wait_for(output: bool, why: &str) -> bool {
    if !output {
        logging::info("waiting for the app to respond", &[("why", &why)]);
    }
    true
}

#[cfg(test)]
mod tests;
