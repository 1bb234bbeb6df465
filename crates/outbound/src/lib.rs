//! Which destinations a server may call over HTTP, and the client that it calls them with: for an LLM, the keys of an
//! issuer, forwarded calls of tools, webhooks, and a collector of traces.
//!
//! What is called is often written by an editor, in a document. So there is one policy for all of it:
//!
//! - Link-local addresses, and the addresses at which clouds give secrets to their machines, are never called.
//! - With an allow-list only its hosts are called.
//! - A name is resolved by the client, and the addresses that were checked are those that it connects to. A name that
//!   has another address a moment later (DNS rebinding) is of no use.
//! - A redirect to another origin is not followed.
//!
//! With the feature `traces` a call has the headers `traceparent` and `tracestate` of the span that it is made in.
//!
//! Loopback and private addresses may be called unless the policy says otherwise: the LLM of a server is often beside
//! it.

mod address;
mod client;
mod pattern;
mod policy;
#[cfg(feature = "traces")]
mod traces;

pub use address::{is_never_called, is_public};
pub use client::{OutboundClient, OutboundClientError, OutboundOptions, reason};
pub use pattern::{HostPattern, InvalidHostPattern};
pub use policy::{OutboundPolicy, OutboundRefused, has_user_info};
