//! What documents of the log may refer to: the directories and the variables that the operator of the process allows.

use std::path::{Component, Path, PathBuf};

/// What documents of the log may refer to. Nothing is allowed but what is named here: the right to edit a document does
/// not include the right to read the files and the environment of the process.
///
/// ```
/// use midflight_app::References;
///
/// # let folder = tempfile::tempdir()?;
/// # let secrets = folder.path();
/// let references = References::none().directory(secrets)?.variables("SHOP_")?;
/// # drop(references);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    directories: Vec<PathBuf>,
    prefixes: Vec<String>,
}

/// Something that cannot be allowed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReferencesError {
    /// A directory that is none.
    #[error("cannot allow references to files in {}: {why}; use an existing directory", .directory.display())]
    Directory {
        /// Which one.
        directory: PathBuf,
        /// Why.
        why: String,
    },
    /// A prefix that every variable has.
    #[error("cannot allow references to every variable: give the common prefix of the variables to allow")]
    Prefix,
}

impl References {
    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Allows the regular files in a directory and in those below it. What a symbolic link in it leads to outside of it
    /// stays refused.
    ///
    /// # Errors
    /// [`ReferencesError::Directory`] when it is no directory now.
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Result<Self, ReferencesError> {
        let directory = directory.as_ref();
        let failed = |why: String| ReferencesError::Directory { directory: directory.to_owned(), why };
        let is_directory = std::fs::metadata(directory).map_err(|error| failed(error.to_string()))?.is_dir();
        if !is_directory {
            return Err(failed("it is not a directory".to_owned()));
        }
        let absolute = std::path::absolute(directory).map_err(|error| failed(error.to_string()))?;
        self.directories.push(absolute);
        Ok(self)
    }

    /// Allows the variables of the environment whose names begin with `prefix`.
    ///
    /// # Errors
    /// [`ReferencesError::Prefix`] for an empty one.
    pub fn variables(mut self, prefix: impl Into<String>) -> Result<Self, ReferencesError> {
        let prefix = prefix.into();
        if prefix.is_empty() {
            return Err(ReferencesError::Prefix);
        }
        self.prefixes.push(prefix);
        Ok(self)
    }

    /// Whether a variable may be referred to.
    pub(crate) fn variable(&self, name: &str) -> Result<(), String> {
        if self.prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            return Ok(());
        }
        Err("documents of the log may not refer to it; start the process with --reference-env PREFIX \
             (References::variables) to allow variables with that prefix"
            .to_owned())
    }

    /// The file that a path leads to, if it may be referred to. Nothing is revealed about what is outside of the
    /// allowed directories, not even its existence.
    pub(crate) fn file(&self, path: &Path) -> Result<PathBuf, String> {
        let refused = || {
            "documents of the log may not refer to it; start the process with --reference-dir DIR \
             (References::directory) to allow the files of that directory"
                .to_owned()
        };
        if path.components().any(|part| part == Component::ParentDir) {
            return Err("a referenced path must not contain \"..\"; write the full path".to_owned());
        }
        let path = std::path::absolute(path).map_err(|_| refused())?;
        // A directory may be a link that leads elsewhere by now, so it is followed each time.
        let within = self.directories.iter().filter_map(|directory| {
            let real = directory.canonicalize().ok()?;
            (path.starts_with(directory) || path.starts_with(&real)).then_some(real)
        });
        let within: Vec<_> = within.collect();
        if within.is_empty() {
            return Err(refused());
        }
        let real = path.canonicalize().map_err(|error| error.to_string())?;
        match within.iter().any(|directory| real.starts_with(directory)) {
            true => Ok(real),
            false => Err("it is a link to a file outside of the directory that --reference-dir allows; put \
                          the file itself there"
                .to_owned()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_file_is_allowed_where_its_directory_is_and_nowhere_else() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| inside.path().join(name);
        std::fs::create_dir_all(at("..data")).unwrap();
        std::fs::write(at("..data/key"), "k").unwrap();
        symlink("..data/key", at("key")).unwrap();
        std::fs::write(outside.path().join("shadow"), "root").unwrap();
        symlink(outside.path().join("shadow"), at("out")).unwrap();
        symlink(outside.path(), at("folder")).unwrap();
        let link = outside.path().join("link");
        symlink(inside.path(), &link).unwrap();

        let references = References::none().directory(inside.path()).unwrap();
        let real = at("..data/key").canonicalize().unwrap();
        assert_eq!(references.file(&at("key")), Ok(real.clone()));
        // By another name of the same directory, the one that was allowed.
        let by_link = References::none().directory(&link).unwrap();
        assert_eq!(by_link.file(&link.join("key")), Ok(real.clone()));
        assert_eq!(by_link.file(&real), Ok(real));

        for (path, expected) in [
            (outside.path().join("shadow"), "--reference-dir DIR"),
            (outside.path().join("missing"), "--reference-dir DIR"),
            (at("out"), "outside of the directory"),
            (at("folder/shadow"), "outside of the directory"),
            (at("../x/shadow"), "must not contain \"..\""),
            (at("missing"), "No such file"),
            (PathBuf::from(format!("{}x/key", inside.path().display())), "--reference-dir DIR"),
        ] {
            let refused = references.file(&path).unwrap_err();
            assert!(refused.contains(expected), "{}: {refused}", path.display());
        }
        assert!(References::none().file(&at("key")).is_err());
    }

    #[test]
    fn what_cannot_be_allowed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        for wrong in [dir.path().join("missing"), file] {
            assert!(matches!(References::none().directory(wrong), Err(ReferencesError::Directory { .. })));
        }
        assert!(matches!(References::none().variables(""), Err(ReferencesError::Prefix)));
    }
}
