//! `serve`: a server until it is stopped.

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};
use midflight_app::{Process, References};
use midflight_components::{LogOutput, Logger};
use midflight_config::{Origin, Redactor};
use midflight_core::{DocumentName, Trigger};
use midflight_server::{
    Backend, BusUrl, HOT_RELOAD_ALIASES, HostPattern, HotReloadSettings, OutboundPolicy, OwnConfig,
    PatternTable, RunningServer, ServeError, ServeOptions, Settings, StoreUrl, TableOptions,
};
use midflight_source::{DirectoryOptions, LossBounds, NamedDirectory};
use midflight_store::Durability;

use super::contexts::{self, Context, Contexts};
use super::fail::Failure;
use super::initial_documents::FirstDocuments;
use super::output::eprint_status;
use bounds::Bounds;
use jwt::JwtArgs;
use telemetry::TelemetryExport;
use tls::TlsArgs;

mod bounds;
mod jwt;
mod telemetry;
mod tls;

pub(super) use bounds::with_defaults;

/// The flags of `serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The file with the server's config; by default the document config/midflight of the log, if there is one. It is
    /// followed: a change is in effect within milliseconds, and an invalid one changes nothing.
    #[arg(long, env = "MIDFLIGHT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen, 127.0.0.1:8080 unless the config says otherwise. Without an address, as :8080, it is 127.0.0.1;
    /// port 0 takes a free one.
    #[arg(long, env = "MIDFLIGHT_LISTEN", value_parser = listen_address, value_name = "[ADDR]:PORT")]
    listen: Option<SocketAddr>,
    /// The data folder of this server; created if it does not exist.
    #[arg(long, env = "MIDFLIGHT_DATA_DIR", default_value = "midflight-data", value_name = "DIR")]
    data_dir: PathBuf,
    /// Where the log is: sqlite:PATH, or postgres://user:password@host:port/database for several servers; by default in
    /// the data folder.
    #[arg(long, env = "MIDFLIGHT_STORE", value_name = "PLACE", hide_env_values = true)]
    store: Option<String>,
    /// The bus that carries hints to the other replicas: memory, postgres, redis://host:port or nats://host:port; by
    /// default that of the log: postgres, or memory for SQLite.
    #[arg(long, env = "MIDFLIGHT_BUS", value_name = "PLACE", hide_env_values = true)]
    bus: Option<String>,
    /// A channel of Redis on which legacy programs publish {"action":"reload"}, and on which edits of patterns are
    /// announced; needs --bus redis://...
    #[arg(long, env = "MIDFLIGHT_REDIS_LEGACY_CHANNEL", value_name = "CHANNEL")]
    redis_legacy_channel: Option<String>,
    /// What an acknowledged edit survives, for a log in SQLite.
    #[arg(long, env = "MIDFLIGHT_DURABILITY", value_enum, default_value_t = DurabilityArg::Machine)]
    durability: DurabilityArg,
    /// The name of this replica, unique for its log; by default derived from the host name and kept in the data folder.
    #[arg(long, env = "MIDFLIGHT_REPLICA_ID", value_name = "ID")]
    replica_id: Option<String>,
    /// A label of this replica; may be given several times.
    #[arg(long = "label", env = "MIDFLIGHT_LABEL", value_delimiter = ',', value_parser = label, value_name = "KEY=VALUE")]
    labels: Vec<(String, String)>,
    /// A host to which calls of tools by agents may be forwarded, as api.example.com, *.example.com or
    /// api.example.com:8443; may be given several times. By default no call is forwarded.
    #[arg(long, env = "MIDFLIGHT_FORWARD_TO", value_delimiter = ',', value_name = "HOST")]
    forward_to: Vec<HostPattern>,
    /// The same for a host that may be at a private or loopback address; may be given several times.
    #[arg(long, env = "MIDFLIGHT_FORWARD_TO_PRIVATE", value_delimiter = ',', value_name = "HOST")]
    forward_to_private: Vec<HostPattern>,
    /// A host that this server may call over HTTP (the LLM, the key set of --jwt-keys-url, forwarded calls, webhooks,
    /// the OTLP collector), as api.example.com, *.example.com or 10.0.0.7:8443; may be given several times. By default every host may be
    /// called, but no link-local address and no metadata address of a cloud.
    #[arg(long, env = "MIDFLIGHT_OUTBOUND_ALLOW", value_delimiter = ',', value_name = "HOST")]
    outbound_allow: Vec<HostPattern>,
    /// Let webhooks send entries of the audit. Editors write webhooks, and the audit is for admins.
    #[arg(long, env = "MIDFLIGHT_AUDIT_WEBHOOKS")]
    audit_webhooks: bool,
    /// A directory of documents to synchronize into the log; may be given several times. Its documents belong to
    /// file:NAME; the name is the last component of the path by default.
    #[arg(long, env = "MIDFLIGHT_WATCH", value_delimiter = ',', value_name = "[NAME=]DIR")]
    watch: Vec<NamedDirectory>,
    /// Let a watched directory without any document, or a followed table without any row, delete all that it owns. By
    /// default it deletes nothing then: an unmounted volume looks like an empty directory.
    #[arg(long, env = "MIDFLIGHT_ALLOW_EMPTY")]
    allow_empty: bool,
    /// The PostgreSQL database with a table of patterns to synchronize into the log, as postgres://user@host/database
    /// (the password in PGPASSWORD). It is read when a program on --redis-legacy-channel orders a reload, and every
    /// HOT_RELOAD_INTERVAL_SECONDS. Its patterns belong to table:NAME.
    #[arg(
        long,
        env = "MIDFLIGHT_FOLLOW_TABLE",
        value_name = "URL",
        requires = "table",
        hide_env_values = true
    )]
    follow_table: Option<String>,
    /// The table of --follow-table, or schema.table.
    #[arg(long, env = "MIDFLIGHT_TABLE", value_name = "NAME", requires = "follow_table")]
    table: Option<String>,
    /// The profile of the patterns of --follow-table.
    #[arg(long, env = "MIDFLIGHT_TABLE_PROFILE", default_value = "default", value_name = "NAME")]
    table_profile: String,
    /// The largest share of its patterns that the table of --follow-table may delete at once, in percent; of more, all are
    /// kept and /health/hot-reload is degraded. It applies to 10 patterns and more. 100 switches the check off.
    #[arg(
        long,
        env = "MIDFLIGHT_TABLE_LOSS_PERCENT_MAX",
        default_value_t = DirectoryOptions::default().loss_percent_max,
        value_name = "NUMBER"
    )]
    table_loss_percent_max: u8,
    /// Documents to put into the log if it is empty: a file or a directory; may be given several times.
    #[arg(long, env = "MIDFLIGHT_APPLY_IF_EMPTY", value_delimiter = ',', value_name = "PATH")]
    apply_if_empty: Vec<PathBuf>,
    /// A directory whose files the secrets of documents of the log may refer to (${file:PATH}); may be given several
    /// times. By default there is none. The file of --config may refer to any file.
    #[arg(
        long = "reference-dir",
        env = "MIDFLIGHT_REFERENCE_DIR",
        value_delimiter = ',',
        value_name = "DIR"
    )]
    reference_dirs: Vec<PathBuf>,
    /// The beginning of the names of the variables that the secrets of documents of the log may refer to (${env:NAME});
    /// may be given several times. By default there is none.
    #[arg(
        long = "reference-env",
        env = "MIDFLIGHT_REFERENCE_ENV",
        value_delimiter = ',',
        value_name = "PREFIX"
    )]
    reference_env: Vec<String>,
    /// Require a token for reads on loopback too. Set it behind a proxy on the same machine: without proxy headers
    /// every caller looks like one of this machine.
    #[arg(long, env = "MIDFLIGHT_REQUIRE_TOKEN")]
    require_token: bool,
    /// A file with the admin token; read if it exists, else created with a new token and mode 0600. By default the
    /// first start creates a token, and prints it if stderr is a terminal; otherwise the token is in the file
    /// admin-token of the data folder.
    #[arg(long, env = "MIDFLIGHT_ADMIN_TOKEN_FILE", value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// Replace the admin token of a shared log by that of --admin-token-file. By default the server refuses to start on
    /// a shared log with another token: users of the other servers would be refused.
    #[arg(long, requires = "admin_token_file")]
    replace_admin_token: bool,
    /// A file to write the server's URL to when it is ready.
    #[arg(long, env = "MIDFLIGHT_READY_FILE", value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// The log level, by default that of the config, else info: off, error, warn, info, debug, trace, or TARGET=LEVEL,
    /// separated by commas.
    #[arg(long, env = "MIDFLIGHT_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// The log format; by default that of the config, else text.
    #[arg(long, env = "MIDFLIGHT_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormatArg>,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    jwt: JwtArgs,
    #[command(flatten)]
    bounds: Bounds,
}

