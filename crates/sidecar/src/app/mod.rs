//! The app: how it is told to reload, and what it says of itself.

mod http;
mod process;
mod word;

use std::time::Duration;

use rustix::process::Signal;

use crate::options::{AppOptions, Target, Trigger};

pub(crate) use http::{Client, show_error};
pub(crate) use word::{Judgement, Word};

/// What came of reloading the app.
#[derive(Debug)]
pub(crate) enum Told {
    /// It answered with its word.
    Word(Word),
    /// It took the order, and said nothing that is a word.
    Accepted,
    /// It answered that something is wrong, and said nothing that is a word.
    Failed(String),
    /// It did not answer in time, and may be reloading.
    Silent(String),
    /// It cannot be told.
    Unreachable(String),
}

/// What came of asking the app what it serves.
#[derive(Debug)]
pub(crate) enum Heard {
    Word(Word),
    /// It answers 2xx, and what it says is no word.
    NoWord,
    /// It answers with an HTTP error that is no word.
    Failed(u16),
    /// It does not answer.
    Unreachable(String),
}

/// The app that the sidecar stands beside.
#[derive(Debug)]
pub(crate) struct App {
    client: Client,
    options: AppOptions,
}

impl App {
    pub(crate) fn new(options: AppOptions) -> Self {
        Self { client: Client::new(), options }
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

    /// Tells the app to reload.
    pub(crate) fn tell(&self, patience: Duration) -> Told {
        match &self.options.trigger {
            Trigger::Post(url) => self.post(url, patience),
            Trigger::Signal(target, signal) => match send(target, *signal) {
                Ok(()) => Told::Accepted,
                Err(why) => Told::Unreachable(why),
            },
        }
    }

    fn post(&self, url: &str, patience: Duration) -> Told {
        match self.client.post(url, patience) {
            Ok(answer) => match Word::parse(&answer.body) {
                Some(word) => Told::Word(word),
                None if answer.is_good() => Told::Accepted,
                None => {
                    Told::Failed(format!("{url} answers {} without a word on its content", answer.status))
                }
            },
            Err(error) => {
                let why = format!("{url}: {}", show_error(&error));
                if http::may_be_heard(&error) { Told::Silent(why) } else { Told::Unreachable(why) }
            }
        }
    }

    /// Tells the app to reload and takes the HTTP status of its answer for its word; none from a signal.
    pub(crate) fn tell_for_status(&self, patience: Duration) -> Result<Option<u16>, String> {
        match &self.options.trigger {
            Trigger::Post(url) => match self.client.post(url, patience) {
                Ok(answer) => Ok(Some(answer.status)),
                Err(error) => Err(format!("{url}: {}", show_error(&error))),
            },
            Trigger::Signal(target, signal) => send(target, *signal).map(|()| None),
        }
    }

    /// Asks the app what it serves; none when there is no URL to ask.
    pub(crate) fn ask(&self, patience: Duration) -> Option<Heard> {
        let url = self.options.health_url.as_ref()?;
        Some(match self.client.get(url, &[], patience) {
            Ok(answer) => match Word::parse(&answer.body) {
                Some(word) => Heard::Word(word),
                None if answer.is_good() => Heard::NoWord,
                None => Heard::Failed(answer.status),
            },
            Err(error) => Heard::Unreachable(format!("{url}: {}", show_error(&error))),
        })
    }
}

fn send(target: &Target, signal: Signal) -> Result<(), String> {
    let pid = match target {
        Target::Pid(pid) => *pid,
        Target::Name(name) => process::find(name)?,
    };
    process::send(pid, signal)
}
