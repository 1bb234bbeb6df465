//! A copy that is read from its file document by document: only the places of the bodies are in memory.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use midflight_core::{DocumentId, DocumentName, KindName};

use super::{KeptAt, text};
use crate::{DocumentQuery, Page};

/// A document of a copy. Its version and its owner are in the log alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDocument {
    /// The document.
    pub id: DocumentId,
    /// Its body, as JSON.
    pub body: Arc<str>,
}

/// What a file held when it was opened, as of one revision. It stays that while the file is added to or replaced. Its
/// methods do blocking I/O.
#[derive(Debug)]
pub struct LastGoodView {
    at: KeptAt,
    file: Mutex<File>,
    is_of: CopyStamp,
    places: BTreeMap<KindName, BTreeMap<DocumentName, BodyPosition>>,
}

/// Where in the file a body is.
#[derive(Debug, Clone, Copy)]
struct BodyPosition {
    begin: u64,
    bytes: usize,
}

/// By what a file that has changed is known: each write makes it longer or, where it is replaced, another file.
#[derive(Debug, PartialEq)]
struct CopyStamp {
    bytes: u64,
    changed_at: Option<SystemTime>,
    inode: u64,
}

impl CopyStamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { bytes: metadata.len(), changed_at: metadata.modified().ok(), inode }
    }
}

impl LastGoodView {
    /// What a file holds now: `before` if that is what it still holds. None when there is no file, or nothing in it is
    /// whole. It may be called while another thread writes the file. Cost: reads all of it if it has changed, without
    /// parsing a body.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(path: &Path, before: Option<&Arc<Self>>) -> io::Result<Option<Arc<Self>>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let is_of = CopyStamp::of(&file.metadata()?);
        if let Some(before) = before.filter(|before| before.is_of == is_of) {
            return Ok(Some(Arc::clone(before)));
        }
        let place = |body: &str, begin| Some(BodyPosition { begin, bytes: body.len() });
        let whole = text::scan(BufReader::new(&file), place)?;
        let Some(text::Whole { at, documents, .. }) = whole else { return Ok(None) };
        let mut places: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (DocumentId { kind, name }, place) in documents {
            places.entry(kind).or_default().insert(name, place);
        }
        Ok(Some(Arc::new(Self { at, file: Mutex::new(file), is_of, places })))
    }

    /// Of which revision it is.
    #[must_use]
    pub fn at(&self) -> &KeptAt {
        &self.at
    }

    /// The documents that a query of the newest asks for; `at`, `made_by` and `for_state` are ignored. Cost: reads the
    /// bodies of the page.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn documents(&self, query: &DocumentQuery) -> io::Result<Page<KeptDocument, DocumentId>> {
        let kinds =
            self.places.iter().filter(|(kind, _)| query.kind.as_ref().is_none_or(|asked| asked == *kind));
        let mut left = kinds.flat_map(|(kind, names)| matching(names, kind, query)).peekable();
        let (mut items, mut bytes) = (Vec::new(), 0_u64);
        while let Some((kind, name, place)) = left.peek() {
            bytes = bytes.saturating_add(place.bytes as u64);
            let is_full =
                items.len() >= query.limit as usize || query.bytes_max.is_some_and(|max| bytes > max);
            if is_full && !items.is_empty() {
                break;
            }
            let id = DocumentId { kind: (*kind).clone(), name: (*name).clone() };
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
        let place = self.places.get(&id.kind).and_then(|names| names.get(&id.name));
        place.map(|place| self.read(id.clone(), *place)).transpose()
    }

    fn read(&self, id: DocumentId, place: BodyPosition) -> io::Result<KeptDocument> {
        let mut body = vec![0; place.bytes];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place.begin))?;
        file.read_exact(&mut body)?;
        drop(file);
        let body =
            String::from_utf8(body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(KeptDocument { id, body: body.into() })
    }
}

/// The documents of one kind that a query asks for, in order.
fn matching<'a>(
    names: &'a BTreeMap<DocumentName, BodyPosition>,
    kind: &'a KindName,
    query: &'a DocumentQuery,
) -> impl Iterator<Item = (&'a KindName, &'a DocumentName, &'a BodyPosition)> {
    let begin = match &query.after {
        Some(after) if after.kind == *kind => Bound::Excluded(&after.name),
        _ => Bound::Unbounded,
    };
    let is_before = query.after.as_ref().is_some_and(|after| *kind < after.kind);
    let found = names.range::<DocumentName, _>((begin, Bound::Unbounded)).filter(move |_| !is_before);
    let has_prefix = |name: &DocumentName| name.as_str().starts_with(&query.name_prefix);
    // Names with one prefix are adjacent.
    let found =
        found.skip_while(move |(name, _)| !has_prefix(name)).take_while(move |(name, _)| has_prefix(name));
    found.map(move |(name, place)| (kind, name, place))
}
