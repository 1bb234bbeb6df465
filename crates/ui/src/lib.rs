//! The web UI as files in the program: as `make ui` built them, or none.

/// A file of the page, as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Its path below the root of the page, as `assets/index-4f3a.js`.
    pub path: &'static str,
    /// Its bytes.
    pub plain: &'static [u8],
    /// The same, compressed by gzip; none where that saves nothing.
    pub gzip: Option<&'static [u8]>,
    /// The same, compressed by Brotli; none where that saves nothing.
    pub brotli: Option<&'static [u8]>,
}

impl File {
    /// Its media type, by its name.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        match self.path.rsplit('.').next() {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("woff2") => "font/woff2",
            Some("json") => "application/json",
            _ => "application/octet-stream",
        }
    }
}

/// The page that every address of the UI is answered with.
pub const INDEX: &str = "index.html";

/// Every file, by path in ascending order. Empty when the page was not built, or without the feature `embed`.
pub const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Returns the file of a path. Cost: a binary search.
#[must_use]
pub fn file(path: &str) -> Option<&'static File> {
    FILES.binary_search_by(|file| file.path.cmp(path)).ok().and_then(|at| FILES.get(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_media_type_of_its_name() {
        let of = |path| File { path, plain: b"", gzip: None, brotli: None }.media_type();
        assert_eq!(of(INDEX), "text/html; charset=utf-8");
        assert_eq!(of("assets/a.b.js"), "text/javascript; charset=utf-8");
        assert_eq!(of("assets/icon.svg"), "image/svg+xml");
        assert_eq!(of("LICENSE"), "application/octet-stream");
    }

    #[test]
    fn every_file_is_found_by_its_path_and_no_other_is() {
        for known in FILES {
            assert_eq!(file(known.path), Some(known));
        }
        assert_eq!(file("assets/../index.html"), None);
    }
}
