//! Writes this replica's own copy of what it serves, in the background, to start from when the log is unavailable.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use midflight_bus::{Coalesce, LatestSlot};
use midflight_core::DocumentId;
use midflight_store::{KeptAt, LastGood, LastGoodFile, LastGoodView};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::load::BaseDocuments;

/// How long to wait before writing again what could not be written.
const AGAIN: Duration = Duration::from_secs(5);

/// The current body of a document; none when it is deleted.
pub(crate) type StoredBody = (DocumentId, Option<Arc<Value>>);

/// Takes what goes live and writes it when there is time. What comes while it writes is one change, so it is never
/// further behind than one write, and never holds more than every document once.
#[derive(Debug)]
pub(crate) struct LastGoodWriter {
    file: Mutex<LastGoodFile>,
    pending: LatestSlot<PendingCopy>,
    /// Why the last write failed.
    error: Mutex<Option<String>>,
    path: PathBuf,
    /// What was last read for a caller. One reads at a time.
    view: tokio::sync::Mutex<Option<Arc<LastGoodView>>>,
}

/// What is to be written.
#[derive(Debug)]
struct PendingCopy {
    /// The revision to be kept.
    at: KeptAt,
    /// Whether `stored` is the complete state, rather than what changed.
    whole: bool,
    stored: BTreeMap<DocumentId, Option<Arc<Value>>>,
}

impl Coalesce for PendingCopy {
    fn and(self, later: Self) -> Self {
        if later.whole {
            return later;
        }
        let mut stored = self.stored;
        stored.extend(later.stored);
        Self { at: later.at, whole: self.whole, stored }
    }
}

impl LastGoodWriter {
    pub(crate) fn new(file: LastGoodFile) -> Self {
        let path = file.path().to_owned();
        let (pending, error) = (LatestSlot::default(), Mutex::default());
        Self { file: Mutex::new(file), pending, error, path, view: tokio::sync::Mutex::default() }
    }

    /// What is live now: everything, or what changed since the last call.
    pub(crate) fn live(&self, at: KeptAt, stored: Vec<StoredBody>, base: BaseDocuments) {
        let whole = base == BaseDocuments::Empty;
        // Callers read the log again. A view that is being made now is dropped by the next revision.
        if let Ok(mut view) = self.view.try_lock() {
            view.take();
        }
        self.pending.put(PendingCopy { at, whole, stored: stored.into_iter().collect() });
    }

    fn last_error(&self) -> MutexGuard<'_, Option<String>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the copy is not up to date; none when it is, or will be in a moment.
    pub(crate) fn error(&self) -> Option<String> {
        self.last_error().clone()
    }

    /// What an earlier process kept.
    pub(crate) async fn read(self: &Arc<Self>) -> io::Result<Option<LastGood>> {
        self.with_file(|file| file.read()).await
    }

    /// Of which revision it is what an earlier process kept; none when that is not known without reading all of it.
    pub(crate) async fn read_end(self: &Arc<Self>) -> Option<KeptAt> {
        self.with_file(|file| file.read_end()).await.ok().flatten()
    }

    /// What is kept now, to be read document by document. It may be one write behind what is served. A caller that
    /// leaves changes nothing: what was begun is there for the next one.
    pub(crate) async fn view(self: &Arc<Self>) -> io::Result<Option<Arc<LastGoodView>>> {
        let copy_writer = Arc::clone(self);
        let read = async move {
            let mut view = copy_writer.view.lock().await;
            let (path, before) = (copy_writer.path.clone(), view.clone());
            let read = tokio::task::spawn_blocking(move || LastGoodView::open(&path, before.as_ref())).await;
            *view = read.map_err(io::Error::other)??;
            Ok(view.clone())
        };
        tokio::spawn(read).await.map_err(io::Error::other)?
    }

    /// Writes until stopped, and then what is left.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let (pending, stopping) = tokio::select! {
                biased;
                () = stop.cancelled() => (self.pending.take(), true),
                pending = self.pending.next() => (pending, false),
            };
            let written = match pending {
                Some(pending) => self.write(pending).await,
                None => Ok(()),
            };
            if stopping {
                return;
            }
            if let Err(error) = written {
                tracing::warn!(%error, "local copy is not up to date");
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    /// Writes it, or keeps it for the next time.
    async fn write(self: &Arc<Self>, pending: PendingCopy) -> io::Result<()> {
        let pending = Arc::new(pending);
        let of_task = Arc::clone(&pending);
        let written = self.with_file(move |file| {
            let PendingCopy { at, stored, whole } = &*of_task;
            if *whole {
                let documents = stored.iter().filter_map(|(id, body)| Some((id, &**body.as_ref()?)));
                return file.replace(at, documents);
            }
            file.add(at, stored.iter().map(|(id, body)| (id, body.as_deref())))
        });
        let written = written.await;
        *self.last_error() = written.as_ref().err().map(ToString::to_string);
        // The work has ended, so nothing else has it.
        if written.is_err()
            && let Some(pending) = Arc::into_inner(pending)
        {
            self.pending.put_back(pending);
        }
        written
    }

    /// Does blocking work on the file on a thread for that.
    async fn with_file<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut LastGoodFile) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let copy_writer = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let mut file = copy_writer.file.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut file)
        });
        done.await.map_err(io::Error::other)?
    }
}