/// An address to listen on; of this machine alone when none is given.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let whole = match text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')) {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    whole.parse().map_err(|_| "expected ADDR:PORT or :PORT, as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DurabilityArg {
    /// The loss of power.
    Machine,
    /// The crash of the process only, but faster.
    Process,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormatArg {
    Text,
    Json,
}

/// Where an argument comes from.
pub(super) struct ArgSource(pub(super) Option<ArgMatches>);

impl ArgSource {
    /// The flag or the variable of an argument.
    fn by(&self, argument: &str) -> Origin {
        let source = self.0.as_ref().and_then(|matches| matches.value_source(argument));
        match source {
            Some(ValueSource::EnvVariable) => Origin::Env(format!("MIDFLIGHT_{}", argument.to_uppercase())),
            _ => Origin::Flag(format!("--{}", argument.replace('_', "-"))),
        }
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as key=value".to_owned()),
    }
}

pub(super) async fn run(args: ServeArgs, given: &ArgSource) -> Result<(), Failure> {
    let config = config(&args, given)?;
    let settings = config.settings().map_err(|error| match &args.config {
        Some(_) => Failure::failed(error.to_string()),
        // What is wrong was given on the command line, or by variables.
        None => Failure::usage(error.to_string()),
    })?;
    let telemetry = TelemetryExport::start(&outbound(&args), &config.redactor)?;
    // Before anything is connected, so that no line has a secret in it.
    let logger = start_log(&settings, &telemetry, &config.redactor)?;
    let redactor = config.redactor.clone();
    let failed = |error: &ServeError| Failure::failed(redactor.redact(&detail(error)).into_owned());
    // Installed from the beginning, so that a stop during the start counts.
    let mut signals = Signals::new()?;
    let mut options = options(&args, config, logger)?;
    telemetry.add_to(&mut options);
    let first = FirstDocuments::read(&args.apply_if_empty)?;
    options.first_edits.extend(first.as_ref().map(FirstDocuments::first_edit));
    let backend = Backend::open(&options).await.map_err(|error| failed(&error))?;
    let store = Arc::clone(backend.store());
    let mut server = tokio::select! {
        server = midflight_server::start_on(options, backend) => match server {
            Ok(server) => server,
            Err(error) => {
                store.close().await;
                let refused = first.and_then(|first| first.refused(&error));
                return Err(refused.unwrap_or_else(|| failed(&error)));
            }
        },
        () = signals.stop() => {
            store.close().await;
            return Ok(());
        }
    };
    if let Some(first) = &first {
        first.report(&server);
    }
    show_first_token(&server, &args.data_dir);
    // A program that waits for this file may read the token next.
    if let Some(file) = args.ready_file
        && let Err(error) = server.write_ready_file(file)
    {
        server.stop().await;
        return Err(failed(&error));
    }
    eprint_status(&format!("midflight is listening on {}", server.url()));
    serve(&server, &mut signals).await;
    telemetry.stop().await;
    Ok(())
}

