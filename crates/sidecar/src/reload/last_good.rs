//! What the app last confirmed: in memory, and across restarts in a directory.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::files::WatchedContent;
use crate::files::replace::replace;
use crate::hash::Hash;
use crate::logging;

/// Only the sidecar's user reads what it keeps: there may be secrets in a config.
const MODE: u32 = 0o600;
/// How large the list of what is kept may be, in bytes.
const LIST_BYTES_MAX: u64 = 16 << 20;
const LIST: &str = "verified.json";
const SUFFIX: &str = ".content";

/// The content that was last verified.
#[derive(Debug)]
pub(crate) struct VerifiedContent {
    content: Option<Arc<WatchedContent>>,
    dir: Option<PathBuf>,
}

impl VerifiedContent {
    /// Begins with what the directory holds.
    ///
    /// # Errors
    /// When the directory cannot be made. A broken one is reported, and treated as missing.
    pub(crate) fn open(dir: Option<PathBuf>) -> io::Result<Self> {
        let Some(dir) = dir else { return Ok(Self { content: None, dir: None }) };
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let content = match load(&dir) {
            Ok(content) => content.map(Arc::new),
            Err(why) => {
                let path = dir.join(LIST);
                logging::warn(
                    "cannot read the last verified content; the next verified reload writes it again",
                    &[("file", &path.display()), ("error", &why)],
                );
                None
            }
        };
        Ok(Self { content, dir: Some(dir) })
    }

    pub(crate) fn content(&self) -> Option<&WatchedContent> {
        self.content.as_deref()
    }

    /// Keeps a content that was verified.
    pub(crate) fn keep(&mut self, content: &Arc<WatchedContent>) {
        let is_known =
            self.content().is_some_and(|known| known.hash == content.hash && !known.kept.is_empty());
        self.content = Some(Arc::clone(content));
        let Some(dir) = self.dir.as_ref().filter(|_| !is_known) else { return };
        if let Err(error) = save(dir, content) {
            logging::error(
                "cannot save the verified content; it is lost at a restart",
                &[("dir", &dir.display()), ("error", &error)],
            );
        }
    }
}

fn file_of(dir: &Path, hash: Hash) -> PathBuf {
    dir.join(format!("{hash}{SUFFIX}"))
}

/// Writes what is new, then the list that names it, then removes what is not named any more. Cut off anywhere, the
/// list names only what is there.
fn save(dir: &Path, content: &WatchedContent) -> io::Result<()> {
    let mut kept = Vec::new();
    for (path, bytes) in &content.kept {
        let Some(hash) = content.files.get(path) else { continue };
        let file = file_of(dir, *hash);
        if !file.exists() {
            replace(&file, bytes, MODE)?;
        }
        kept.push((path.to_string_lossy().into_owned(), file));
    }
    let files = content.files.iter();
    let files: Map<_, _> =
        files.map(|(path, hash)| (path.to_string_lossy().into_owned(), hash.to_string().into())).collect();
    let names: Vec<Value> = kept.iter().map(|(path, _)| path.as_str().into()).collect();
    let mut list = Map::new();
    list.insert("hash".into(), content.hash.to_string().into());
    list.insert("files".into(), files.into());
    list.insert("kept".into(), names.into());
    replace(&dir.join(LIST), format!("{:#}\n", Value::Object(list)).as_bytes(), MODE)?;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_named = kept.iter().any(|(_, file)| *file == path);
        if path.to_string_lossy().ends_with(SUFFIX) && !is_named {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn load(dir: &Path) -> Result<Option<WatchedContent>, String> {
    let path = dir.join(LIST);
    match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(is) if is.len() > LIST_BYTES_MAX => {
            return Err(format!("is larger than {} MiB", LIST_BYTES_MAX >> 20));
        }
        Ok(_) => {}
    }
    let list = fs::read(&path).map_err(|error| error.to_string())?;
    let list: Value = serde_json::from_slice(&list).map_err(|error| error.to_string())?;
    let hash = |value: &Value| value.as_str().and_then(Hash::parse).ok_or("has an invalid hash");
    let mut files = BTreeMap::new();
    for (path, value) in list.get("files").and_then(Value::as_object).ok_or("lists no files")? {
        files.insert(PathBuf::from(path), hash(value)?);
    }
    let mut kept = BTreeMap::new();
    for path in list.get("kept").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        let path = PathBuf::from(path);
        let of = *files.get(&path).ok_or("contains a file that it does not list")?;
        let bytes = fs::read(file_of(dir, of)).map_err(|error| format!("{}: {error}", path.display()))?;
        if Hash::of(&bytes) != of {
            return Err(format!("the saved content of {} has another hash", path.display()));
        }
        kept.insert(path, bytes.into());
    }
    Ok(Some(WatchedContent { hash: hash(&list["hash"])?, files, kept }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn content(text: &str) -> Arc<WatchedContent> {
        let (path, hash) = (PathBuf::from("/app.yaml"), Hash::of(text.as_bytes()));
        Arc::new(WatchedContent {
            hash,
            files: BTreeMap::from([(path.clone(), hash)]),
            kept: BTreeMap::from([(path, text.as_bytes().into())]),
        })
    }

    fn open(dir: &Path) -> VerifiedContent {
        VerifiedContent::open(Some(dir.to_owned())).unwrap()
    }

    #[test]
    fn the_last_content_is_kept_over_a_restart_and_is_private() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("state");
        let mut good = open(&dir);
        assert!(good.content().is_none());
        good.keep(&content("one"));
        good.keep(&content("two"));
        let good = open(&dir);
        let known = good.content().unwrap();
        assert_eq!(known.hash, Hash::of(b"two"));
        assert_eq!(*known.kept[Path::new("/app.yaml")], *b"two");
        let files: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 2, "{files:?}");
        for file in files {
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_was_tampered_with_is_as_if_it_were_not_there() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).keep(&content("one"));
        let file = file_of(dir.path(), Hash::of(b"one"));
        fs::write(&file, "other").unwrap();
        assert!(load(dir.path()).unwrap_err().contains("another hash"));
        assert!(open(dir.path()).content().is_none());
        fs::write(dir.path().join(LIST), "{").unwrap();
        assert!(open(dir.path()).content().is_none());
    }
}
