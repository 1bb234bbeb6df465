//! Reads the watched files through their paths, and finds out where to listen for changes of them.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::trace::trace;
use super::{PathFilters, ReadProblem, WatchedContent, is_kubelets};
use crate::hash::{Hash, Hasher};

/// The largest file, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The most bytes in all files.
const BYTES_MAX: u64 = 256 << 20;
/// The most bytes that are kept to be written back.
const KEPT_BYTES_MAX: u64 = 64 << 20;
/// The most files and folders.
const ENTRIES_MAX: usize = 10_000;
/// How deep folders may lie in each other.
const DEPTH_MAX: usize = 32;

/// Reads the watched paths again and again.
#[derive(Debug)]
pub(crate) struct PathReader {
    paths: Vec<PathBuf>,
    /// Whether the contents of the files may be wanted back.
    keeps: bool,
    /// Whether a path was a file when it was first read; it is to stay what it was.
    files: BTreeMap<PathBuf, bool>,
}

impl PathReader {
    pub(crate) fn new(paths: Vec<PathBuf>, keeps: bool) -> Self {
        Self { paths, keeps, files: BTreeMap::new() }
    }

    /// Reads all files. The folders are those in which a change is to be watched, also when something cannot be read:
    /// it may be fixed there.
    ///
    /// # Errors
    /// The first [`ReadProblem`]: of what cannot be read completely, nothing is known.
    pub(crate) fn read(&mut self) -> (PathFilters, Result<WatchedContent, ReadProblem>) {
        let mut reading = PathContents { keeps: self.keeps, ..PathContents::default() };
        let mut problem = None;
        let mut is_file = false;
        for path in &self.paths {
            match reading.watched(path, self.files.get(path).copied()) {
                Ok(file) => {
                    is_file = file;
                    self.files.insert(path.clone(), file);
                }
                Err(found) => problem = problem.or(Some(found)),
            }
        }
        let PathContents { folders, files, kept, .. } = reading;
        let is_one_file = is_file && self.paths.len() == 1;
        (folders, problem.map_or_else(|| Ok(WatchedContent::new(files, kept, is_one_file)), Err))
    }
}

#[derive(Debug, Default)]
struct PathContents {
    keeps: bool,
    folders: PathFilters,
    files: BTreeMap<PathBuf, Hash>,
    kept: BTreeMap<PathBuf, Arc<[u8]>>,
    entries: usize,
    bytes: u64,
    kept_bytes: u64,
}

impl PathContents {
    /// Reads a path that was given; whether it is a file. It is to be what it was, if that is known.
    fn watched(&mut self, path: &Path, was_file: Option<bool>) -> Result<bool, ReadProblem> {
        let problem = |error: io::Error| ReadProblem::new(path, says(&error));
        trace(path, &mut self.folders).map_err(problem)?;
        let (mut file, is) = open(path).map_err(problem)?;
        if was_file.is_some_and(|was_file| was_file == is.is_dir()) {
            let (now, was) = if is.is_dir() { ("a directory", "a file") } else { ("a file", "a directory") };
            return Err(ReadProblem::new(path, format!("is {now} now and was {was}")));
        }
        if is.is_dir() {
            self.folder(path, &mut Vec::new(), &is)?;
            return Ok(false);
        }
        if !is.is_file() {
            return Err(ReadProblem::new(path, "is neither a file nor a directory"));
        }
        let mut kept = (self.keeps && self.kept_bytes + is.len() <= KEPT_BYTES_MAX).then(Vec::new);
        self.content(path, &mut file, kept.as_mut())?;
        if let Some(kept) = kept {
            self.kept_bytes += kept.len() as u64;
            self.kept.insert(path.to_owned(), kept.into());
        }
        Ok(true)
    }

    /// Reads the files of a folder and of its folders. `above` are the folders above it, by device and inode.
    fn folder(&mut self, path: &Path, above: &mut Vec<(u64, u64)>, is: &Metadata) -> Result<(), ReadProblem> {
        let identity = (is.dev(), is.ino());
        // A link that leads back up: what is there is read already.
        if above.contains(&identity) {
            return Ok(());
        }
        if above.len() >= DEPTH_MAX {
            return Err(ReadProblem::new(
                path,
                format!("is deeper than {DEPTH_MAX} folders; watch a folder in it"),
            ));
        }
        let problem = |error: io::Error| ReadProblem::new(path, says(&error));
        above.push(identity);
        let concern = self.folders.entry(path.to_owned()).or_default();
        (concern.all, concern.content) = (true, true);
        for entry in std::fs::read_dir(path).map_err(problem)? {
            let entry = entry.map_err(problem)?;
            if !is_kubelets(&entry.file_name()) {
                self.entry(&entry.path(), above)?;
            }
        }
        above.pop();
        Ok(())
    }

    fn entry(&mut self, path: &Path, above: &mut Vec<(u64, u64)>) -> Result<(), ReadProblem> {
        let problem = |error: io::Error| ReadProblem::new(path, says(&error));
        self.entries += 1;
        if self.entries > ENTRIES_MAX {
            return Err(ReadProblem::new(
                path,
                format!("is one too many: {ENTRIES_MAX} files and folders at most"),
            ));
        }
        let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let is_link = match std::fs::symlink_metadata(path) {
            // It was removed since the folder was listed, which is reported as an event of its own.
            Err(error) if is_missing(&error) => return Ok(()),
            is => is.map_err(problem)?.is_symlink(),
        };
        if is_link {
            match trace(path, &mut self.folders) {
                // Editors use links to nowhere as locks.
                Err(error) if is_missing(&error) => return Ok(()),
                traced => traced.map_err(problem)?,
            }
        }
        let (mut file, is) = match open(path) {
            Err(error) if is_missing(&error) || is_no_file(&error) => return Ok(()),
            opened => opened.map_err(problem)?,
        };
        match is {
            is if is.is_dir() => self.folder(path, above, &is),
            is if is.is_file() => self.content(path, &mut file, None),
            _ => Ok(()),
        }
    }

    fn content(
        &mut self,
        path: &Path,
        file: &mut File,
        mut kept: Option<&mut Vec<u8>>,
    ) -> Result<(), ReadProblem> {
        let mut hasher = Hasher::default();
        let mut piece = [0; 16 << 10];
        let mut bytes = 0;
        loop {
            let read = match file.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|error| ReadProblem::new(path, says(&error)))?,
            };
            let piece = piece.get(..read).unwrap_or_default();
            if piece.is_empty() {
                break;
            }
            bytes += piece.len() as u64;
            if bytes > FILE_BYTES_MAX {
                return Err(ReadProblem::new(path, format!("is larger than {} MiB", FILE_BYTES_MAX >> 20)));
            }
            hasher.add(piece);
            if let Some(kept) = &mut kept {
                kept.extend_from_slice(piece);
            }
        }
        self.bytes += bytes;
        if self.bytes > BYTES_MAX {
            let max = BYTES_MAX >> 20;
            return Err(ReadProblem::new(path, format!("is too much: {max} MiB in all files at most")));
        }
        self.files.insert(path.to_owned(), hasher.done());
        Ok(())
    }
}

/// Opens a path, whatever it is. What could be waited for, as a pipe, is not waited for.
fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

/// A socket cannot be opened.
fn is_no_file(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NXIO)
}

fn says(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist".into(),
        io::ErrorKind::PermissionDenied => "is not readable for this user".into(),
        _ => format!("cannot be read: {error}"),
    }
}
