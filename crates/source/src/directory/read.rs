//! Reading a directory as of one moment.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use midflight_core::{Digest, DocumentId, JsonPointer};
use serde_json::Value;

use super::list::{FileStamp, Listed, Listing, list, unreadable};
use super::options::DirectoryOptions;
use crate::chunk::{self, ReadChunk, TextChunk, TextFormat};
use crate::notice::FolderFilters;
use crate::parse::{add_documents, duplicates, problems_of};
use crate::{FileDocument, FileProblem, locate};

/// A directory as of one moment.
#[derive(Debug)]
pub(super) struct DirectoryContents {
    /// Its documents. Not all of them when there are problems.
    pub(super) documents: Vec<(FileDocument, Digest)>,
    pub(super) problems: Vec<FileProblem>,
    /// The same for two readings when their files and their problems are the same.
    pub(super) fingerprint: Digest,
    pub(super) files: usize,
    pub(super) folders: FolderFilters,
}

/// Reads a directory again and again, each time only what may have changed.
#[derive(Debug)]
pub(super) struct DirectoryReader {
    dir: PathBuf,
    options: DirectoryOptions,
    files: BTreeMap<Arc<str>, KnownFile>,
    /// What each chunk of each file was read as, by its text.
    chunks: HashMap<(Digest, TextFormat), Arc<ReadChunk>>,
}

/// A file that was read.
#[derive(Debug, Clone)]
struct KnownFile {
    path: PathBuf,
    stamp: FileStamp,
    /// Whether the same stamp means the same content.
    settled: bool,
    bytes: u64,
    content: ReadContent,
}

/// What was in a file.
#[derive(Debug, Clone)]
enum ReadContent {
    Chunks(Vec<KnownChunk>),
    /// It cannot be read at all.
    Unreadable(Box<FileProblem>),
}

#[derive(Debug, Clone)]
struct KnownChunk {
    digest: Digest,
    format: TextFormat,
    lines_before: u64,
    read: Arc<ReadChunk>,
}

impl DirectoryReader {
    pub(super) fn new(dir: PathBuf, options: DirectoryOptions) -> Self {
        Self { dir, options, files: BTreeMap::new(), chunks: HashMap::new() }
    }

    /// Reads the directory; none when it changed meanwhile, so that what was read may be a mix of before and after.
    /// With `full`, reads every file regardless of its stamp. Blocks.
    pub(super) fn read(&mut self, full: bool) -> Option<DirectoryContents> {
        let before = list(&self.dir, self.options.files_max);
        let mut files = BTreeMap::new();
        let mut bytes = 0;
        for listed in &before.files {
            let file = match self.files.get(&listed.name) {
                Some(known) if !full && known.is_still(listed) => known.clone(),
                _ => self.file(listed, bytes),
            };
            bytes += file.bytes;
            files.insert(Arc::clone(&listed.name), file);
        }
        if list(&self.dir, self.options.files_max) != before {
            return None;
        }
        self.files = files;
        // Only what is still in a file is kept.
        let chunks = self.files.values().flat_map(KnownFile::chunks);
        self.chunks = chunks.map(|chunk| ((chunk.digest, chunk.format), Arc::clone(&chunk.read))).collect();
        Some(self.reading(before))
    }

    fn file(&self, listed: &Listed, bytes_before: u64) -> KnownFile {
        let read_at = SystemTime::now();
        let text = self.text(listed, bytes_before);
        let bytes = text.as_ref().map_or(0, |text| text.len() as u64);
        let content = match text {
            Ok(text) => {
                let parts = chunk::chunks(&text, TextFormat::of_name(&listed.name));
                ReadContent::Chunks(parts.into_iter().map(|part| self.chunk(part)).collect())
            }
            Err(problem) => ReadContent::Unreadable(problem),
        };
        KnownFile {
            path: listed.path.clone(),
            settled: listed.stamp.is_settled(read_at) && matches!(content, ReadContent::Chunks(_)),
            stamp: listed.stamp.clone(),
            bytes,
            content,
        }
    }

