//! A journal in a folder: one file for each module, appended to, rewritten when it is mostly history.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use midflight_core::DocumentName;

use super::codec::{decode, encode};
use super::{Journal, JournalError, JournalRecord, ModuleHistory};

/// A file is rewritten when it is larger than this and than four times its live contents. 16 MiB.
const REWRITE_BYTES_MIN: u64 = 16 << 20;

/// Keeps records in files.
#[derive(Debug)]
pub struct FileJournal {
    folder: PathBuf,
    /// Whether each record is on the disk when it is taken, not only with the operating system.
    is_synced: bool,
    modules: Mutex<BTreeMap<DocumentName, Arc<Mutex<Option<ModuleFile>>>>>,
}

#[derive(Debug)]
struct ModuleFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// How large the file was after it was last rewritten or opened.
    base: u64,
    history: ModuleHistory,
}

impl FileJournal {
    /// A journal in a folder, which is made when it is not there. With `is_synced` a record survives the machine,
    /// without it the process.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: &Path, is_synced: bool) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), is_synced, modules: Mutex::default() })
    }

    /// Runs blocking work on the file of a module.
    async fn with_file<T: Send + 'static>(
        &self,
        module: &DocumentName,
        work: impl FnOnce(&mut ModuleFile) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let slot = {
            let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(modules.entry(module.clone()).or_default())
        };
        let path = self.folder.join(file_name(module));
        let run = move || {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            let file = match &mut *slot {
                Some(file) => file,
                empty => empty.insert(ModuleFile::open(path)?),
            };
            work(file)
        };
        let done = tokio::task::spawn_blocking(run).await;
        done.map_err(|error| JournalError(error.to_string()))?
            .map_err(|error| JournalError(error.to_string()))
    }
}

#[async_trait]
impl Journal for FileJournal {
    async fn append(&self, module: &DocumentName, record: JournalRecord) -> Result<(), JournalError> {
        let is_synced = self.is_synced;
        self.with_file(module, move |file| file.append(record, is_synced)).await
    }

    async fn history(&self, module: &DocumentName) -> Result<ModuleHistory, JournalError> {
        self.with_file(module, |file| Ok(file.history.clone())).await
    }
}

impl ModuleFile {
    fn open(path: PathBuf) -> std::io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (records, whole) = decode(&bytes);
        let whole = whole as u64;
        if whole < bytes.len() as u64 {
            tracing::warn!(path = %path.display(), "the end of the journal was not written completely; it is removed");
            file.set_len(whole)?;
        }
        file.seek(SeekFrom::Start(whole))?;
        let mut history = ModuleHistory::default();
        records.into_iter().for_each(|record| history.apply(record));
        Ok(Self { path, file, bytes: whole, base: whole, history })
    }

    fn append(&mut self, record: JournalRecord, is_synced: bool) -> std::io::Result<()> {
        let frame = encode(&record).map_err(std::io::Error::other)?;
        let sync = |file: &File| if is_synced { file.sync_data() } else { Ok(()) };
        if let Err(error) = self.file.write_all(&frame).and_then(|()| sync(&self.file)) {
            // Half a frame is removed, so that the next one does not follow it.
            self.file.set_len(self.bytes)?;
            self.file.seek(SeekFrom::Start(self.bytes))?;
            return Err(error);
        }
        self.bytes += frame.len() as u64;
        self.history.apply(record);
        if self.bytes > REWRITE_BYTES_MIN
            && self.bytes > self.base.saturating_mul(4)
            && let Err(error) = self.rewrite()
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot shorten the journal; it grows on");
            self.base = self.bytes;
        }
        Ok(())
    }

    /// Writes what the records come to beside the file, and takes its place.
    fn rewrite(&mut self) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        for record in self.history.records() {
            bytes.extend(encode(&record).map_err(std::io::Error::other)?);
        }
        let beside = self.path.with_extension("new");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&beside)?;
        file.write_all(&bytes)?;
        file.sync_data()?;
        std::fs::rename(&beside, &self.path)?;
        (self.file, self.bytes, self.base) = (file, bytes.len() as u64, bytes.len() as u64);
        Ok(())
    }
}

/// A name that is a file name everywhere: what is no letter, digit, `-` or `_` is written as its code.
fn file_name(module: &DocumentName) -> String {
    let mut name = String::new();
    for byte in module.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    name + ".journal"
}
