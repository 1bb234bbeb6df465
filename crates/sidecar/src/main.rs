//! `midflight-sidecar` runs beside any process: it watches files, reloads the app when they change, and verifies by
//! hash that the app serves the new content. docs/sidecar.md is its manual.
//!
//! Its threads are few and each has one business: [`watch`] reads the files and puts their contents where [`reload`]
//! takes it, which calls the [`app`]; [`metrics`] answers who asks; [`follow`] writes files from a Midflight server.
//! The main thread waits for the signal to stop, so that no blocked thread keeps the sidecar from stopping.

mod app;
mod files;
mod follow;
mod hash;
mod latest;
mod logging;
mod metrics;
mod options;
mod reload;
mod watch;

use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use app::WatchedApp;
use files::replace::replace;
use follow::Follower;
use latest::Latest;
use metrics::{Metrics, serve};
use options::{Args, Options, Verify};
use reload::AppReloader;
use reload::last_good::VerifiedContent;
use watch::PathWatcher;

/// It was asked for something that is not.
const USAGE: u8 = 2;
/// How much each thread may put on its stack, in bytes. None goes deep.
const STACK_BYTES: usize = 256 << 10;

fn main() -> ExitCode {
    let asked = options::parse(std::env::args_os().skip(1), |name| std::env::var_os(name));
    let options = match asked {
        Ok(Args::Help) => return print(&options::table::help()),
        Ok(Args::Version) => return print(concat!("midflight-sidecar ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Args::Run(options)) => *options,
        Err(problems) => {
            let lines: Vec<_> =
                problems.iter().map(|problem| format!("midflight-sidecar: {problem}\n")).collect();
            let all = lines.concat() + "midflight-sidecar --help lists every flag\n";
            // With stderr closed there is nothing left to report to.
            drop(std::io::stderr().write_all(all.as_bytes()));
            return ExitCode::from(USAGE);
        }
    };
    logging::init(options.log_level, options.log_format);
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            logging::error(&format!("cannot start: {why}"), &[]);
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Starts everything, and waits until it is to stop.
fn run(options: Options) -> Result<(), String> {
    // Before anything else, so that a stop that comes early is one.
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(|error| format!("signals: {error}"))?;
    let metrics = Arc::new(Metrics::new(options.interval));
    let url = serve(&options, &metrics)?;
    let ready_file = options.ready_file.clone();
    if let Some(file) = &ready_file {
        // What an earlier run wrote is no longer valid; its absence is as good.
        drop(std::fs::remove_file(file));
    }
    if let Some(from) = options.from {
        let beats = options.watch.is_empty();
        let follower = Follower::new(from, options.interval, Arc::clone(&metrics), beats)?;
        start("follow", move || follower.run())?;
    }
    if let Some(app) = options.app {
        let dir = options.state_dir.as_ref().map_or_else(String::new, |dir| dir.display().to_string());
        let keeps = options.state_dir.is_some() || options.restore.is_some();
        let good = VerifiedContent::open(options.state_dir)
            .map_err(|error| format!("--state-dir {dir}: {error}"))?;
        if app.verify == Verify::Nothing {
            logging::warn("--verify none: a signal that was sent counts as a success", &[]);
        }
        let latest = Arc::new(Latest::default());
        let (found, counted) = (Arc::clone(&latest), Arc::clone(&metrics));
        let mut watcher = PathWatcher::new(options.watch, keeps, options.interval, found, counted);
        watcher.look(false);
        start("watch", move || watcher.run())?;
        let reloader =
            AppReloader::new(WatchedApp::new(app), options.interval, latest, metrics, good, options.restore);
        start("reload", move || reloader.run())?;
    }
    if let Some(file) = ready_file {
        ready(&file, &url)?;
    }
    logging::info("watching", &[("metrics", &url)]);
    if let Some(signal) = signals.forever().next() {
        logging::info("stopping", &[("signal", &signal)]);
    }
    Ok(())
}

/// Answers for the metrics; under which URL, or `off`.
fn serve(options: &Options, metrics: &Arc<Metrics>) -> Result<String, String> {
    if options.metrics.is_empty() {
        return Ok("off".into());
    }
    let failed = |error: std::io::Error| {
        let wanted = options.metrics.first().map(ToString::to_string).unwrap_or_default();
        format!("--metrics-addr {wanted}: {error}")
    };
    let listener: TcpListener = serve::bind(&options.metrics).map_err(failed)?;
    let url = serve::url(&listener).map_err(failed)?;
    let metrics = Arc::clone(metrics);
    start("metrics", move || serve::run(&listener, &metrics))?;
    Ok(url)
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let thread = thread::Builder::new().name(name.into()).stack_size(STACK_BYTES);
    thread.spawn(work).map(drop).map_err(|error| format!("a thread to {name}: {error}"))
}

fn ready(file: &Path, url: &str) -> Result<(), String> {
    let written = replace(file, format!("{url}\n").as_bytes(), 0o644);
    written.map_err(|error| format!("--ready-file {}: {error}", file.display()))
}
