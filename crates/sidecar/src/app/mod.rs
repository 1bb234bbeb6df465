//! The app: how it is asked to reload, and what it reports.

mod http;
mod process;
mod status;

use std::time::Duration;

use rustix::process::Signal;

use crate::options::{AppOptions, SignalTarget, Trigger};

pub(crate) use http::{HttpClient, show_error};
pub(crate) use status::{AppStatus, ContentVerdict};

/// The result of reloading the app.
#[derive(Debug)]
pub(crate) enum Notification {
    /// It answered with its word.
    Status(AppStatus),
    /// It accepted the reload, and returned no status.
    Accepted,
    /// It answered that something is wrong, and returned no status.
    Failed(String),
    /// It did not answer in time, and may be reloading.
    Silent(String),
    /// Not known.
    Unreachable(String),
}

/// The result of asking the app what it serves.
#[derive(Debug)]
pub(crate) enum StatusReply {
    Status(AppStatus),
    /// It answers 2xx, without a status.
    NoStatus,
    /// It answers with an HTTP error that is no word.
    Failed(u16),
    /// It does not answer.
    Unreachable(String),
}

/// The app beside the sidecar.
#[derive(Debug)]
pub(crate) struct WatchedApp {
    client: HttpClient,
    options: AppOptions,
}

impl WatchedApp {
    pub(crate) fn new(options: AppOptions) -> Self {
        Self { client: HttpClient::new(), options }
    }

    pub(crate) fn options(&self) -> &AppOptions {
        &self.options
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.options.health_url.is_some()
    }

    pub(crate) fn is_signalled(&self) -> bool {
        matches!(self.options.trigger, Trigger::Signal(..))
    }

    /// Requests the app to reload.
    pub(crate) fn tell(&self, patience: Duration) -> Notification {
        match &self.options.trigger {
            Trigger::Post(url) => self.post(url, patience),
            Trigger::Signal(target, signal) => match send(target, *signal) {
                Ok(()) => Notification::Accepted,
                Err(why) => Notification::Unreachable(why),
            },
        }
    }

    fn post(&self, url: &str, patience: Duration) -> Notification {
        match self.client.post(url, patience) {
            Ok(answer) => match AppStatus::parse(&answer.body) {
                Some(word) => Notification::Status(word),
                None if answer.is_good() => Notification::Accepted,
                None => Notification::Failed(format!(
                    "{url} answers {} and does not report its content",
                    answer.status
                )),
            },
            Err(error) => {
                let why = format!("{url}: {}", show_error(&error));
                if http::may_have_arrived(&error) {
                    Notification::Silent(why)
                } else {
                    Notification::Unreachable(why)
                }
            }
        }
    }

    /// Requests the app to reload and takes the HTTP status of its answer as its status; none from a signal.
    pub(crate) fn notify_for_status(&self, patience: Duration) -> Result<Option<u16>, String> {
        match &self.options.trigger {
            Trigger::Post(url) => match self.client.post(url, patience) {
                Ok(answer) => Ok(Some(answer.status)),
                Err(error) => Err(format!("{url}: {}", show_error(&error))),
            },
            Trigger::Signal(target, signal) => send(target, *signal).map(|()| None),
        }
    }

    /// Asks the app what it serves; none when there is no URL to ask.
    pub(crate) fn ask(&self, patience: Duration) -> Option<StatusReply> {
        let url = self.options.health_url.as_ref()?;
        Some(match self.client.get(url, &[], patience) {
            Ok(answer) => match AppStatus::parse(&answer.body) {
                Some(word) => StatusReply::Status(word),
                None if answer.is_good() => StatusReply::NoStatus,
                None => StatusReply::Failed(answer.status),
            },
            Err(error) => StatusReply::Unreachable(format!("{url}: {}", show_error(&error))),
        })
    }
}

fn send(target: &SignalTarget, signal: Signal) -> Result<(), String> {
    let pid = match target {
        SignalTarget::Pid(pid) => *pid,
        SignalTarget::Name(name) => process::find(name)?,
    };
    process::send(pid, signal)
}
