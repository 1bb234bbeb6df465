//! The folder that belongs to one server: the lock on it, the server's name, and its copy of what it serves.

use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use midflight_store::LastGoodFile;

use crate::error::ServeError;
use crate::kept_tokens::KeptTokens;
use crate::recovery::Recovery;

/// The longest name of a replica, in bytes.
const REPLICA_ID_BYTES_MAX: usize = 128;

/// The folder of a server, as long as it runs.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Ends with the process, however that ends.
    _lock: File,
}

impl DataDir {
    /// Makes the folder if it is not there, and takes it for this process.
    pub(crate) fn open(path: &Path) -> Result<Self, ServeError> {
        let failed = |error| ServeError::DataDir(path.to_owned(), error);
        std::fs::create_dir_all(path).map_err(failed)?;
        let lock = File::create(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(ServeError::DataDirInUse(path.to_owned())),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// The name that was wanted, or the one that a server on this folder has always had, whatever address it listens
    /// on.
    pub(crate) fn replica_id(&self, wanted: Option<&str>) -> Result<String, ServeError> {
        if let Some(wanted) = wanted {
            return checked(wanted).ok_or_else(|| ServeError::ReplicaId(wanted.to_owned()));
        }
        let file = self.path.join("replica-id");
        let failed = |error| ServeError::DataDir(self.path.clone(), error);
        match std::fs::read_to_string(&file) {
            Ok(kept) => {
                let kept = kept.trim();
                checked(kept).ok_or_else(|| ServeError::ReplicaId(kept.to_owned()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let made = fresh_id()?;
                std::fs::write(&file, format!("{made}\n")).map_err(failed)?;
                Ok(made)
            }
            Err(error) => Err(failed(Error::new(error.kind(), format!("{}: {error}", file.display())))),
        }
    }

    /// Where the copy of what is served is kept.
    pub(crate) fn last_good(&self) -> LastGoodFile {
        LastGoodFile::new(self.path.join("last-good"))
    }

    /// Where the states of modules and what was compiled of them are kept.
    #[cfg(feature = "modules")]
    pub(crate) fn modules(&self) -> PathBuf {
        self.path.join("modules")
    }

    /// Where a new admin token is asked for.
    pub(crate) fn recovery(&self) -> Recovery {
        Recovery::new(&self.path)
    }

    /// Where the hashes of the tokens are kept with that copy.
    pub(crate) fn tokens(&self) -> KeptTokens {
        KeptTokens::new(self.path.join("tokens"))
    }
}

/// A name that lists, headers and labels can show as it is.
fn checked(id: &str) -> Option<String> {
    let fits = (1..=REPLICA_ID_BYTES_MAX).contains(&id.len());
    let shows = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte));
    (fits && shows).then(|| id.to_owned())
}

/// The host's name and enough randomness for no other replica of it to be called so.
fn fresh_id() -> Result<String, ServeError> {
    let mut bytes = [0_u8; 4];
    getrandom::fill(&mut bytes).map_err(ServeError::Randomness)?;
    let host: String = host_name()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .take(REPLICA_ID_BYTES_MAX / 2)
        .collect();
    Ok(format!("{host}-{:08x}", u32::from_be_bytes(bytes)))
}

#[cfg(unix)]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "replica".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_servers_and_gives_it_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap();
        let refused = DataDir::open(folder.path()).unwrap_err();
        assert!(refused.to_string().contains("in use"), "{refused}");
        let id = first.replica_id(None).unwrap();
        assert!(checked(&id).is_some(), "{id}");
        drop(first);
        let again = DataDir::open(folder.path()).unwrap();
        assert_eq!(again.replica_id(None).unwrap(), id);
        assert_eq!(again.replica_id(Some("r1")).unwrap(), "r1");
        for wrong in ["", "a b", "a\n", &"x".repeat(129)] {
            let refused = again.replica_id(Some(wrong)).unwrap_err();
            assert!(refused.to_string().contains("use 1-128 of"), "{refused}");
        }
        std::fs::write(folder.path().join("replica-id"), "\n").unwrap();
        assert!(again.replica_id(None).is_err());
    }
}
