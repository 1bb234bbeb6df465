//! A service whose settings change while it runs. Save its config file: valid content that every component accepts is
//! in effect within milliseconds, any other changes nothing, and `/health/reload` says which. README.md beside this
//! folder is the tour.

mod routes;
mod settings;

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use midflight::app::AppBuilder;
use midflight::components::{Database, LogOutput, LogSettings, Logger, Redis};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use routes::{Service, routes};
use settings::shape;

/// A service whose settings change while it runs.
#[derive(Debug, Parser)]
pub(crate) struct Flags {
    /// The config file. It is followed.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where to listen, whatever the config says; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// A file to write the service's URL to once it answers.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("hot-service does not run: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: &Flags) -> Result<(), Box<dyn Error>> {
    let logger = Logger::install(LogSettings::default(), LogOutput::Stderr)?;
    // What the config says of secrets is kept out of every line.
    let mut builder = AppBuilder::new("hot-service", shape(flags).redacted_by(logger.redactor().clone()))?;
    builder.file(&flags.config);
    builder.component(logger.part(builder.place("/log", |settings| Some(settings.log.clone()))));
    let (pool, database) = Database::new(builder.place("/database", |settings| settings.database.clone()));
    let (connections, redis) = Redis::new(builder.place("/redis", |settings| settings.redis.clone()));
    builder.component(pool).component(connections);

    // Valid, and every component runs on it; or nothing starts.
    let app = builder.start().await?;
    app.reload_on_sighup()?;
    let settings = app.config().load();
    let listener = TcpListener::bind((settings.server.host.as_str(), settings.server.port)).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    write_ready(&listener, flags.ready_file.as_deref())?;

    let service = Service { app: app.clone(), database, redis };
    let stop = async move {
        terminate.recv().await;
    };
    axum::serve(listener, routes(service)).with_graceful_shutdown(stop).await?;
    app.stop().await;
    tracing::info!("stopped");
    Ok(())
}

fn write_ready(listener: &TcpListener, file: Option<&Path>) -> std::io::Result<()> {
    let url = format!("http://{}", listener.local_addr()?);
    if let Some(file) = file {
        std::fs::write(file, format!("{url}\n"))?;
    }
    tracing::info!("listening on {url}");
    Ok(())
}
