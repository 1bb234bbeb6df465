//! The servers that a person uses, each with its address and its token, in a file that only its owner may read.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::fail::Failure;

/// Where a server is unless anything says otherwise.
const URL_DEFAULT: &str = "http://127.0.0.1:8080";

/// The servers that are known, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Contexts {
    /// The one that commands talk to.
    #[serde(default)]
    pub(super) current: Option<String>,
    #[serde(default)]
    pub(super) contexts: BTreeMap<String, Context>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Context {
    pub(super) url: String,
    #[serde(default)]
    pub(super) token: Option<String>,
}

/// The folder of a user's settings of this program; none when neither `XDG_CONFIG_HOME` nor `HOME` says where.
fn folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = variable("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let config = config.or_else(|| Some(variable("HOME")?.join(".config")));
    #[cfg(windows)]
    let config = config.or_else(|| variable("APPDATA"));
    Some(config?.join("midflight"))
}

/// The file of the contexts.
pub(super) fn file() -> Result<PathBuf, Failure> {
    let folder = folder().ok_or_else(|| {
        Failure::failed(
            "cannot find the config folder: set XDG_CONFIG_HOME or HOME, or give --url and --token",
        )
    })?;
    Ok(folder.join("contexts.json"))
}

impl Contexts {
    /// Reads the file; none are known without it.
    pub(super) fn read() -> Result<Self, Failure> {
        Self::read_from(&file()?)
    }

    fn read_from(file: &Path) -> Result<Self, Failure> {
        let cannot = |why: String| Failure::failed(format!("cannot read {}: {why}", file.display()));
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(cannot(error.to_string())),
        };
        // Not what the parser says: it repeats the text, which has tokens.
        let wrong = |error: serde_json::Error| {
            cannot(format!("invalid at line {}; repair or delete it", error.line()))
        };
        serde_json::from_str(&text).map_err(wrong)
    }

    /// Writes the file, for its owner alone.
    pub(super) fn write(&self) -> Result<PathBuf, Failure> {
        let file = file()?;
        self.write_to(&file)
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", file.display())))?;
        Ok(file)
    }

    fn write_to(&self, file: &Path) -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(folder)?;
        }
        // Beside it and then in its place, so that no reader finds half of it.
        let beside = file.with_extension(format!("{}.new", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut written = options.open(&beside)?;
        let text = serde_json::to_string_pretty(self)?;
        writeln!(written, "{text}").and_then(|()| written.sync_all())?;
        std::fs::rename(&beside, file)
    }

    /// Adds a server, or replaces the one of the name. The first one is the current one.
    pub(super) fn add(&mut self, name: &str, context: Context) {
        self.contexts.insert(name.to_owned(), context);
        if self.current.as_ref().is_none_or(|current| !self.contexts.contains_key(current)) {
            self.current = Some(name.to_owned());
        }
    }

    /// The server that commands talk to, by its name.
    pub(super) fn current(&self) -> Option<(&str, &Context)> {
        let name = self.current.as_deref()?;
        Some((name, self.contexts.get(name)?))
    }

    /// The server to talk to. A token of a context is sent to its own server only.
    fn target(&self, url: Option<String>, token: Option<String>) -> Context {
        let current = self.current().map(|(_, context)| context);
        match (url, token) {
            (None, None) => current.cloned(),
            (None, token) => current.map(|current| Context { url: current.url.clone(), token }),
            (Some(url), Some(token)) => Some(Context { url, token: Some(token) }),
            (Some(url), None) => {
                let is_same = |known: &&Context| same_address(&known.url, &url);
                let known = current.into_iter().chain(self.contexts.values()).find(is_same);
                let token = known.and_then(|known| known.token.clone());
                Some(Context { url, token })
            }
        }
        .unwrap_or_else(|| Context { url: URL_DEFAULT.to_owned(), token: None })
    }
}

fn same_address(one: &str, other: &str) -> bool {
    one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
}

/// The server to talk to, by what was given and else by the contexts.
///
/// # Errors
/// [`Failure::Failed`] when the contexts are needed and cannot be read.
pub(super) fn target(url: Option<&String>, token: Option<&String>) -> Result<Context, Failure> {
    let token = token.filter(|token| !token.is_empty());
    if let (Some(url), Some(token)) = (url, token) {
        return Ok(Context { url: url.clone(), token: Some(token.clone()) });
    }
    let contexts = match file() {
        Ok(file) => Contexts::read_from(&file)?,
        // Without a home there are none.
        Err(_) => Contexts::default(),
    };
    let mut target = contexts.target(url.cloned(), token.cloned());
    if target.token.is_none() && url.is_none() && contexts.current().is_none() {
        target.token = token.cloned();
    }
    Ok(target)
}

/// The name of a context that is called by nothing else: the host and the port of its address.
pub(super) fn name_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(url: &str, token: &str) -> Context {
        Context { url: url.to_owned(), token: Some(token.to_owned()) }
    }

    #[test]
    fn flags_win_and_a_token_goes_to_its_own_server_only() {
        let mut contexts = Contexts::default();
        contexts.add("prod", context("http://prod:1", "p"));
        contexts.add("test", context("http://test:1/", "t"));
        let target = |url: Option<&str>, token: Option<&str>| {
            contexts.target(url.map(str::to_owned), token.map(str::to_owned))
        };
        assert_eq!(target(None, None), context("http://prod:1", "p"));
        assert_eq!(target(None, Some("x")), context("http://prod:1", "x"));
        assert_eq!(target(Some("http://test:1"), None), context("http://test:1", "t"));
        assert_eq!(target(Some("http://other:1"), None).token, None);
        assert_eq!(target(Some("http://other:1"), Some("x")), context("http://other:1", "x"));
        let nothing = Contexts::default().target(None, None);
        assert_eq!((nothing.url.as_str(), nothing.token), (URL_DEFAULT, None));
    }

    #[test]
    fn the_file_is_private_and_what_is_broken_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("midflight/contexts.json");
        assert!(Contexts::read_from(&file).unwrap().contexts.is_empty());
        let mut contexts = Contexts::default();
        contexts.add("prod", context("http://prod:1", "secret"));
        contexts.write_to(&file).unwrap();
        contexts.write_to(&file).unwrap();
        let read = Contexts::read_from(&file).unwrap();
        assert_eq!(read.current(), Some(("prod", &context("http://prod:1", "secret"))));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&file, "{\"contexts\":{\"a\":{\"url\":1,\"token\":\"secret\"}}}").unwrap();
        let message = Contexts::read_from(&file).unwrap_err().text();
        assert!(message.contains("line 1") && !message.contains("secret"), "{message}");
    }
}
