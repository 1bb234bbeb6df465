//! A directory to watch, and the name as which it owns its documents.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use midflight_core::Owner;

use super::SourceError;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A directory with a name. What it puts into the log belongs to `file:NAME`, wherever the directory is: one that was
/// moved, or that is mounted elsewhere on another replica, keeps its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedDirectory {
    name: String,
    path: PathBuf,
}

impl NamedDirectory {
    /// A directory by this name: 1 to 128 bytes, without slashes and control characters.
    ///
    /// # Errors
    /// [`SourceError::Name`] when it is none; [`SourceError::Path`] when the path is empty.
    pub fn new(name: &str, path: impl AsRef<Path>) -> Result<Self, SourceError> {
        let is_invalid = name.is_empty()
            || name.len() > NAME_BYTES_MAX
            || name.contains(|character: char| character == '/' || character.is_control());
        if is_invalid {
            return Err(SourceError::Name(name.chars().take(NAME_BYTES_MAX).collect()));
        }
        Ok(Self { name: name.to_owned(), path: absolute(path.as_ref())? })
    }

    /// A directory by the last component of its path.
    ///
    /// # Errors
    /// As [`Self::new`]; [`SourceError::Unnamed`] when the path has no last component, as `/` and `..`.
    pub fn unnamed(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        let absolute = absolute(path.as_ref())?;
        match absolute.file_name() {
            Some(name) => Self::new(&name.to_string_lossy(), &absolute),
            None => Err(SourceError::Unnamed(absolute)),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path from the root, as it was given: not through links, for where they lead may change.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// As whom it owns its documents.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner::new(&format!("file:{}", self.name))
    }
}

/// Checks that every directory has a name of its own: they would delete each other's documents.
///
/// # Errors
/// [`SourceError::SameName`].
pub fn distinct(directories: &[NamedDirectory]) -> Result<(), SourceError> {
    for (n, one) in directories.iter().enumerate() {
        if let Some(same) = directories.iter().take(n).find(|before| before.name == one.name) {
            let (name, first, second) = (one.name.clone(), same.path.clone(), one.path.clone());
            return Err(SourceError::SameName { name, first, second });
        }
    }
    Ok(())
}

/// Reads `DIR`, or `NAME=DIR`. What has a slash before the first `=` is a path.
impl FromStr for NamedDirectory {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        match text.split_once('=') {
            Some((name, path)) if !name.contains('/') => Self::new(name, path),
            _ => Self::unnamed(text),
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, SourceError> {
    let absolute =
        std::path::absolute(path).map_err(|source| SourceError::Path { path: path.to_owned(), source })?;
    // Taken apart and put together, so that a slash at the end makes no other path.
    Ok(absolute.components().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_named_by_its_flag_or_by_its_last_component() {
        for (text, name, path) in [
            ("/etc/rules", "rules", "/etc/rules"),
            ("/etc/rules/", "rules", "/etc/rules"),
            ("pricing=/etc/rules", "pricing", "/etc/rules"),
            ("/mnt/a=b", "a=b", "/mnt/a=b"),
            ("a b=/x=y", "a b", "/x=y"),
        ] {
            let parsed: NamedDirectory = text.parse().unwrap();
            assert_eq!((parsed.name(), parsed.path()), (name, Path::new(path)), "{text}");
            assert_eq!(parsed.owner().as_str(), format!("file:{name}"));
        }
        let all = |texts: &[&str]| {
            let parsed: Vec<_> = texts.iter().map(|text| text.parse().unwrap()).collect();
            distinct(&parsed).map_err(|error| error.to_string())
        };
        assert_eq!(all(&["/a/rules", "b=/b/rules"]), Ok(()));
        let same = all(&["/a/rules", "/b/rules"]).unwrap_err();
        assert!(same.contains("/a/rules and /b/rules") && same.contains("--watch NAME=DIR"), "{same}");
        for (text, message) in [
            ("/", "--watch NAME=DIR"),
            ("/etc/..", "--watch NAME=DIR"),
            ("=/etc/rules", "1 to 128 bytes"),
            ("a\n=/etc/rules", "1 to 128 bytes"),
            ("", "is not a path"),
            ("rules=", "is not a path"),
        ] {
            let error = text.parse::<NamedDirectory>().unwrap_err().to_string();
            assert!(error.contains(message), "{text:?}: {error}");
        }
    }
}
