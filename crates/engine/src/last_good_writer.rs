//! Writes this replica's own copy of what it serves, in the background, to start from when the log is unavailable.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use midflight_core::DocumentId;
use midflight_store::{KeptAt, LastGood, LastGoodFile, LastGoodView};
use serde_json::Value;
use tokio::sync::Notify;
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
    pending: Mutex<PendingCopy>,
    notify: Notify,
    path: PathBuf,
    /// What was last read for a caller. One reads at a time.
    view: tokio::sync::Mutex<Option<Arc<LastGoodView>>>,
}

#[derive(Debug, Default)]
struct PendingCopy {
    /// The revision to be kept; none when there is nothing to do.
    at: Option<KeptAt>,
    /// Whether `stored` is the complete state, rather than what changed.
    whole: bool,
    stored: BTreeMap<DocumentId, Option<Arc<Value>>>,
    /// Why the last write failed.
    error: Option<String>,
}

impl LastGoodWriter {
    pub(crate) fn new(file: LastGoodFile) -> Self {
        let path = file.path().to_owned();
        let (pending, notify) = (Mutex::default(), Notify::new());
        Self { file: Mutex::new(file), pending, notify, path, view: tokio::sync::Mutex::default() }
    }

    fn pending(&self) -> MutexGuard<'_, PendingCopy> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is live now: everything, or what changed since the last call.
    pub(crate) fn live(&self, at: KeptAt, stored: Vec<StoredBody>, base: BaseDocuments) {
        let mut pending = self.pending();
        pending.at = Some(at);
        if base == BaseDocuments::Empty {
            pending.whole = true;
            pending.stored.clear();
        }
        pending.stored.extend(stored);
        drop(pending);
        // Callers read the log again. A view that is being made now is dropped by the next revision.
        if let Ok(mut view) = self.view.try_lock() {
            view.take();
        }
        self.notify.notify_one();
    }

    /// Why the copy is not up to date; none when it is, or will be in a moment.
    pub(crate) fn error(&self) -> Option<String> {
        self.pending().error.clone()
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
            let stopping = tokio::select! {
                () = self.notify.notified() => false,
                () = stop.cancelled() => true,
            };
            let written = self.write().await;
            if stopping {
                return;
            }
            if let Err(error) = written {
                tracing::warn!(%error, "local copy is not up to date");
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => self.notify.notify_one(),
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    async fn write(self: &Arc<Self>) -> io::Result<()> {
        let taken = std::mem::take(&mut *self.pending());
        if taken.at.is_none() {
            return Ok(());
        }
        let taken = Arc::new(taken);
        let of_task = Arc::clone(&taken);
        let written = self.with_file(move |file| {
            let PendingCopy { at: Some(at), stored, whole, .. } = &*of_task else { return Ok(()) };
            if *whole {
                let documents = stored.iter().filter_map(|(id, body)| Some((id, &**body.as_ref()?)));
                return file.replace(at, documents);
            }
            file.add(at, stored.iter().map(|(id, body)| (id, body.as_deref())))
        });
        let written = written.await;
        if let Err(error) = &written {
            self.put_back(&taken, error);
        }
        written
    }

    /// Keeps what could not be written for the next time, under what has come since.
    fn put_back(&self, taken: &PendingCopy, error: &io::Error) {
        let mut pending = self.pending();
        pending.error = Some(error.to_string());
        if pending.at.is_none() {
            pending.at.clone_from(&taken.at);
        }
        if !pending.whole {
            pending.whole = taken.whole;
            for (id, body) in &taken.stored {
                pending.stored.entry(id.clone()).or_insert_with(|| body.clone());
            }
        }
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
