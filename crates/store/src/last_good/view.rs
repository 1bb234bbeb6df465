//! A copy that is read from its file document by document, when somebody asks: only the places of the bodies are in memory.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use midflight_core::DocumentId;

use super::{KeptAt, text};
use crate::{DocumentQuery, Page};

/// A document of a copy. Its version and its owner are in the log alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDocument {
    /// The document.
    pub id: DocumentId,
    /// What it says, as JSON.
    pub body: Arc<str>,
}

/// What a file held when it was opened, as of one revision. It stays that while the file is added to or replaced. Its methods do
/// blocking I/O.
#[derive(Debug)]
pub struct LastGoodView {
    at: KeptAt,
    file: Mutex<File>,
    is_of: Stamp,
    places: BTreeMap<DocumentId, Place>,
}

/// Where in the file a body is.
#[derive(Debug, Clone, Copy)]
struct Place {
    begin: u64,
    bytes: usize,
}

/// By what a file that has changed is known: each write makes it longer or, where it is replaced, another file.
#[derive(Debug, PartialEq)]
struct Stamp {
    bytes: u64,
    changed_at: Option<SystemTime>,
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { bytes: metadata.len(), changed_at: metadata.modified().ok(), inode }
    }
}

impl LastGoodView {
    pub(super) fn open(path: &Path, before: Option<Arc<Self>>) -> io::Result<Option<Arc<Self>>> {
        let file = File::open(path)?;
        let is_of = Stamp::of(&file.metadata()?);
        if let Some(before) = before.filter(|before| before.is_of == is_of) {
            return Ok(Some(before));
        }
        let place = |body: &str, begin| Some(Place { begin, bytes: body.len() });
        let whole = text::scan(BufReader::new(&file), place)?;
        Ok(whole.map(|text::Whole { at, documents: places, .. }| {
            Arc::new(Self { at, file: Mutex::new(file), is_of, places })
        }))
    }

    /// Of which revision it is.
    #[must_use]
    pub fn at(&self) -> &KeptAt {
        &self.at
    }

    /// The documents that a query of the newest asks for; `at`, `made_by` and `for_state` are ignored. Cost: reads the bodies of
    /// the page.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn documents(&self, query: &DocumentQuery) -> io::Result<Page<KeptDocument, DocumentId>> {
        let after = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let is_wanted = |id: &DocumentId| {
            query.kind.as_ref().is_none_or(|kind| *kind == id.kind)
                && id.name.as_str().starts_with(&query.name_prefix)
        };
        let mut left =
            self.places.range((after, Bound::Unbounded)).filter(|(id, _)| is_wanted(id)).peekable();
        let (mut items, mut bytes) = (Vec::new(), 0_u64);
        while let Some((id, place)) = left.peek() {
            bytes = bytes.saturating_add(place.bytes as u64);
            let is_full =
                items.len() >= query.limit as usize || query.bytes_max.is_some_and(|max| bytes > max);
            if is_full && !items.is_empty() {
                break;
            }
            items.push(self.read(id, **place)?);
            left.next();
        }
        let has_more = left.peek().is_some();
        let next = items.last().filter(|_| has_more).map(|last| last.id.clone());
        Ok(Page { items, next })
    }

    /// One document; none when it is not in the copy. Cost: reads its body.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn document(&self, id: &DocumentId) -> io::Result<Option<KeptDocument>> {
        self.places.get(id).map(|place| self.read(id, *place)).transpose()
    }

    fn read(&self, id: &DocumentId, place: Place) -> io::Result<KeptDocument> {
        let mut body = vec![0; place.bytes];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place.begin))?;
        file.read_exact(&mut body)?;
        drop(file);
        let body =
            String::from_utf8(body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(KeptDocument { id: id.clone(), body: body.into() })
    }
}
