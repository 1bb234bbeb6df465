//! What command lines are read as, and what is said to those that make no sense.

use midflight_testkit::mutate::Seeded;

use super::*;

fn read(line: &[&str], environment: &[(&str, &str)]) -> Result<Args, Vec<String>> {
    let look =
        |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
    parse(line.iter().map(OsString::from), look)
}

fn options(line: &[&str], environment: &[(&str, &str)]) -> Options {
    match read(line, environment) {
        Ok(Args::Run(options)) => *options,
        other => panic!("{line:?}: {other:?}"),
    }
}

const HTTP: &[&str] = &["--watch", "/etc/app.yaml", "--reload-url", "http://127.0.0.1:8080/-/reload"];

#[test]
fn defaults_are_those_of_the_help() {
    let options = options(HTTP, &[]);
    assert_eq!(options.watch, [PathBuf::from("/etc/app.yaml")]);
    assert_eq!(options.interval, Duration::from_secs(5));
    assert_eq!(options.metrics.len(), 2);
    assert_eq!(options.log_level, Level::Info);
    assert_eq!(options.log_format, LineFormat::Text);
    let app = options.app.unwrap();
    assert!(matches!(app.trigger, Trigger::Post(url) if url == "http://127.0.0.1:8080/-/reload"));
    assert_eq!(app.verify, Verify::Hash);
    assert_eq!(app.verify_timeout, Duration::from_secs(30));
    assert_eq!(app.verify_poll, Duration::from_millis(50));
    assert_eq!(app.max_backoff, Duration::from_secs(300));
}

#[test]
fn variables_fill_in_missing_flags() {
    let environment = [
        ("SIDECAR_WATCH", "/a, /b,"),
        ("SIDECAR_PROCESS_NAME", "nginx"),
        ("SIDECAR_VERIFY", "none"),
        ("SIDECAR_INTERVAL", "1s"),
        ("SIDECAR_SIGNAL", "SIGUSR1"),
        ("SIDECAR_STATE_DIR", ""),
    ];
    let options = options(&["--interval", "2s"], &environment);
    assert_eq!(options.watch, [PathBuf::from("/a"), PathBuf::from("/b")]);
    assert_eq!(options.interval, Duration::from_secs(2));
    assert_eq!(options.state_dir, None);
    let app = options.app.unwrap();
    assert!(
        matches!(app.trigger, Trigger::Signal(SignalTarget::Name(name), signal) if name == "nginx" && signal == Signal::USR1)
    );
}

#[test]
fn a_path_is_watched_once_however_it_is_written() {
    let options =
        options(&[HTTP, &["--watch=/etc/app.yaml/", "--restore-last-good", "/etc/./app.yaml"]].concat(), &[]);
    assert_eq!(options.watch.len(), 1);
    assert_eq!(options.restore, Some("/etc/app.yaml".into()));
}

#[test]
fn documents_are_written_without_an_app() {
    let line = &["--from=http://h:1/", "--document", "rules/loans/R1=/tmp/a=b.json", "--metrics-addr", "off"];
    let options = options(line, &[]);
    assert!(options.app.is_none() && options.metrics.is_empty());
    let from = options.from.unwrap();
    assert_eq!(from.url, "http://h:1");
    let document =
        DocumentFile { kind: "rules".into(), name: "loans/R1".into(), file: "/tmp/a=b.json".into() };
    assert_eq!(from.documents, [document]);
}

