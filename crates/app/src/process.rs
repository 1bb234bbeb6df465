//! What a process has around it: its environment and its files, each writer's part of it.

use std::io::Read as _;
use std::path::Path;

use midflight_config::REFERENCED_BYTES_MAX;
use midflight_engine::{DocumentWriter, Environment};

use crate::References;

/// The environment and the files of this process. The operator's config file refers to all of it, documents of the log
/// to what [`References`] allow; by default to nothing.
#[derive(Debug, Clone, Default)]
pub struct Process {
    references: References,
}

impl Process {
    /// The process, with what documents of the log may refer to.
    #[must_use]
    pub fn new(references: References) -> Self {
        Self { references }
    }

    /// Every variable whose name and value are text.
    pub fn variables() -> impl Iterator<Item = (String, String)> {
        std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
    }
}

impl Environment for Process {
    fn variable(&self, name: &str, by: DocumentWriter) -> Result<Option<String>, String> {
        if by == DocumentWriter::Log {
            self.references.variable(name)?;
        }
        Ok(std::env::var(name).ok())
    }

    fn file(&self, path: &str, by: DocumentWriter) -> Result<String, String> {
        let text = match by {
            DocumentWriter::Operator => read_text(Path::new(path), REFERENCED_BYTES_MAX as u64)?,
            DocumentWriter::Log => {
                read_text(&self.references.file(Path::new(path))?, REFERENCED_BYTES_MAX as u64)?
            }
        };
        let line = text.strip_suffix('\n').unwrap_or(&text);
        Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }
}

/// Reads a file that is a text of so many bytes at most.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        // A pipe would be waited for.
        let what = if metadata.is_dir() { "a directory" } else { "something else" };
        return Err(format!("it is not a file but {what}"));
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("it has more than {bytes_max} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_text_without_the_line_break_at_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let process = Process::new(References::none().directory(dir.path()).unwrap());
        let read = |path: &Path| {
            let [operator, log] = [DocumentWriter::Operator, DocumentWriter::Log]
                .map(|by| process.file(path.to_str().unwrap(), by));
            assert_eq!(operator, log);
            log
        };
        assert!(read(&path).is_err());
        for (bytes, expect) in
            [(&b"hunter2\n"[..], Ok("hunter2")), (b"a\nb\r\n", Ok("a\nb")), (b"\xff", Err("it is not UTF-8"))]
        {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path), expect.map(str::to_owned).map_err(str::to_owned));
        }
        std::fs::write(&path, vec![b'x'; REFERENCED_BYTES_MAX + 1]).unwrap();
        assert_eq!(read(&path), Err("it has more than 65536 bytes".to_owned()));
        assert_eq!(read(dir.path()), Err("it is not a file but a directory".to_owned()));
    }

    #[test]
    fn documents_of_the_log_refer_to_nothing_unless_it_is_allowed() {
        let home = std::env::var("HOME").ok();
        let refused = Process::default().variable("HOME", DocumentWriter::Log).unwrap_err();
        assert!(refused.contains("--reference-env"), "{refused}");
        assert_eq!(Process::default().variable("HOME", DocumentWriter::Operator), Ok(home.clone()));
        let allowed = Process::new(References::none().variables("HO").unwrap());
        assert_eq!(allowed.variable("HOME", DocumentWriter::Log), Ok(home));
        assert!(allowed.variable("PATH", DocumentWriter::Log).is_err());
    }
}
