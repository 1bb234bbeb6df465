//! Follows a Midflight server: writes documents to files as they change there, so that any program gets reload, history
//! and rollback. The server triggers a look; what is written comes from looking, so that nothing that is sent, lost or
//! sent twice does more than cause a look.

mod document;
mod stream;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::logging;
use crate::metrics::Metrics;
use crate::options::{DocumentFile, FromOptions};

use document::{FetchedDocument, FollowedDocument};

/// The largest token, in bytes.
const TOKEN_BYTES_MAX: u64 = 16 << 10;

/// Wakes the waiting task. Signals that arrive while no task waits are merged.
#[derive(Debug, Default)]
struct FollowSignal {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl FollowSignal {
    fn wake(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits for a ring, for at most so long.
    fn wait(&self, patience: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(rung, patience, |rung| !*rung);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

/// Follows a server.
#[derive(Debug)]
pub(crate) struct Follower {
    options: Arc<FromOptions>,
    documents: Vec<FollowedDocument>,
    interval: Duration,
    metrics: Arc<Metrics>,
    /// Whether this thread is the one that shows that the sidecar lives.
    beats: bool,
}

impl Follower {
    /// # Errors
    /// When the token cannot be read.
    pub(crate) fn new(
        options: FromOptions,
        interval: Duration,
        metrics: Arc<Metrics>,
        beats: bool,
    ) -> Result<Self, String> {
        authorization(&options)?;
        let documents =
            options.documents.iter().cloned().map(|document| FollowedDocument::new(&options.url, document));
        let documents = documents.collect();
        Ok(Self { options: Arc::new(options), documents, interval, metrics, beats })
    }

    /// Follows for ever.
    pub(crate) fn run(mut self) {
        let signal = Arc::new(FollowSignal::default());
        let (options, wake) = (Arc::clone(&self.options), Arc::clone(&signal));
        // It only triggers looks: polling every interval continues without it.
        let listening = std::thread::Builder::new().name("listen".into());
        if let Err(error) = listening.spawn(move || stream::run(&options, &wake)) {
            logging::warn("cannot open the event stream; polling the server", &[("error", &error)]);
        }
        loop {
            self.look();
            signal.wait(self.interval);
        }
    }

    /// Reads every document, and writes those that changed.
    fn look(&mut self) {
        let authorization = authorization(&self.options);
        for document in &mut self.documents {
            if self.beats {
                self.metrics.beat();
            }
            let found = match &authorization {
                Ok(authorization) => document.look(authorization.as_deref()),
                Err(why) => FetchedDocument::Problem(why.clone()),
            };
            document.say(found);
        }
    }
}

/// The header with the token. The file is read each time, for tokens are renewed.
fn authorization(options: &FromOptions) -> Result<Option<String>, String> {
    let Some(path) = &options.token_file else { return Ok(None) };
    let token = read_token(path).map_err(|error| format!("--token-file {}: {error}", path.display()))?;
    Ok(Some(format!("Bearer {token}")))
}

fn read_token(path: &Path) -> io::Result<String> {
    let wrong = |why| io::Error::new(io::ErrorKind::InvalidData, why);
    if fs::metadata(path)?.len() > TOKEN_BYTES_MAX {
        return Err(wrong("is longer than a token can be; write one line with the API token"));
    }
    let token = fs::read_to_string(path)?;
    match token.trim() {
        "" => Err(wrong("is empty; write the API token to it")),
        token if token.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(token.to_owned()),
        _ => Err(wrong("is not one line of visible ASCII characters; write the API token to it")),
    }
}

/// Names a document as people do.
fn id(document: &DocumentFile) -> String {
    format!("{}/{}", document.kind, document.name)
}
