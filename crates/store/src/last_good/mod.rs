//! A replica's own copy of what it serves, in one file: it starts from it when the log is unavailable (HR-9).

mod text;
mod view;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use midflight_core::{DocumentId, LogHead, RevisionNumber};
use serde_json::Value;

pub use view::{KeptDocument, LastGoodView};

/// A batch is signed and written when it has so many bytes, so that at most that is held in memory at once.
const BATCH_BYTES: usize = 1 << 20;
/// How much a file may grow by changes, in bytes, before it is rewritten; beside twice its size at the beginning.
const GROWTH_BYTES: u64 = 4 << 20;

/// Of which revision what is kept is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAt {
    /// The revision up to which the log was looked at.
    pub position: RevisionNumber,
    /// The log and the digest of that revision; none in a file of a program of before.
    pub head: Option<LogHead>,
    /// The revisions up to there that are left out, since they did not hold.
    pub left_out: Vec<RevisionNumber>,
}

impl KeptAt {
    /// The revision that is served: the newest up to there that is not left out.
    #[must_use]
    pub fn served(&self) -> RevisionNumber {
        let mut served = self.position;
        while self.left_out.contains(&served) {
            served = RevisionNumber::new(served.get().saturating_sub(1));
        }
        served
    }
}

/// What is kept: every document that is served, as of one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct LastGood {
    /// Of which revision.
    pub at: KeptAt,
    /// The documents, checks among them.
    pub documents: BTreeMap<DocumentId, Arc<Value>>,
}

/// The file that a [`LastGood`] is kept in: lines of text, each batch with the digest of its bytes, so that a file
/// which was cut short or damaged is read up to the last batch that is whole, and no further.
///
/// A whole copy is written beside and renamed over; a change is added at the end. All methods do blocking I/O. The file
/// is this process's alone, readable by its user only; it has the contents of documents, and no secrets (HR-10).
#[derive(Debug)]
pub struct LastGoodFile {
    path: PathBuf,
    /// The file that changes are added to, and how far it is whole; none until one was written or read.
    open: Option<(File, u64)>,
    /// Its size when it was last rewritten.
    base: u64,
}

