//! Real servers for tests, each on a free port of its own: started, stopped, killed, paused, restarted, and cut off by
//! a [`Proxy`]; and in place of an LLM, which none can have at hand, a [`LlmDouble`]. A server ends with its value.
//!
//! Everything here panics when it cannot do what it is asked for: a test that has no server has failed.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test stops where it fails")]

mod acceptor;
mod certificates;
mod daemon;
mod files;
#[cfg(feature = "guests")]
pub mod guest;
pub mod http;
mod llm;
mod local_server;
mod midflight;
pub mod mutate;
mod nats;
mod postgres;
mod process;
mod program;
mod proxy;
mod redis;
#[cfg(feature = "schemas")]
pub mod schemas;
mod tour;
mod wait;

pub use acceptor::Acceptor;
pub use certificates::{CertificateAuthority, IssuedCertificate};
pub use daemon::Daemon;
pub use files::{ConfigMap, rename_over};
pub use llm::{LlmAsked, LlmDoes, LlmDouble};
pub use local_server::LocalServer;
pub use midflight::{Midflight, TOKEN};
pub use nats::Nats;
pub use postgres::Postgres;
pub use process::Process;
pub use program::Program;
pub use proxy::Proxy;
pub use redis::{Redis, RedisSubscriber};
pub use tour::tour;
pub use wait::{DEADLINE, pause, wait_for};

/// Chooses what encrypts, in a process whose HTTP client cannot do without. Choosing again changes nothing.
pub fn choose_cryptography() {
    drop(rustls::crypto::ring::default_provider().install_default());
}
