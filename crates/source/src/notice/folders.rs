//! Which folders have to be watched for changes, and what in them is relevant.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::{Component, Path, PathBuf};

/// How long a chain of links may be, as in Linux.
const LINKS_MAX: usize = 40;

/// What of a folder concerns a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FolderFilter {
    /// Everything that could be a document, or a way to one.
    pub(crate) all: bool,
    /// These entries, whatever they are: links on the way to a document, and what they lead to.
    pub(crate) names: BTreeSet<OsString>,
}

/// The folders in which something would happen if a directory changed.
pub(crate) type FolderFilters = BTreeMap<PathBuf, FolderFilter>;

#[cfg(unix)]
pub(crate) fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
pub(crate) fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

pub(crate) fn is_document(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("yaml" | "yml" | "json" | "toml"))
}

/// Adds a path to the filter, and if it is a link, its target too.
pub(crate) fn watch_links(path: &Path, folders: &mut FolderFilters) {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        concern(&path, folders);
        match (fs::read_link(&path), path.parent()) {
            (Ok(target), Some(parent)) => path = parent.join(target),
            _ => return,
        }
    }
}

/// Makes one entry of its folder a concern.
pub(crate) fn concern(path: &Path, folders: &mut FolderFilters) {
    if let (Some(parent), Some(name)) = (path.parent(), path.file_name())
        && let Ok(parent) = fs::canonicalize(parent)
    {
        folders.entry(parent).or_default().names.insert(name.to_owned());
    }
}

/// Makes every link on the way to a file a concern, wherever in its path, and what it leads to. So the swap of a link
/// to a folder is noticed, by which kubelet changes a mounted ConfigMap.
pub(crate) fn watch_way(path: &Path, folders: &mut FolderFilters) {
    let mut links = 0;
    let mut way: Vec<PathBuf> = vec![path.to_owned()];
    let mut here = PathBuf::new();
    while let Some(path) = way.pop() {
        let mut parts = path.components();
        while let Some(part) = parts.next() {
            match part {
                Component::RootDir | Component::Prefix(_) => here = PathBuf::from(part.as_os_str()),
                Component::ParentDir => drop(here.pop()),
                Component::CurDir => {}
                Component::Normal(name) => {
                    let next = here.join(name);
                    let Ok(target) = fs::read_link(&next) else {
                        here = next;
                        continue;
                    };
                    concern(&next, folders);
                    links += 1;
                    if links > LINKS_MAX {
                        return;
                    }
                    way.push(parts.as_path().to_owned());
                    way.push(target);
                    break;
                }
            }
        }
    }
    concern(&here, folders);
}