impl LastGoodFile {
    /// A file that may be there or not.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), open: None, base: 0 }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file holds; none when there is no file, or nothing in it is whole. Cost: reads all of it.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(&self) -> io::Result<Option<LastGood>> {
        match File::open(&self.path) {
            Ok(file) => {
                let kept = text::read(BufReader::new(file))?;
                Ok(kept.map(|kept| LastGood { at: kept.at, documents: kept.documents }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Its revision, without reading the documents; none when that is not at its end in order, and then [`Self::read`]
    /// reports it. Cost: reads the last 64 KiB.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read_end(&self) -> io::Result<Option<KeptAt>> {
        match File::open(&self.path) {
            Ok(file) => text::read_end(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps all documents instead of what the file held. The old file stays until the new one is complete.
    ///
    /// # Errors
    /// When it cannot be written; the old file is as it was.
    pub fn replace<'a>(
        &mut self,
        at: &KeptAt,
        documents: impl Iterator<Item = (&'a DocumentId, &'a Value)>,
    ) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let file = create_private(&beside)?;
        let mut out = BufWriter::new(file);
        let written = write_whole(&mut out, at, documents);
        let done = written.and_then(|length| {
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            std::fs::rename(&beside, &self.path)?;
            Ok((file, length))
        });
        match done {
            Ok((file, length)) => {
                self.base = length;
                self.open = Some((file, length));
                Ok(())
            }
            Err(error) => {
                // A half-written file is of no use; the error that matters is the first.
                std::fs::remove_file(&beside).ok();
                Err(error)
            }
        }
    }

    /// Adds a change: each document with its current body, none when it is deleted. A file that has grown too long by
    /// changes is rewritten.
    ///
    /// # Errors
    /// When it cannot be written; what the file held is held.
    pub fn add<'a>(
        &mut self,
        at: &KeptAt,
        changes: impl Iterator<Item = (&'a DocumentId, Option<&'a Value>)>,
    ) -> io::Result<()> {
        if self.open.is_none() {
            self.reopen()?;
        }
        let Some((file, length)) = &mut self.open else {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no copy to add a change to"));
        };
        let mut batch = Vec::new();
        for (id, body) in changes {
            text::put(&mut batch, id, body);
        }
        text::commit(&mut batch, at);
        // Whatever an earlier write left behind its end is no part of the file.
        file.set_len(*length)?;
        io::Seek::seek(file, io::SeekFrom::Start(*length))?;
        file.write_all(&batch)?;
        *length += batch.len() as u64;
        if *length > 2 * self.base + GROWTH_BYTES
            && let Some(kept) = self.read()?
        {
            self.replace(&kept.at, kept.documents.iter().map(|(id, body)| (id, &**body)))?;
        }
        Ok(())
    }

    /// Opens a file that an earlier process wrote, to add to it.
    fn reopen(&mut self) -> io::Result<()> {
        let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        if let Some(whole) = text::read(BufReader::new(&file))? {
            self.base = whole.bytes;
            self.open = Some((file, whole.bytes));
        }
        Ok(())
    }
}

fn write_whole<'a>(
    out: &mut impl io::Write,
    at: &KeptAt,
    documents: impl Iterator<Item = (&'a DocumentId, &'a Value)>,
) -> io::Result<u64> {
    let (mut batch, mut length) = (Vec::new(), 0);
    text::begin(&mut batch);
    for (id, body) in documents {
        text::put(&mut batch, id, Some(body));
        if batch.len() > BATCH_BYTES {
            text::part(&mut batch);
            out.write_all(&batch)?;
            length += batch.len() as u64;
            batch.clear();
        }
    }
    text::commit(&mut batch, at);
    out.write_all(&batch)?;
    Ok(length + batch.len() as u64)
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DocumentQuery;
    use serde_json::json;

    fn id(name: &str) -> DocumentId {
        DocumentId::new("rules", name).unwrap()
    }

    fn at(position: u64, left_out: &[u64]) -> KeptAt {
        let log = LogHead::empty(midflight_core::LogId::new([7; 16]));
        let position = RevisionNumber::new(position);
        let head = Some(log.at(position, midflight_core::Digest::of_bytes(b"of a revision")));
        KeptAt { position, head, left_out: left_out.iter().copied().map(RevisionNumber::new).collect() }
    }

    fn names(kept: &LastGood) -> Vec<String> {
        kept.documents.iter().map(|(id, body)| format!("{}={}", id.name, body["n"])).collect()
    }

    fn filled(path: &Path) -> LastGoodFile {
        let mut file = LastGoodFile::new(path);
        let (a, b) = (json!({"n": 1, "text": "line\nbreak \u{2028} é"}), json!({"n": 2}));
        file.replace(&at(2, &[]), [(&id("a"), &a), (&id("b/é"), &b)].into_iter()).unwrap();
        let changes = [(&id("a"), None), (&id("c"), Some(&json!({"n": 3})))];
        file.add(&at(3, &[1, 2]), changes.into_iter()).unwrap();
        file
    }

    #[test]
    fn what_was_written_is_read_by_the_next_process_and_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/last-good");
        assert_eq!(LastGoodFile::new(&path).read().unwrap(), None);
        drop(filled(&path));
        let mut next = LastGoodFile::new(&path);
        let kept = next.read().unwrap().unwrap();
        assert_eq!((&kept.at, next.read_end().unwrap().as_ref()), (&at(3, &[1, 2]), Some(&at(3, &[1, 2]))));
        assert_eq!(names(&kept), ["b/é=2", "c=3"]);
        next.add(&at(4, &[]), [(&id("b/é"), None)].into_iter()).unwrap();
        assert_eq!(names(&next.read().unwrap().unwrap()), ["c=3"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_cut_short_or_damaged_anywhere_is_read_up_to_a_revision_that_was_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last-good");
        drop(filled(&path));
        let whole = std::fs::read(&path).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for place in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[place] ^= 1 << (place % 8);
            for damaged in [&whole[..place], &flipped] {
                std::fs::write(&path, damaged).unwrap();
                let kept = LastGoodFile::new(&path).read().unwrap();
                let message = kept.as_ref().map(|kept| (kept.at.position.get(), names(kept)));
                match message {
                    None => seen.insert(0),
                    Some((2, names)) => names == ["a=1", "b/é=2"] && seen.insert(2),
                    Some((3, names)) => names == ["b/é=2", "c=3"] && seen.insert(3),
                    other => panic!("{other:?} at {place}"),
                };
            }
        }
        assert!(seen.contains(&0) && seen.contains(&2), "{seen:?}");
        // After damage, what is added follows what is whole.
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let mut file = LastGoodFile::new(&path);
        file.add(&at(9, &[]), [(&id("a"), None)].into_iter()).unwrap();
        let kept = file.read().unwrap().unwrap();
        assert_eq!((kept.at.position.get(), names(&kept)), (9, vec!["b/é=2".to_owned()]));
    }

    #[test]
    fn a_file_does_not_grow_with_the_number_of_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last-good");
        let mut file = filled(&path);
        let body = json!({"n": 1, "text": "x".repeat(100_000)});
        for number in 4..200 {
            file.add(&at(number, &[]), [(&id("a"), Some(&body))].into_iter()).unwrap();
        }
        assert!(std::fs::metadata(&path).unwrap().len() < 2 * GROWTH_BYTES);
        assert_eq!(file.read().unwrap().unwrap().at.position.get(), 199);
    }

    /// Written by an earlier version: it does not name its log.
    #[test]
    fn a_file_of_an_earlier_version_is_read_and_continued() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last-good");
        let text = "midflight last-good 1\nput rules/a {\"n\":1}\ncommit 2 1 ";
        let digest = midflight_core::Digest::of_bytes(text.as_bytes());
        std::fs::write(&path, format!("{text}{digest}\n")).unwrap();
        let mut file = LastGoodFile::new(&path);
        let before = KeptAt { head: None, ..at(2, &[1]) };
        assert_eq!(file.read().unwrap().map(|kept| kept.at), Some(before.clone()));
        assert_eq!(file.read_end().unwrap(), Some(before));
        file.add(&at(3, &[]), [(&id("b"), Some(&json!({"n": 2})))].into_iter()).unwrap();
        let kept = file.read().unwrap().unwrap();
        assert_eq!((names(&kept), kept.at), (vec!["a=1".to_owned(), "b=2".to_owned()], at(3, &[])));
    }

