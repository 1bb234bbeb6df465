//! Makes options of the arguments: every value is read, and what only makes sense together is checked together.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::values;
use super::{AppOptions, FromOptions, Options, SignalTarget, Trigger, Verify, duration, table};

/// The arguments, and what was found wrong with them.
struct ParsedFlags<'a> {
    values: BTreeMap<&'static str, Vec<OsString>>,
    problems: &'a mut Vec<String>,
}

/// The options; none when something is wrong, which is then among the problems.
pub(super) fn options(
    values: BTreeMap<&'static str, Vec<OsString>>,
    problems: &mut Vec<String>,
) -> Option<Options> {
    let mut stated = ParsedFlags { values, problems };
    let mut watch = stated.paths("watch");
    watch.sort_unstable();
    watch.dedup();
    let interval = stated.one("interval", duration::parse);
    let (from, app) = (stated.from(), stated.app(!watch.is_empty()));
    let restore = stated.path("restore-last-good");
    if watch.is_empty() && !stated.has("from") {
        stated.wrong("nothing to do: give --watch PATH, or --from URL and --document");
    }
    if restore.as_ref().is_some_and(|path| !watch.contains(path)) {
        stated.wrong("--restore-last-good must be a watched file: give the same path to --watch");
    }
    let (metrics, level) =
        (stated.one("metrics-addr", values::addresses), stated.one("log-level", values::level));
    let format = stated.one("log-format", values::format);
    Some(Options {
        watch,
        interval: interval?,
        app: app?,
        metrics: metrics?,
        ready_file: stated.path("ready-file"),
        log_level: level?,
        log_format: format?,
        state_dir: stated.path("state-dir"),
        restore,
        from: from?,
    })
}

impl ParsedFlags<'_> {
    fn wrong(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The value that counts: the last one, as the last of two flags is the one that was meant.
    fn last(&self, name: &str) -> Option<OsString> {
        self.values.get(name).and_then(|values| values.last().cloned())
    }

    fn value<T>(
        &mut self,
        name: &str,
        value: &OsStr,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let parsed = value.to_str().ok_or_else(|| String::from("is not UTF-8")).and_then(parse);
        parsed.map_err(|why| self.wrong(format!("--{name} {why}; it was {:?}", value.to_string_lossy()))).ok()
    }

    /// A value that was given.
    fn stated<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let value = self.last(name)?;
        self.value(name, &value, parse)
    }

    /// A value that was given, or the default of its flag.
    fn one<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let default = table::find(name).map_or("", |flag| flag.default);
        let value = self.last(name).unwrap_or_else(|| default.into());
        self.value(name, &value, parse)
    }

    fn paths(&mut self, name: &str) -> Vec<PathBuf> {
        let values = self.values.get(name).cloned().unwrap_or_default();
        let mut paths = Vec::new();
        for value in values {
            match values::path(&value) {
                Ok(path) => paths.push(path),
                Err(why) => self.wrong(format!("--{name} {why}")),
            }
        }
        paths
    }

    fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.paths(name).pop()
    }

    /// Which process to notify: none when nothing is watched.
    fn app(&mut self, watches: bool) -> Option<Option<AppOptions>> {
        let is_told = ["method", "reload-url", "pid", "process-name"].iter().any(|name| self.has(name));
        let (health_url, verify) =
            (self.stated("health-url", values::url), self.one("verify", values::verify));
        let timeout = self.one("verify-timeout", duration::parse);
        let poll = self.one("verify-poll", duration::parse);
        let max_backoff = self.one("max-backoff", duration::parse);
        if !watches {
            if is_told && self.has("from") {
                self.wrong("no file is watched: give the files of --document to --watch too");
            }
            return Some(None);
        }
        let trigger = self.trigger()?;
        let verify = verify?;
        let has_health = self.has("health-url");
        match (&trigger, verify) {
            (Trigger::Signal(..), Verify::Hash) if !has_health => {
                self.wrong("a signal has no response: give --health-url, or --verify none")
            }
            (Trigger::Signal(..), Verify::Status) => self.wrong(
                "--verify status needs --method http; with a signal use --verify hash or --verify none",
            ),
            (Trigger::Post(_), Verify::Nothing) => {
                self.wrong(
                    "--verify none needs --method signal; with http use --verify hash or --verify status",
                );
            }
            _ => {}
        }
        Some(Some(AppOptions {
            trigger,
            health_url,
            verify,
            verify_timeout: timeout?,
            verify_poll: poll?,
            max_backoff: max_backoff?,
        }))
    }

    fn trigger(&mut self) -> Option<Trigger> {
        let (by_post, by_signal) = (self.has("reload-url"), self.has("pid") || self.has("process-name"));
        let stated = self.last("method");
        let method = match stated.as_ref().map(|method| method.to_str()) {
            None if by_post && by_signal => {
                self.wrong(
                    "both --reload-url and a process are given: choose with --method http or --method signal",
                );
                return None;
            }
            None if by_signal => "signal",
            None if by_post => "http",
            None => {
                self.wrong("no app to reload: give --reload-url URL, --process-name NAME or --pid N");
                return None;
            }
            Some(Some(method @ ("http" | "signal"))) => method,
            Some(_) => {
                self.wrong("--method is http or signal");
                return None;
            }
        };
        if method == "http" { self.post() } else { self.signal() }
    }

    fn post(&mut self) -> Option<Trigger> {
        if !self.has("reload-url") {
            self.wrong("--method http needs --reload-url, as http://127.0.0.1:8080/-/reload");
        }
        self.stated("reload-url", values::url).map(Trigger::Post)
    }

    fn signal(&mut self) -> Option<Trigger> {
        let signal = self.one("signal", values::signal);
        let target = match (self.has("pid"), self.has("process-name")) {
            (true, false) => self.stated("pid", values::pid).map(SignalTarget::Pid),
            (false, true) => self.stated("process-name", values::process_name).map(SignalTarget::Name),
            (true, true) => {
                self.wrong("--pid and --process-name: give one of them");
                None
            }
            (false, false) => {
                self.wrong("--method signal needs --process-name NAME or --pid N");
                None
            }
        };
        Some(Trigger::Signal(target?, signal?))
    }

    /// Which documents are written: none without `--from`.
    fn from(&mut self) -> Option<Option<FromOptions>> {
        let mut documents = Vec::new();
        for value in self.values.get("document").cloned().unwrap_or_default() {
            documents.extend(self.value("document", &value, values::document));
        }
        if !self.has("from") {
            for name in ["document", "token-file"] {
                if self.has(name) {
                    self.wrong(format!("--{name} goes with --from, the URL of a Midflight server"));
                }
            }
            return Some(None);
        }
        if !self.has("document") {
            self.wrong("--from needs --document KIND/NAME=FILE");
        }
        let mut files: Vec<_> = documents.iter().map(|document| &document.file).collect();
        files.sort_unstable();
        if let Some(same) = files.windows(2).find(|pair| pair.first() == pair.last()) {
            let problem =
                format!("--document names {:?} twice; each document has a file of its own", same.first());
            self.wrong(problem);
        }
        let token_file = self.path("token-file");
        Some(Some(FromOptions { url: self.stated("from", values::base_url)?, documents, token_file }))
    }
}
