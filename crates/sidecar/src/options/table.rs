//! Every flag: its name, what it takes, its default, and what it is for. The help, the environment and the reading of
//! the command line all come from here.

/// A flag and its environment variable.
#[derive(Debug)]
pub(crate) struct Flag {
    /// The name without its dashes.
    pub(crate) name: &'static str,
    /// The placeholder of its value in the help.
    pub(crate) value: &'static str,
    /// Its default, for the help and for the reader; empty for none.
    pub(crate) default: &'static str,
    /// Whether it may be repeated. In the environment its values are then separated by commas.
    pub(crate) repeats: bool,
    /// What it is for.
    pub(crate) help: &'static str,
}

const fn flag(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Flag {
    Flag { name, value, default, repeats: false, help }
}

const fn repeats(flag: Flag) -> Flag {
    Flag { repeats: true, ..flag }
}

/// All flags, as the help lists them.
pub(crate) const FLAGS: &[Flag] = &[
    repeats(flag("watch", "PATH", "", "a file or a directory whose content is watched; may be repeated")),
    flag("interval", "TIME", "5s", "polling interval; file events are handled at once"),
    flag(
        "method",
        "http|signal",
        "",
        "how to reload the app; by default http with --reload-url, signal with --pid or --process-name",
    ),
    flag("reload-url", "URL", "", "http: the URL that reloads the app when it receives an empty POST"),
    flag("pid", "N", "", "signal: the process ID"),
    flag(
        "process-name",
        "NAME",
        "",
        "signal: the process name, looked up in /proc before each reload; one process must match",
    ),
    flag("signal", "HUP|USR1|USR2", "HUP", "signal: the signal to send"),
    flag("health-url", "URL", "", "the URL where the app reports its status and content hash as JSON"),
    flag(
        "verify",
        "hash|status|none",
        "hash",
        "what confirms a reload: hash, the app reports the hash of the content; status, a 2xx answer to \
         the POST; none, the signal was sent",
    ),
    flag("verify-timeout", "TIME", "30s", "timeout for the app to confirm the content"),
    flag("verify-poll", "TIME", "50ms", "longest pause between two requests to --health-url"),
    flag("max-backoff", "TIME", "5m", "longest pause between two attempts; the first pause is --interval"),
    flag(
        "metrics-addr",
        "ADDR",
        ":9091",
        "where /metrics and /healthz answer: HOST:PORT, :PORT for every address, or off; port 0 takes a free one",
    ),
    flag("ready-file", "FILE", "", "file to write the metrics URL to once the files are watched"),
    flag("log-level", "LEVEL", "info", "error, warn, info or debug"),
    flag("log-format", "FORMAT", "text", "text or json, on stderr"),
    flag("state-dir", "DIR", "", "directory that keeps the last verified content across restarts"),
    flag(
        "restore-last-good",
        "PATH",
        "",
        "watched file to restore to its last verified content when the app rejects new content",
    ),
    flag("from", "URL", "", "Midflight server to copy documents from"),
    repeats(flag(
        "document",
        "KIND/NAME=FILE",
        "",
        "with --from: a document and the file to write it to; may be repeated",
    )),
    flag("token-file", "FILE", "", "with --from: file with the API token"),
];

impl Flag {
    pub(crate) fn variable(&self) -> String {
        format!("SIDECAR_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

pub(crate) fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == name)
}

/// The flag that was perhaps meant.
pub(crate) fn nearest(name: &str) -> Option<&'static Flag> {
    let distance = |flag: &&Flag| strsim::levenshtein(flag.name, name);
    FLAGS.iter().min_by_key(distance).filter(|flag| distance(flag) <= 3)
}

pub(crate) fn help() -> String {
    let mut help = String::from(
        "Watches files, reloads an app when they change, and verifies by hash that the app serves the new \
         content.\n\nUsage: midflight-sidecar --watch PATH --reload-url URL [--health-url URL]\n       \
         midflight-sidecar --watch PATH --process-name NAME --health-url URL\n       midflight-sidecar \
         --from URL --document KIND/NAME=FILE [--watch FILE ...]\n\nEach flag is also an environment \
         variable (--verify-poll is SIDECAR_VERIFY_POLL, repeated values separated by\ncommas); the flag \
         wins. Times are a whole number with its unit: 200ms, 5s, 1m, 1h.\n\n",
    );
    for flag in FLAGS {
        let default = if flag.default.is_empty() { String::new() } else { format!(" [{}]", flag.default) };
        help.push_str(&format!("  --{} {}\n        {}{default}\n", flag.name, flag.value, flag.help));
    }
    help.push_str(
        "  -h, --help\n        print this help\n  -V, --version\n        print the version\n\nExit: 0 when \
         stopped by SIGTERM or SIGINT, 1 when it cannot start, 2 for invalid arguments.\n",
    );
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        assert_eq!(nearest("wacth").map(|flag| flag.name), Some("watch"));
        assert_eq!(nearest("health_url").map(|flag| flag.name), Some("health-url"));
        assert!(nearest("frobnicate").is_none());
    }

    #[test]
    fn the_help_has_every_flag_with_its_default() {
        let help = help();
        for flag in FLAGS {
            assert!(help.contains(&format!("--{} {}\n", flag.name, flag.value)), "{}", flag.name);
            assert!(
                help.contains(&format!("[{}]", flag.default)) || flag.default.is_empty(),
                "{}",
                flag.name
            );
        }
        assert_eq!(find("verify-poll").unwrap().variable(), "SIDECAR_VERIFY_POLL");
    }
}
