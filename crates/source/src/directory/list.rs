//! Which files a directory has, without reading them, and which folders have to be watched for changes.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::FileProblem;
use crate::notice::{FolderFilters, concern, identity, is_document, watch_links};

/// The deepest folder below the directory.
const DEPTH_MAX: usize = 32;
/// How old a change must be before an unchanged stamp is trusted: file systems have the time in ticks, so two writes
/// close together can have one stamp.
const TRUST_AFTER: Duration = Duration::from_secs(2);

/// What a file looks like from outside. Files of equal stamps hold the same, unless they changed within one tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileStamp {
    /// The device and the number of the file, where the system has such.
    identity: Option<(u64, u64)>,
    bytes: u64,
    modified: Option<SystemTime>,
    /// When anything about the file changed, which cannot be set back: seconds and nanoseconds.
    changed: Option<(i64, i64)>,
}

impl FileStamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            identity: identity(metadata),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            changed: changed(metadata),
        }
    }

    /// Whether the file had this stamp for long enough at `now` that it would have another if it changed after.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        let changed = self.changed.and_then(|(seconds, nanoseconds)| {
            let since_epoch = Duration::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
            SystemTime::UNIX_EPOCH.checked_add(since_epoch)
        });
        let age = changed.and_then(|changed| now.duration_since(changed).ok());
        age.is_some_and(|age| age > TRUST_AFTER)
    }
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<(i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<(i64, i64)> {
    None
}

/// A file of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its path as people know it.
    pub(super) name: Arc<str>,
    /// Where it really is, all links followed.
    pub(super) path: PathBuf,
    pub(super) stamp: FileStamp,
}

/// What a directory holds, ordered by name. Two listings of the same are equal.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) files: Vec<Listed>,
    pub(super) folders: FolderFilters,
    pub(super) problems: Vec<FileProblem>,
}

/// Lists the documents' files of a directory: those that end in `.yaml`, `.yml`, `.json` or `.toml`, in it and its
/// folders, links followed. What begins with a dot is passed over: editors' files, and the folders behind a ConfigMap,
/// which are reached through the links beside them.
pub(super) fn list(dir: &Path, files_max: usize) -> Listing {
    let mut listing = Listing::default();
    watch_links(dir, &mut listing.folders);
    let name: Arc<str> = dir.to_string_lossy().into();
    match fs::canonicalize(dir) {
        Ok(root) => {
            let mut lister = Lister { listing: &mut listing, visited: BTreeSet::new(), files_max };
            lister.folder(&root, dir, 0);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = "the directory does not exist; its documents stay in the log until it is back";
            listing.problems.push(FileProblem::of_file(&name, message));
        }
        Err(error) => listing.problems.push(unreadable(&name, &error)),
    }
    if listing.files.len() > files_max {
        listing.files.clear();
        let message = format!("there are more than {files_max} files; keep fewer, or raise files_max");
        listing.problems.push(FileProblem::of_file(&name, message));
    }
    listing
}

pub(super) fn unreadable(name: &Arc<str>, error: &io::Error) -> FileProblem {
    FileProblem::of_file(name, format!("cannot be read: {error}"))
}

struct Lister<'a> {
    listing: &'a mut Listing,
    /// Folders that were listed, so that links in a circle end.
    visited: BTreeSet<PathBuf>,
    files_max: usize,
}

impl Lister<'_> {
    /// `path` is where the folder really is, `shown` what people call it.
    fn folder(&mut self, path: &Path, shown: &Path, depth: usize) {
        if !self.visited.insert(path.to_owned()) || self.listing.files.len() > self.files_max {
            return;
        }
        let name: Arc<str> = shown.to_string_lossy().into();
        if depth > DEPTH_MAX {
            let message = format!("there are more than {DEPTH_MAX} folders within each other; flatten them");
            return self.listing.problems.push(FileProblem::of_file(&name, message));
        }
        self.listing.folders.entry(path.to_owned()).or_default().all = true;
        let entries = fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let mut names: Vec<_> = match entries {
            Ok(entries) => entries.into_iter().map(|entry| entry.file_name()).collect(),
            Err(error) => return self.listing.problems.push(unreadable(&name, &error)),
        };
        names.sort_unstable();
        for entry in names {
            if !entry.as_encoded_bytes().starts_with(b".") {
                self.entry(&path.join(&entry), &shown.join(&entry), depth);
            }
        }
    }

    fn entry(&mut self, path: &Path, shown: &Path, depth: usize) {
        let is_document = is_document(path);
        let name: Arc<str> = shown.to_string_lossy().into();
        let found = fs::metadata(path).and_then(|metadata| Ok((fs::canonicalize(path)?, metadata)));
        let (real, metadata) = match found {
            Ok(found) => found,
            // It may be the link to a folder with documents, whatever its name: then they are not deleted, but out of
            // reach.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !is_document && fs::symlink_metadata(path).is_err() {
                    return;
                }
                watch_links(path, &mut self.listing.folders);
                let message = "is a link to a missing file; restore the file, or remove the link";
                return self.listing.problems.push(FileProblem::of_file(&name, message));
            }
            Err(error) => return self.listing.problems.push(unreadable(&name, &error)),
        };
        let is_link = real != path;
        if metadata.is_dir() {
            if is_link {
                watch_links(path, &mut self.listing.folders);
            }
            return self.folder(&real, shown, depth + 1);
        }
        if !is_document {
            return;
        }
        if !metadata.is_file() {
            let message = "is neither a file nor a folder; remove it, or give it another extension";
            return self.listing.problems.push(FileProblem::of_file(&name, message));
        }
        if is_link {
            watch_links(path, &mut self.listing.folders);
            concern(&real, &mut self.listing.folders);
        }
        self.listing.files.push(Listed { name, path: real, stamp: FileStamp::of(&metadata) });
    }
}
