//! Follows a path link by link, and notes every folder in which something may happen that leads it elsewhere.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::PathFilters;

/// How many links a path may lead through; the system allows as many.
const LINKS_MAX: usize = 40;

/// Notes the folders on the way of an absolute path, as far as it goes.
///
/// # Errors
/// The message of the system for the first part that leads nowhere, or a loop of links.
pub(super) fn trace(path: &Path, folders: &mut PathFilters) -> io::Result<()> {
    let mut at = PathBuf::from("/");
    let mut rest = parts(path);
    let mut links = 0;
    while let Some(part) = rest.pop() {
        if part == ".." {
            at.pop();
            continue;
        }
        let concern = folders.entry(at.clone()).or_default();
        concern.names.insert(part.clone());
        concern.content |= rest.is_empty();
        let here = at.join(&part);
        if !std::fs::symlink_metadata(&here)?.is_symlink() {
            at = here;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            return Err(Errno::LOOP.into());
        }
        let target = std::fs::read_link(&here)?;
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        rest.extend(parts(&target));
    }
    Ok(())
}

/// The parts of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    names.collect()
}
