//! Why a server does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use midflight_store::StoreError;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The data folder cannot be made.
    #[error("cannot use the folder {}", .0.display())]
    DataDir(PathBuf, #[source] std::io::Error),
    /// Another server has the data folder.
    #[error("the folder {} is in use by another server; stop that one, or give this one another --data-dir", .0.display())]
    DataDirInUse(PathBuf),
    /// The config is not valid, or cannot be followed.
    #[error(transparent)]
    Config(#[from] midflight_app::AppError),
    /// The config of the log is invalid here.
    #[error("invalid config: {0}")]
    OwnConfig(midflight_core::Problems),
    /// A place that the config names is none.
    #[error("{0}")]
    Place(String),
    /// What was to carry the hints cannot.
    #[error(transparent)]
    Bus(#[from] midflight_bus::BusError),
    /// Hints were to go through the database of a log that is in none.
    #[error(
        "hints can go through PostgreSQL only when the log is in PostgreSQL: give --store postgres://..., \
         or another --bus"
    )]
    BusWithoutDatabase,
    /// A name that no replica can have.
    #[error("invalid replica name {0:?}: use 1-128 of A-Z a-z 0-9 . _ : -")]
    ReplicaId(String),
    /// The file with the admin's token cannot be read or made.
    #[error("cannot use the token file {}", .0.display())]
    TokenFile(PathBuf, #[source] std::io::Error),
    /// The file has another admin token than the log that other servers use too.
    #[error(
        "the token in {} is not the admin token of this log, which other servers may use: copy the token of a server that \
         uses it into the file, or give --replace-admin-token to replace it for all of them",
        .0.display()
    )]
    OtherAdminToken(PathBuf),
    /// JSON Web Tokens cannot be verified as the options say.
    #[error("JSON Web Tokens: {0}")]
    Jwt(String),
    /// The files of TLS cannot be used.
    #[error("cannot use the TLS files: {0}")]
    Tls(String),
    /// Other machines would read tokens and documents on their way.
    #[error(
        "refusing to serve plain HTTP on {0}: tokens and documents could be read on their way; give --tls-cert and \
         --tls-key, or --plain-http if a proxy in front of this server terminates TLS, or listen on 127.0.0.1"
    )]
    PlainHttp(SocketAddr),
    /// The ready file cannot be written.
    #[error("cannot write the ready file {}", .0.display())]
    ReadyFile(PathBuf, #[source] std::io::Error),
    /// The log does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine does not start on the log.
    #[error(transparent)]
    Engine(#[from] midflight_engine::StartError),
    /// A watched directory cannot be watched.
    #[error(transparent)]
    Source(#[from] midflight_source::SourceError),
    /// The operating system gives no randomness for a token.
    #[error("cannot get random bytes from the system: {0}")]
    Randomness(getrandom::Error),
    /// What runs modules cannot be made.
    #[error("{0}; lower modules_max")]
    Modules(String),
    /// The parts do not fit: a defect of this program.
    #[error("the engine does not know the kind it was built with; please report it")]
    Composition,
}
