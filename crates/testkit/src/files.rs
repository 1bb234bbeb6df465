//! The ways in which a file changes under its watcher.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Saves as careful programs do: beside, and renamed over.
pub fn rename_over(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}

/// A mounted ConfigMap with one file, changed as kubelet's atomic writer does: a new folder with a time as its name, a
/// link to it beside, and that link renamed over `..data`.
#[derive(Debug)]
pub struct ConfigMap {
    folder: PathBuf,
    name: &'static str,
    written: u32,
}

impl ConfigMap {
    /// Mounts one in a folder that is there.
    #[must_use]
    pub fn mount(folder: &Path, name: &'static str, text: &str) -> Self {
        let mut map = Self { folder: folder.to_owned(), name, written: 0 };
        map.write(text);
        symlink(Path::new("..data").join(name), map.file()).unwrap();
        map
    }

    /// The file, at the path where it is mounted.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join(self.name)
    }

    /// Changes its contents.
    pub fn write(&mut self, text: &str) {
        let (data, beside) = (self.folder.join("..data"), self.folder.join("..data_tmp"));
        let old = fs::read_link(&data).ok();
        self.written += 1;
        let new = format!("..2026_11_21_15_00_00.{:09}", self.written);
        fs::create_dir(self.folder.join(&new)).unwrap();
        fs::write(self.folder.join(&new).join(self.name), text).unwrap();
        symlink(&new, &beside).unwrap();
        fs::rename(beside, data).unwrap();
        if let Some(old) = old {
            fs::remove_dir_all(self.folder.join(old)).unwrap();
        }
    }
}
