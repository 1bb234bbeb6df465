//! What the sidecar is asked to do: its flags, and the same by environment variables.

pub(crate) mod duration;
mod read;
pub(crate) mod table;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use crate::logging::{Level, LineFormat};

/// All that was asked for, and it makes sense together.
#[derive(Debug)]
pub(crate) struct Options {
    /// Absolute paths, each once. Empty when documents are only written.
    pub(crate) watch: Vec<PathBuf>,
    pub(crate) interval: Duration,
    /// Which process to notify; none when documents are only written.
    pub(crate) app: Option<AppOptions>,
    /// Several addresses are tried in turn; none is no metrics.
    pub(crate) metrics: Vec<SocketAddr>,
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) log_level: Level,
    pub(crate) log_format: LineFormat,
    pub(crate) state_dir: Option<PathBuf>,
    /// One of the watched paths.
    pub(crate) restore: Option<PathBuf>,
    pub(crate) from: Option<FromOptions>,
}

/// How the app is reloaded, and what confirms it.
#[derive(Debug)]
pub(crate) struct AppOptions {
    pub(crate) trigger: Trigger,
    pub(crate) health_url: Option<String>,
    pub(crate) verify: Verify,
    pub(crate) verify_timeout: Duration,
    pub(crate) verify_poll: Duration,
    pub(crate) max_backoff: Duration,
}

/// How the app is asked to reload.
#[derive(Debug)]
pub(crate) enum Trigger {
    Post(String),
    Signal(SignalTarget, Signal),
}

/// Which process gets the signal.
#[derive(Debug)]
pub(crate) enum SignalTarget {
    Pid(u32),
    Name(String),
}

/// What counts as the app's confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verify {
    /// Its word, with the hash of the content.
    Hash,
    /// A 2xx answer to the trigger.
    Status,
    /// That the signal could be sent.
    Nothing,
}

/// Which documents are written to which files.
#[derive(Debug)]
pub(crate) struct FromOptions {
    /// Without a slash at its end.
    pub(crate) url: String,
    pub(crate) documents: Vec<DocumentFile>,
    pub(crate) token_file: Option<PathBuf>,
}

/// A document and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentFile {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) file: PathBuf,
}

/// What a command line asks for.
#[derive(Debug)]
pub(crate) enum Args {
    Run(Box<Options>),
    Help,
    Version,
}

/// Reads the command line, and the environment for what it leaves open.
///
/// # Errors
/// All that is wrong, each with what would be right.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Args, Vec<String>> {
    let mut output: BTreeMap<&'static str, Vec<OsString>> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut parser = lexopt::Parser::from_args(arguments);
    loop {
        match parser.next() {
            Ok(None) => break,
            Ok(Some(lexopt::Arg::Short('h'))) => return Ok(Args::Help),
            Ok(Some(lexopt::Arg::Short('V'))) => return Ok(Args::Version),
            Ok(Some(lexopt::Arg::Long("help"))) => return Ok(Args::Help),
            Ok(Some(lexopt::Arg::Long("version"))) => return Ok(Args::Version),
            Ok(Some(lexopt::Arg::Long(name))) => {
                let Some(flag) = table::find(name) else {
                    problems.push(unknown(name));
                    // A value that belongs to it is not read as an argument of its own.
                    drop(parser.optional_value());
                    continue;
                };
                match parser.value() {
                    Ok(value) => output.entry(flag.name).or_default().push(value),
                    Err(_) => problems.push(format!("--{} needs a value: {}", flag.name, flag.value)),
                }
            }
            Ok(Some(lexopt::Arg::Short(letter))) => {
                problems.push(format!("unknown flag -{letter}; flags have long names, as --watch"));
            }
            Ok(Some(lexopt::Arg::Value(value))) => problems.push(format!(
                "unexpected argument {:?}; to watch a file use --watch PATH",
                value.to_string_lossy()
            )),
            Err(error) => problems.push(error.to_string()),
        }
    }
    for flag in table::FLAGS {
        // Set to nothing is how templates write "not set".
        let value = environment(&flag.variable()).filter(|value| !value.is_empty());
        if let Some(value) = value
            && !output.contains_key(flag.name)
        {
            output.insert(flag.name, split(flag, value));
        }
    }
    let options = read::options(output, &mut problems);
    match options {
        Some(options) if problems.is_empty() => Ok(Args::Run(Box::new(options))),
        _ => Err(problems),
    }
}

fn unknown(name: &str) -> String {
    match table::nearest(name) {
        Some(flag) => format!("unknown flag --{name}; did you mean --{}?", flag.name),
        None => format!("unknown flag --{name}"),
    }
}

fn split(flag: &table::Flag, value: OsString) -> Vec<OsString> {
    match value.to_str() {
        Some(text) if flag.repeats => {
            text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(OsString::from).collect()
        }
        _ => vec![value],
    }
}

#[cfg(test)]
mod tests;