    #[test]
    fn the_end_of_a_file_is_found_behind_what_was_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last-good");
        drop(filled(&path));
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"put rules/x {\"n\":"].concat()).unwrap();
        assert_eq!(LastGoodFile::new(&path).read_end().unwrap(), Some(at(3, &[1, 2])));
        std::fs::write(&path, [&whole[..], &vec![b'x'; 1 << 17]].concat()).unwrap();
        assert_eq!(LastGoodFile::new(&path).read_end().unwrap(), None);
    }

    #[test]
    fn a_view_reads_documents_page_by_page_and_is_made_again_when_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last-good");
        let view_of = |before: Option<&Arc<LastGoodView>>| LastGoodView::open(&path, before).unwrap();
        assert!(view_of(None).is_none());
        let mut file = filled(&path);
        let view = view_of(None).unwrap();
        assert_eq!((view.at(), view.at().served()), (&at(3, &[1, 2]), RevisionNumber::new(3)));
        assert_eq!(at(5, &[4, 5]).served(), RevisionNumber::new(3));
        assert!(Arc::ptr_eq(&view, &view_of(Some(&view)).unwrap()));
        let names = |view: &LastGoodView, query: &DocumentQuery| {
            let page = view.documents(query).unwrap();
            let items: Vec<_> = page.items.iter().map(|it| format!("{}={}", it.id.name, it.body)).collect();
            (items.join(" "), page.next.map(|id| id.name.to_string()))
        };
        let all = DocumentQuery { limit: 9, ..DocumentQuery::default() };
        assert_eq!(names(&view, &all), (r#"b/é={"n":2} c={"n":3}"#.to_owned(), None));
        let first = DocumentQuery { limit: 1, ..DocumentQuery::default() };
        assert_eq!(names(&view, &first), (r#"b/é={"n":2}"#.to_owned(), Some("b/é".to_owned())));
        let short = DocumentQuery { bytes_max: Some(8), ..all.clone() };
        assert_eq!(names(&view, &short).1.as_deref(), Some("b/é"));
        let next = DocumentQuery { after: Some(id("b/é")), ..all.clone() };
        assert_eq!(names(&view, &next), (r#"c={"n":3}"#.to_owned(), None));
        let kind = |kind: &str, prefix: &str| DocumentQuery {
            kind: Some(midflight_core::KindName::new(kind).unwrap()),
            name_prefix: prefix.to_owned(),
            ..all.clone()
        };
        assert_eq!(names(&view, &kind("rules", "b/")).0, r#"b/é={"n":2}"#);
        assert_eq!(names(&view, &kind("config", "")).0, "");
        assert_eq!(
            view.document(&id("c")).unwrap().map(|it| it.body.to_string()).as_deref(),
            Some(r#"{"n":3}"#)
        );
        assert!(view.document(&id("a")).unwrap().is_none(), "it was deleted");
        // What was opened before is read as it was, also when the file is rewritten.
        let body = json!({"n": 9});
        file.replace(&at(5, &[]), [(&id("z"), &body)].into_iter()).unwrap();
        assert_eq!(names(&view, &all).0, r#"b/é={"n":2} c={"n":3}"#);
        let newer = view_of(Some(&view)).unwrap();
        assert_eq!((newer.at(), names(&newer, &all).0), (&at(5, &[]), r#"z={"n":9}"#.to_owned()));
    }

    #[test]
    fn a_place_that_cannot_be_written_leaves_what_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last-good");
        let mut file = filled(&path);
        std::fs::create_dir(folder.path().join("last-good.new")).unwrap();
        assert!(file.replace(&at(5, &[]), std::iter::empty()).is_err());
        assert_eq!(file.read().unwrap().unwrap().at.position.get(), 3);
    }
}
