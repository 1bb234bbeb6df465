//! Progress of long work, when stderr is a terminal.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use midflight_client::ClientEvent;

use super::output::{eprint_status, is_interactive};

const TICK: Duration = Duration::from_millis(100);
/// After how long a wait is shown: most are over before.
const SHOWN_AFTER: Duration = Duration::from_millis(500);
/// From which pause on a retry is reported: shorter ones are not noticed.
const RETRY_REPORTED_MIN: Duration = Duration::from_secs(1);

/// Reports what happens beside the results of requests to a server.
#[derive(Debug, Default)]
pub(super) struct RequestReporter {
    upload: Mutex<Option<ProgressBar>>,
    /// Whether it was reported that answers are from the server's local copy.
    has_reported_copy: AtomicBool,
}

impl RequestReporter {
    pub(super) fn report(&self, address: &str, event: &ClientEvent<'_>) {
        match event {
            ClientEvent::FromCopy { revision } if !self.has_reported_copy.swap(true, Ordering::Relaxed) => {
                eprint_status(&format!(
                    "log unavailable; showing revision {revision} of the local copy of {address}"
                ));
            }
            ClientEvent::Retrying { error, after } if *after >= RETRY_REPORTED_MIN => {
                eprint_status(&format!("{error}; trying again in {:.0} s", after.as_secs_f64()));
            }
            ClientEvent::Uploading { sent, total } if is_interactive() => self.upload(*sent, *total),
            _ => {}
        }
    }

    fn upload(&self, sent: u64, total: u64) {
        let mut upload = self.upload.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = upload.get_or_insert_with(|| bar(total));
        bar.set_position(sent);
        if sent == total {
            bar.finish_and_clear();
            *upload = None;
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("sending [{bar:40}] {bytes}/{total_bytes}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// Something that takes its time. It is shown while this is there, from half a second on.
#[derive(Debug)]
pub(super) struct Waiting(Option<(ProgressBar, tokio::task::JoinHandle<()>)>);

impl Waiting {
    /// Waits for `what`.
    pub(super) fn new(what: &str) -> Self {
        if !is_interactive() {
            return Self(None);
        }
        let spinner = ProgressBar::hidden();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            spinner.set_style(style);
        }
        spinner.set_message(what.to_owned());
        let shown = spinner.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(SHOWN_AFTER).await;
            shown.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            shown.enable_steady_tick(TICK);
        });
        Self(Some((spinner, task)))
    }

    /// Shows how many bytes came.
    pub(super) fn received(&self, what: &str, bytes: u64) {
        if let Some((spinner, _)) = &self.0 {
            spinner.set_message(format!("{what}: {}", indicatif::HumanBytes(bytes)));
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((spinner, task)) = self.0.take() {
            task.abort();
            spinner.finish_and_clear();
        }
    }
}
