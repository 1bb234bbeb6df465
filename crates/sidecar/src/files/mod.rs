//! The contents of the watched files, as of one moment.

mod read;
pub(crate) mod replace;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::hash::{Hash, Hasher};

pub(crate) use read::PathReader;

/// The contents of the watched files.
#[derive(Debug)]
pub(crate) struct WatchedContent {
    /// The same for two contents when they are the same.
    pub(crate) hash: Hash,
    /// The hash of each file, by the path through which it was read.
    pub(crate) files: BTreeMap<PathBuf, Hash>,
    /// The contents of the files that are watched by their own path, where it may be wanted back.
    pub(crate) kept: BTreeMap<PathBuf, Arc<[u8]>>,
}

impl WatchedContent {
    /// Of one file that is watched by its path it is that file's hash, which an app computes without knowing about
    /// sets. Of anything else it is that of the list of paths and hashes.
    fn new(files: BTreeMap<PathBuf, Hash>, kept: BTreeMap<PathBuf, Arc<[u8]>>, is_one_file: bool) -> Self {
        let only = files.values().next().copied().filter(|_| is_one_file);
        let hash = only.unwrap_or_else(|| hash_of_set(&files));
        Self { hash, files, kept }
    }
}

/// The hash of `path NUL hash NEWLINE` of every file, ordered by path.
fn hash_of_set(files: &BTreeMap<PathBuf, Hash>) -> Hash {
    let mut lines: Vec<_> = files.iter().map(|(path, hash)| (path.as_os_str().as_bytes(), hash)).collect();
    // Paths compare part by part; the order that an app can make without knowing that is by bytes.
    lines.sort_unstable();
    let mut hasher = Hasher::default();
    for (path, hash) in lines {
        hasher.add(path);
        hasher.add(b"\0");
        hasher.add(hash.to_string().as_bytes());
        hasher.add(b"\n");
    }
    hasher.done()
}

/// Why the files cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadProblem {
    pub(crate) path: PathBuf,
    pub(crate) why: String,
}

impl ReadProblem {
    fn new(path: impl Into<PathBuf>, why: impl ToString) -> Self {
        Self { path: path.into(), why: why.to_string() }
    }
}

/// What matters of what happens in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PathFilter {
    /// Whatever appears or goes matters, except what kubelet keeps for itself.
    pub(crate) all: bool,
    /// These names matter in any case.
    pub(crate) names: BTreeSet<OsString>,
    /// The contents of files here matter; else only their existence.
    pub(crate) content: bool,
}

/// Folders in which something may happen that changes what is read.
pub(crate) type PathFilters = BTreeMap<PathBuf, PathFilter>;

/// Whether a name is one of those that kubelet's atomic writer keeps for itself.
pub(crate) fn is_kubelets(name: &std::ffi::OsStr) -> bool {
    name.as_bytes().starts_with(b"..")
}
