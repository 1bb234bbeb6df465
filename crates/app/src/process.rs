//! What a process has around it: its environment and its files.

use std::io::Read as _;
use std::path::Path;

use midflight_config::{REFERENCED_BYTES_MAX, Surroundings};

/// The environment and the files of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process;

impl Process {
    /// Every variable whose name and value are text.
    pub fn variables() -> impl Iterator<Item = (String, String)> {
        std::env::vars_os()
            .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)))
    }
}

impl Surroundings for Process {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let text = read_text(Path::new(path), REFERENCED_BYTES_MAX as u64)?;
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
        return Err(format!("it is no file but {what}"));
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
        let read = || Process.file(path.to_str().unwrap());
        assert!(read().is_err());
        for (bytes, expect) in
            [(&b"hunter2\n"[..], Ok("hunter2")), (b"a\nb\r\n", Ok("a\nb")), (b"\xff", Err("it is not UTF-8"))]
        {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(), expect.map(str::to_owned).map_err(str::to_owned));
        }
        std::fs::write(&path, vec![b'x'; REFERENCED_BYTES_MAX + 1]).unwrap();
        assert_eq!(read(), Err("it has more than 65536 bytes".to_owned()));
        assert_eq!(
            Process.file(dir.path().to_str().unwrap()),
            Err("it is no file but a directory".to_owned())
        );
    }
}
