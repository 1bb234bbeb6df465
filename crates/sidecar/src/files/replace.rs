//! Gives a file a new content at once: a reader gets the old bytes or the new ones, never a part.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;

/// Writes a file beside and renames it over the path, or over what the path links to. It keeps the mode of the previous
/// file, and its owner where this user may change owners; a new one has `mode`.
///
/// # Errors
/// The message of the system. The file is then as it was.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let path = match std::fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        path => path?,
    };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // A watcher of the folder skips such names, as it does kubelet's.
    let mut beside = OsString::from("..");
    beside.push(name);
    beside.push(".sidecar");
    let beside = folder.join(beside);
    let written = write(&beside, &path, bytes, mode).and_then(|()| std::fs::rename(&beside, &path));
    if written.is_err() {
        // What could not be put in place does no harm, and the next write begins with removing it.
        drop(std::fs::remove_file(&beside));
    }
    written?;
    // Without this the rename may be lost in a crash of the machine, the content never.
    File::open(folder)?.sync_all()
}

fn write(beside: &Path, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let was = std::fs::metadata(path).ok();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    if let Some(was) = &was {
        // Only the superuser changes owners; for others the file becomes their own.
        drop(fchown(&file, Some(was.uid()), Some(was.gid())));
    }
    file.write_all(bytes)?;
    let mode = was.map_or(mode, |was| was.mode() & 0o7777);
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}
