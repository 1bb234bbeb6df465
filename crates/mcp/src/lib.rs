//! The Model Context Protocol (MCP) on a catalogue of tools that changes while it is served.
//!
//! [`McpServer`] is all of it. It reads the served catalogue through [`Live`](midflight_live::Live), has tools called
//! by a [`ToolCaller`], and reads catalogues of the past from [`PastCatalogues`]. It serves both eras of the protocol
//! on one endpoint: sessions that begin with `initialize` (until 2025-11-25), and requests that carry their own version
//! and capabilities (since 2026-07-28).
//!
//! What it guarantees:
//! - Every list, notification and call result names the revision it was computed from ([`REVISION_KEY`]), the revisions
//!   that are left out of it ([`QUARANTINED_KEY`]) and the digest of the catalogue ([`DIGEST_KEY`]).
//! - `notifications/tools/list_changed` is sent when this replica serves the changed catalogue, to listeners whose list
//!   differs: at once, and 100 ms after the last notice at the earliest.
//! - All pages of a list are of one catalogue. A cursor is sealed and lives for 5 minutes; past them it is refused.
//! - A call finishes on the catalogue it began with. A tool that was removed, renamed or changed answers as a tool
//!   error with what to do instead.
//! - Any replica can continue what another one began: cursors, questions and sessions are sealed with a key that
//!   replicas share, and nothing else is kept of them.
//!
//! ```
//! use async_trait::async_trait;
//! use midflight_core::RevisionNumber;
//! use midflight_live::Live;
//! use midflight_mcp::{
//!     AllowedHosts, McpCaller, McpHttpOptions, McpOptions, McpServer, PastCatalogue, PastCatalogues, PastError, ToolCall,
//!     ToolCaller, ToolOutcome,
//! };
//! use midflight_tools::ToolsSnapshot;
//! use std::sync::Arc;
//! use tokio_util::sync::CancellationToken;
//!
//! struct Greeter;
//!
//! #[async_trait]
//! impl ToolCaller for Greeter {
//!     async fn call(&self, call: ToolCall) -> ToolOutcome {
//!         ToolOutcome::text(format!("{} greets {}", call.target.name(), call.caller.name))
//!     }
//! }
//!
//! struct NoPast;
//!
//! #[async_trait]
//! impl PastCatalogues for NoPast {
//!     async fn at(&self, revision: RevisionNumber, _: &McpCaller) -> Result<PastCatalogue, PastError> {
//!         Err(PastError::Unknown(revision))
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let live = Live::constant(ToolsSnapshot::default());
//! let server = McpServer::new(live, Arc::new(Greeter), Arc::new(NoPast), McpOptions::new([7; 32]));
//! let stop = CancellationToken::new();
//! let following = tokio::spawn(server.follow(stop.clone()));
//! let service = server.http(McpHttpOptions::new(AllowedHosts::loopback(), []), &stop);
//! # drop(service);
//! stop.cancel();
//! # following.await
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arguments;
mod ask;
mod call;
mod caller;
mod changes;
mod compute;
mod definition;
mod endpoint;
#[cfg(feature = "forward")]
pub mod forward;
mod handler;
mod list;
mod meta_tools;
mod meter;
mod notices;
mod options;
mod past;
mod permits;
mod seal;
mod server;
mod sessions;
mod shared;
mod tool_caller;
mod views;

pub use caller::{CallerContext, Expose, McpCaller};
pub use endpoint::McpHttpService;
pub use meta_tools::META_TOOLS;
pub use meter::{CallClass, McpFigures, McpMeter};
pub use options::{AllowedHosts, McpHttpOptions, McpOptions};
pub use past::{PastCatalogue, PastCatalogues, PastError};
pub use server::{McpServer, StdioError};
pub use tool_caller::{
    Computation, OwnTool, ToolCall, ToolCaller, ToolFailure, ToolOutcome, ToolOutput, ToolTarget, UserAnswer,
    UserQuestion,
};

/// The member of `_meta` with the revision that an answer was computed from, a number. On a call, the revision of the
/// list that the client works from: with it, the reason why a tool was removed can be given after a restart too.
pub const REVISION_KEY: &str = "dev.midflight/revision";
/// The member of `_meta` beside it with the revisions up to it that are left out of it on this replica, an array of
/// numbers.
pub const QUARANTINED_KEY: &str = "dev.midflight/quarantined";
/// The member of `_meta` with the digest of the catalogue, 64 hexadecimal digits.
pub const DIGEST_KEY: &str = "dev.midflight/digest";
/// The member of `_meta` of `tools/list` with the lowest revision that the client accepts, a number. The list waits up
/// to 500 ms for it; then it is refused.
pub const MIN_REVISION_KEY: &str = "dev.midflight/min_revision";
/// The member of `_meta` of a tool error with its stable code, as `tool_removed`.
pub const CODE_KEY: &str = "dev.midflight/code";