#[test]
fn invalid_arguments_are_reported_with_a_cure() {
    let watch: &[&str] = &["--watch", "/a"];
    for (line, cure) in [
        (vec![], "--watch PATH"),
        (vec!["--wach", "/a"], "did you mean --watch?"),
        (vec!["/a"], "--watch PATH"),
        (vec!["-x"], "flags have long names"),
        ([HTTP, &["--interval"]].concat(), "--interval needs a value: TIME"),
        ([HTTP, &["--interval", "5"]].concat(), "--interval is a whole number with its unit"),
        ([HTTP, &["--metrics-addr", "9091"]].concat(), "as 127.0.0.1:9091"),
        ([HTTP, &["--log-level", "loud"]].concat(), "error, warn, info or debug"),
        ([HTTP, &["--verify", "none"]].concat(), "--verify hash or --verify status"),
        ([HTTP, &["--pid", "2"]].concat(), "--method http or --method signal"),
        ([HTTP, &["--method", "carrier-pigeon"]].concat(), "http or signal"),
        ([HTTP, &["--restore-last-good", "/other"]].concat(), "give the same path to --watch"),
        ([HTTP, &["--token-file", "/t"]].concat(), "goes with --from"),
        ([HTTP, &["--health-url", "localhost:80"]].concat(), "is a URL, as http://"),
        ([HTTP, &["--health-url", "http://me:secret@h/"]].concat(), "leave it out"),
        (watch.to_vec(), "no app to reload"),
        ([watch, &["--method", "http"]].concat(), "needs --reload-url"),
        ([watch, &["--method", "signal"]].concat(), "--process-name NAME or --pid N"),
        ([watch, &["--pid", "2"]].concat(), "--verify none"),
        ([watch, &["--pid", "0", "--verify", "none"]].concat(), "is a process ID"),
        ([watch, &["--pid", "2", "--process-name", "x"]].concat(), "one of them"),
        ([watch, &["--process-name", "pause", "--verify", "none"]].concat(), "keeps a pod's namespaces"),
        ([watch, &["--pid", "2", "--verify", "status"]].concat(), "--verify hash or --verify none"),
        ([watch, &["--pid", "2", "--verify", "none", "--signal", "KILL"]].concat(), "HUP, USR1 or USR2"),
        (vec!["--from", "http://h"], "--document KIND/NAME=FILE"),
        (vec!["--from", "http://h", "--document", "rules=/a"], "is KIND/NAME=FILE"),
        (vec!["--from", "http://h", "--document", "a/b=/f", "--document", "a/c=/f"], "file of its own"),
        (vec!["--from", "http://h", "--document", "a/b=/f", "--pid", "2"], "to --watch too"),
    ] {
        let problems = read(&line, &[]).unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains(cure)), "{line:?}: {problems:?}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let problems = read(&[HTTP, &["--interval", "5", "--log-format", "xml", "--nope"]].concat(), &[]);
    assert_eq!(problems.unwrap_err().len(), 3);
}

#[test]
#[cfg(not(feature = "tls"))]
fn https_needs_a_build_that_speaks_it() {
    let problems = read(&["--watch", "/a", "--reload-url", "https://h/"], &[]).unwrap_err();
    assert!(problems.iter().any(|problem| problem.contains("--features tls")), "{problems:?}");
}

#[test]
fn help_and_version_win() {
    assert!(matches!(read(&["--nope", "--help"], &[]), Ok(Args::Help)));
    assert!(matches!(read(&["-V"], &[]), Ok(Args::Version)));
}

/// What a fuzzer does for the parsers of the server, bounded and the same each time: any arguments are read or refused.
#[test]
fn any_arguments_are_read_or_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut random = Seeded::new(18);
    for _ in 0..20_000 {
        let mut arguments = Vec::new();
        for _ in 0..random.below(8) {
            let bytes: Vec<u8> = (0..random.below(24)).map(|_| random.number().to_le_bytes()[0]).collect();
            let flag = random.one(table::FLAGS).name;
            arguments.push(match random.below(5) {
                0 => OsString::from_vec(bytes),
                1 => OsString::from(format!("--{flag}")),
                2 => OsString::from_vec([format!("--{flag}=").as_bytes(), &bytes].concat()),
                3 => {
                    OsString::from(format!("{}{}", random.number(), random.one(&["ms", "s", "h", "", ":1"])))
                }
                _ => OsString::from_vec([b"http://", bytes.as_slice()].concat()),
            });
        }
        if let Err(problems) = parse(arguments.iter().cloned(), |_| None) {
            assert!(!problems.is_empty(), "{arguments:?}");
        }
    }
}
