//! A client of a Midflight server: typed, asynchronous, and safe to retry.
//!
//! ```no_run
//! use midflight_client::wire::log::WatchedRevision;
//! use midflight_client::{Client, ClientError, Precondition, WatchEvent, WriteOptions};
//! use serde_json::json;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://midflight.example:8080").token("mf_...").build()?;
//! let id = "rules/conditions/earns-enough".parse()?;
//!
//! // Read a document, and change it unless another writer was first.
//! let current = client.document(&id).await?;
//! let version = current.version.map_or(Precondition::Present, Precondition::Version);
//! let body = json!({"attribute": "applicant.income", "operator": "greater_than_or_equal", "constant": 25_000});
//! let options = WriteOptions { reason: "lower limit".to_owned(), ..WriteOptions::default() };
//! match client.put_document(&id, &body, version, &options).await {
//!     Ok(written) => println!("revision {:?} is live", written.revision),
//!     Err(ClientError::Conflict(problem)) => println!("read it again: {}", problem.detail),
//!     Err(ClientError::Refused(problem)) => println!("correct it: {:?}", problem.errors),
//!     Err(other) => return Err(other.into()),
//! }
//!
//! // Follow the log, over restarts of the server too.
//! let mut watch = client.watch(None, None);
//! while let Some(event) = watch.next().await? {
//!     if let WatchEvent::Revision(revision) = event {
//!         let WatchedRevision { revision, quarantined, .. } = &**revision;
//!         println!("revision {} by {}; quarantined: {quarantined}", revision.number, revision.author);
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Retries
//!
//! A request whose result is not known is sent again when that cannot do harm: one that only reads, one that did not
//! reach the server, and each edit, which has a key (`Idempotency-Key`) with which the server makes it once. How often is
//! bounded by the [`RetryPolicy`]. Other requests, as a call of a module, are sent once.
//!
//! # Errors
//!
//! [`ClientError`] has a variant for each thing that a caller can do: correct the arguments, correct the request, read
//! again, try later, check the connection, check the versions.
//!
//! # Answers
//!
//! Types are those of `midflight-wire`, exported as [`wire`]. An [`Answer`] dereferences to its type, and serializes as
//! the server sent it, with members that this version does not know.

mod access;
mod address;
mod answer;
mod client;
mod config;
mod documents;
mod download;
mod edits;
mod error;
mod event;
mod list;
mod log;
mod modules;
mod options;
mod patterns;
mod request;
mod retry;
mod rules;
mod schedules;
mod sse;
mod status;
mod tls;
mod tools;
mod watch;
mod webhooks;

pub use midflight_core::{DocumentId, KindName, Precondition, RevisionNumber};
/// The types of requests and answers.
pub use midflight_wire as wire;

pub use access::AuditFilter;
pub use answer::Answer;
pub use client::{Client, ClientBuilder};
pub use config::{OwnConfigProblem, OwnConfigReport};
pub use download::Download;
pub use edits::InvalidDocuments;
pub use error::{ClientError, Unreachable, UnreachableKind};
pub use event::ClientEvent;
pub use options::{Later, WaitFor, WriteOptions};
pub use patterns::PatternFilter;
pub use request::ApiRequest;
pub use retry::RetryPolicy;
pub use sse::{EventStream, ServerEvent};
pub use tools::{ToolFilter, ToolSwitch};
pub use watch::{QuarantineChange, RevisionWatch, WatchEvent};
pub use webhooks::DeliveryFilter;