/// Prints the token of the first start: to a person at a terminal. What else reads stderr may keep it, as a log
/// collector does, and gets the name of a file that only the owner may read.
fn show_first_token(server: &RunningServer, data_dir: &Path) {
    const USE: &str = "Give the token to commands with --token or MIDFLIGHT_TOKEN.";
    let Some(token) = server.first_token() else { return };
    keep_context(server, token);
    if std::io::stderr().is_terminal() {
        eprint_status(&format!("Admin token (shown only once):\n\n    {token}\n\n{USE}"));
        return;
    }
    let file = data_dir.join("admin-token");
    match server.keep_first_token(&file) {
        Ok(_) => eprint_status(&format!("the admin token is in {}. {USE}", file.display())),
        Err(error) => eprint_status(&format!(
            "cannot keep the admin token: {}; start again with --admin-token-file FILE \
             --replace-admin-token to set another one",
            detail(&error)
        )),
    }
}

/// Keeps the token of the first start for the commands of this user, so that they work at once.
fn keep_context(server: &RunningServer, token: &str) {
    let name = contexts::name_of(server.url());
    let kept = Contexts::read().and_then(|mut contexts| {
        let context = Context { url: server.url().to_owned(), token: Some(token.to_owned()) };
        contexts.add(&name, context);
        contexts.write()?;
        Ok(contexts.current)
    });
    match kept {
        Ok(current) if current.as_deref() == Some(&*name) => {
            eprint_status(&format!(
                "commands of this user talk to {} with the admin token (context {name})",
                server.url()
            ));
        }
        Ok(_) => eprint_status(&format!("to talk to this server: midflight context use {name}")),
        // A service has no home of its own, and needs none.
        Err(failure) => tracing::debug!(error = failure.text(), "admin token not kept as a context"),
    }
}

