//! The lock that keeps a second server off the same file.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Held as long as the log is open; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock beside `store`, or reports who has it.
    pub(super) fn take(store: &Path) -> Result<Self, StoreError> {
        let path = PathBuf::from(format!("{}.lock", store.display()));
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file =
            opened.map_err(|error| StoreError::ReadOnly(format!("{}: {error}", path.display())))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let known = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
                let holder =
                    if known { format!("process {}", holder.trim()) } else { "another process".to_owned() };
                return Err(StoreError::InUse(format!("{holder} has {}", store.display())));
            }
            Err(TryLockError::Error(error)) => {
                return Err(StoreError::Unavailable(format!("cannot lock {}: {error}", path.display())));
            }
        }
        // Only for the message above; that it cannot be written takes nothing from the lock.
        let noted = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        if let Err(error) = noted {
            tracing::debug!(%error, "the lock file does not name this process");
        }
        Ok(Self { _file: file })
    }
}