    fn text(&self, listed: &Listed, bytes_before: u64) -> Result<String, Box<FileProblem>> {
        let max = self.options.file_bytes_max;
        let mut content = Vec::new();
        let read = File::open(&listed.path).and_then(|file| file.take(max + 1).read_to_end(&mut content));
        read.map_err(|error| Box::new(unreadable(&listed.name, &error)))?;
        let too_much = |message| Err(Box::new(FileProblem::of_file(&listed.name, message)));
        let bytes = content.len() as u64;
        if bytes > max {
            return too_much(format!("has more than {max} bytes; split it, or raise file_bytes_max"));
        }
        if bytes_before + bytes > self.options.bytes_max {
            let max = self.options.bytes_max;
            return too_much(format!(
                "makes it more than {max} bytes in all files; keep fewer, or raise bytes_max"
            ));
        }
        String::from_utf8(content).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let lines = error.as_bytes()[..good].split(|byte| *byte == b'\n').count();
            Box::new(FileProblem {
                line: Some(lines as u64),
                ..FileProblem::of_file(&listed.name, "is not UTF-8 text here")
            })
        })
    }

    fn chunk(&self, part: TextChunk<'_>) -> KnownChunk {
        let digest = Digest::of_bytes(part.text.as_bytes());
        let known = self.chunks.get(&(digest, part.format));
        KnownChunk {
            digest,
            format: part.format,
            lines_before: part.lines_before,
            read: known.map_or_else(|| Arc::new(chunk::read(part)), Arc::clone),
        }
    }

    fn reading(&self, listing: Listing) -> DirectoryContents {
        let (mut documents, mut digests) = (Vec::new(), Vec::new());
        let mut problems = listing.problems;
        let mut fingerprint = String::new();
        for (name, file) in &self.files {
            fingerprint += &format!("{name:?}\n");
            if let ReadContent::Unreadable(problem) = &file.content {
                problems.push((**problem).clone());
            }
            for known in file.chunks() {
                fingerprint += &format!("{}\n", known.digest);
                let part = known.part();
                add_documents(&known.read, part, name, |document| documents.push(document));
                digests.extend(known.read.documents.iter().map(|document| document.digest));
                problems.extend(problems_of(known.read.problems.iter().cloned(), part, name));
            }
        }
        problems.extend(duplicates(&documents));
        for problem in &problems {
            fingerprint += &format!("{problem}\n");
        }
        DirectoryContents {
            documents: documents.into_iter().zip(digests).collect(),
            problems,
            fingerprint: Digest::of_bytes(fingerprint.as_bytes()),
            files: self.files.len(),
            folders: listing.folders,
        }
    }

    /// The line and the column of a place in a document, if its file still holds it. Blocks.
    pub(super) fn locate(&self, file: &str, document: &DocumentId, path: &JsonPointer) -> Option<(u64, u64)> {
        let known = self.files.get(file)?;
        let text: io::Result<String> = std::fs::read_to_string(&known.path);
        locate(&text.ok()?, file, document, path)
    }
}

impl KnownFile {
    fn is_still(&self, listed: &Listed) -> bool {
        self.settled && self.path == listed.path && self.stamp == listed.stamp
    }

    fn chunks(&self) -> impl Iterator<Item = &KnownChunk> {
        match &self.content {
            ReadContent::Chunks(chunks) => chunks.iter(),
            ReadContent::Unreadable(_) => [].iter(),
        }
    }
}

impl KnownChunk {
    /// The part of the file that this was, but for its text.
    fn part(&self) -> TextChunk<'static> {
        TextChunk { text: "", format: self.format, lines_before: self.lines_before }
    }
}

/// A document's body and digest by its id, as a directory has it.
pub(crate) type DocumentBodies = BTreeMap<DocumentId, (Arc<Value>, Digest)>;

impl DirectoryContents {
    /// Its documents by id.
    pub(super) fn current(&self) -> DocumentBodies {
        let by_id = |(document, digest): &(FileDocument, Digest)| {
            (document.id.clone(), (Arc::clone(&document.body), *digest))
        };
        self.documents.iter().map(by_id).collect()
    }

    /// The file and the line of a document.
    pub(super) fn file_of(&self, id: &DocumentId) -> Option<&FileDocument> {
        let mut documents = self.documents.iter().map(|(document, _)| document);
        documents.find(|document| document.id == *id)
    }
}