/// Serves until a signal to stop; a second one does not wait for requests in flight.
async fn serve(server: &RunningServer, signals: &mut Signals) {
    loop {
        if signals.next().await == SignalAction::Stop {
            break;
        }
        // Not waited for: the next signal may be one to stop.
        server.service().look_at_keys();
        server.service().reloader().request(Trigger::Signal, "SIGHUP");
    }
    eprint_status("shutting down; draining requests");
    tokio::select! {
        () = server.stop() => {}
        () = signals.stop() => eprint_status("shutting down now"),
    }
}

/// Starts the logging of this process, by the config.
fn start_log(
    settings: &Settings,
    telemetry: &TelemetryExport,
    redactor: &Redactor,
) -> Result<Logger, Failure> {
    let output = &settings.log.output;
    let output = LogOutput::open(output)
        .map_err(|error| Failure::failed(format!("cannot write log.output {output}: {error}")))?;
    let logger = telemetry.install(redactor, settings.log.logged(), output);
    logger.map_err(|error| Failure::failed(format!("cannot start logging: {error}")))
}

/// The config with what the command line lays over it. The log is not started yet, so that the config decides how.
fn config(args: &ServeArgs, given: &ArgSource) -> Result<OwnConfig, Failure> {
    let mut config = OwnConfig::new(args.config.clone());
    config.variables(Process::variables());
    config.references = references(args)?;
    if let Some(listen) = args.listen {
        config.listen(listen, given.by("listen"));
    }
    if let Some(store) = &args.store {
        // What was given is not repeated: it may hold a password.
        let place = store.parse::<StoreUrl>();
        let place = place.map_err(|error| Failure::usage(format!("--store: {error}")))?;
        config.store(&place, given.by("store"));
    }
    let mut bus = None;
    if let Some(text) = &args.bus {
        let place = text.parse::<BusUrl>();
        let place = place.map_err(|error| Failure::usage(format!("--bus: {error}")))?;
        config.bus(bus.insert(place), given.by("bus"));
    }
    if let Some(channel) = &args.redis_legacy_channel {
        if args.config.is_none() && !matches!(bus, Some(BusUrl::Redis(_))) {
            return Err(Failure::usage("--redis-legacy-channel needs --bus redis://...".to_owned()));
        }
        config.cover("/redis/legacy_channel", channel, given.by("redis_legacy_channel"));
    }
    if let Some(level) = &args.log {
        config.cover("/log/level", level, given.by("log"));
    }
    if let Some(format) = args.log_format {
        let format = format.to_possible_value();
        config.cover(
            "/log/format",
            format.map_or_else(String::new, |it| it.get_name().to_owned()),
            given.by("log_format"),
        );
    }
    Ok(config)
}

