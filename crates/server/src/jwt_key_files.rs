//! The keys of JSON Web Tokens that files have: each file is read again as it changes, and one that cannot be read keeps
//! the keys that it had.

use std::path::PathBuf;

use midflight_http::jwt::VerifyKeys;

use crate::bounded_file::read;

/// What a file has, or why it cannot be read.
pub(crate) type FileText = Result<Vec<u8>, String>;

/// Files with keys, and what they had last.
pub(crate) struct KeyFiles(Vec<KeyFile>);

struct KeyFile {
    path: PathBuf,
    /// Whether it has the secret of HS256, and not public keys.
    is_secret: bool,
    /// What was read last, whether or not it has keys.
    text: FileText,
    /// The keys of the last text that had any.
    keys: VerifyKeys,
}

impl KeyFiles {
    /// Reads files of public keys, and that of a secret.
    ///
    /// # Errors
    /// Names the first file that cannot be read or has no key, and why.
    pub(crate) fn read(files: &[PathBuf], secret_file: Option<&PathBuf>) -> Result<Self, String> {
        let files = files.iter().map(|path| (path, false)).chain(secret_file.map(|path| (path, true)));
        let files = files.map(|(path, is_secret)| KeyFile::read(path.clone(), is_secret));
        files.collect::<Result<_, _>>().map(Self)
    }

    /// The files, in the order of the texts that [`Self::take`] takes.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.0.iter().map(|file| file.path.clone()).collect()
    }

    /// Takes what the files have now. Answers whether there are other keys than before, and why those of a changed file
    /// stay as they were. What did not change is not reported again.
    pub(crate) fn take(&mut self, texts: Vec<FileText>) -> (bool, Vec<String>) {
        let (mut is_changed, mut problems) = (false, Vec::new());
        for (file, text) in self.0.iter_mut().zip(texts) {
            match file.take(text) {
                Ok(is_other) => is_changed |= is_other,
                Err(problem) => problems.push(problem),
            }
        }
        (is_changed, problems)
    }

    /// The keys of all of them.
    pub(crate) fn keys(&self) -> VerifyKeys {
        let mut keys = VerifyKeys::default();
        self.0.iter().for_each(|file| keys.add(file.keys.clone()));
        keys
    }
}

impl KeyFile {
    fn read(path: PathBuf, is_secret: bool) -> Result<Self, String> {
        let text = text_of(&path);
        let keys = keys_of(&path, is_secret, &text)?;
        Ok(Self { path, is_secret, text, keys })
    }

    fn take(&mut self, text: FileText) -> Result<bool, String> {
        if text == self.text {
            return Ok(false);
        }
        // Noted before it is known to be good: a broken file is reported once, and read again when it changes.
        self.text = text;
        self.keys = keys_of(&self.path, self.is_secret, &self.text)?;
        Ok(true)
    }
}

/// Reads a file.
pub(crate) fn text_of(path: &std::path::Path) -> FileText {
    read(path).map_err(|error| error.to_string())
}

fn keys_of(path: &std::path::Path, is_secret: bool, text: &FileText) -> Result<VerifyKeys, String> {
    let wrong = |why: String| format!("{}: {why}", path.display());
    let text = text.as_deref().map_err(|why| wrong(why.clone()))?;
    let keys = match is_secret {
        false => VerifyKeys::from_file(text),
        true => {
            // Editors end a file with a line end, which is not meant to be part of the secret.
            let secret = text.strip_suffix(b"\n").unwrap_or(text);
            VerifyKeys::from_secret(secret.strip_suffix(b"\r").unwrap_or(secret))
        }
    };
    keys.map_err(|error| wrong(error.to_string()))
}