/// What documents of the log may refer to.
fn references(args: &ServeArgs) -> Result<References, Failure> {
    let mut references = References::none();
    for directory in &args.reference_dirs {
        let allowed = references.directory(directory);
        references = allowed.map_err(|error| Failure::usage(format!("--reference-dir: {error}")))?;
    }
    for prefix in &args.reference_env {
        let allowed = references.variables(prefix);
        references = allowed.map_err(|error| Failure::usage(format!("--reference-env: {error}")))?;
    }
    Ok(references)
}

fn options(args: &ServeArgs, config: OwnConfig, logger: Logger) -> Result<ServeOptions, Failure> {
    let mut options = ServeOptions::new(&args.data_dir);
    options.config = config;
    options.logger = Some(logger);
    options.durability = match args.durability {
        DurabilityArg::Machine => Durability::Machine,
        DurabilityArg::Process => Durability::Process,
    };
    options.watch.clone_from(&args.watch);
    options.directory.allow_empty = args.allow_empty;
    options.follow_table = follow_table(args)?;
    options.admin_token_file.clone_from(&args.admin_token_file);
    options.replace_admin_token = args.replace_admin_token;
    options.require_token = args.require_token;
    options.jwt = args.jwt.settings()?;
    options.tls = args.tls.files();
    options.plain_http = args.tls.allows_plain_http();
    options.replica_id.clone_from(&args.replica_id);
    options.forward.allowed_hosts = [args.forward_to.as_slice(), &args.forward_to_private].concat();
    options.forward.private_hosts.clone_from(&args.forward_to_private);
    options.audit_webhooks = args.audit_webhooks;
    options.outbound = outbound(args);
    options.labels = args.labels.iter().cloned().collect();
    options.hot_reload = HotReloadSettings::from_env(&HOT_RELOAD_ALIASES)
        .map_err(|error| Failure::usage(error.to_string()))?;
    args.bounds.set(&mut options);
    Ok(options)
}

/// What may be called over HTTP.
fn outbound(args: &ServeArgs) -> OutboundPolicy {
    match args.outbound_allow.is_empty() {
        true => OutboundPolicy::default(),
        false => OutboundPolicy::only(args.outbound_allow.iter().cloned()),
    }
}

/// The table to follow, if any.
fn follow_table(args: &ServeArgs) -> Result<Option<TableOptions>, Failure> {
    let (Some(url), Some(table)) = (&args.follow_table, &args.table) else { return Ok(None) };
    let table =
        PatternTable::new(url, table).map_err(|error| Failure::usage(format!("--follow-table: {error}")))?;
    if DocumentName::new(&args.table_profile).is_err() {
        let profile = &args.table_profile;
        return Err(Failure::usage(format!(
            "invalid --table-profile {profile:?}: expected the name of a profile"
        )));
    }
    let loss = LossBounds {
        allow_empty: args.allow_empty,
        percent_max: args.table_loss_percent_max,
        ..DirectoryOptions::default().loss()
    };
    Ok(Some(TableOptions { table, profile: args.table_profile.clone(), loss }))
}

/// An error with its causes, for the operator of a server.
fn detail(error: &ServeError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

/// The action that a signal requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignalAction {
    /// SIGTERM, SIGINT.
    Stop,
    /// SIGHUP: look at the log.
    #[cfg_attr(not(unix), expect(dead_code, reason = "other systems have no such signal"))]
    Reload,
}

/// The signals that a server handles.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let hear =
            |kind| signal(kind).map_err(|error| Failure::failed(format!("cannot handle signals: {error}")));
        Ok(Self {
            terminate: hear(SignalKind::terminate())?,
            interrupt: hear(SignalKind::interrupt())?,
            hangup: hear(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    async fn next(&mut self) -> SignalAction {
        tokio::select! {
            _ = self.terminate.recv() => SignalAction::Stop,
            _ = self.interrupt.recv() => SignalAction::Stop,
            _ = self.hangup.recv() => SignalAction::Reload,
        }
    }
}

impl Signals {
    /// Waits for one that asks to stop.
    async fn stop(&mut self) {
        while self.next().await != SignalAction::Stop {}
    }
}

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "on other systems it can fail")]
    fn new() -> Result<Self, Failure> {
        Ok(Self {})
    }

    async fn next(&mut self) -> SignalAction {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        SignalAction::Stop
    }
}
