//! The request and response types of Midflight's HTTP API: the server answers with them, and clients read with them.
//!
//! They are plain data: they depend on no other crate of Midflight, so that a client is small and that neither the wire
//! nor the types behind it bind the other. The functions that make them from what the server has are in
//! `midflight-http` and `midflight-server`.
//!
//! A server refuses a request with unknown members; a client ignores unknown members of an answer, so that it can read
//! the answers of a newer server. Words that may get new values, as the outcome of a reload, are texts for the same
//! reason. Times are RFC 3339 in UTC, and durations milliseconds with their fraction (`_ms`).
//!
//! Kinds add members to some answers, as `checks` to the health. To read these, read the same text a second time as the
//! type of the kind:
//!
//! ```
//! use midflight_wire::config::ConfigMembers;
//! use midflight_wire::edits::WriteAnswer;
//!
//! let text = r#"{"outcome": "success", "revision": 3, "dry_run": false, "documents": [], "diff": [], "plan": null,
//!     "reload_id": 4, "reload_time_ms": 1.5, "config": {"masked": [], "restart_required": ["/listen"]}}"#;
//! let answer: WriteAnswer = serde_json::from_str(text)?;
//! assert_eq!((&*answer.outcome, answer.revision), ("success", Some(3)));
//! let members: ConfigMembers = serde_json::from_str(text)?;
//! assert_eq!(members.config.unwrap_or_default().restart_required, ["/listen"]);
//! # Ok::<_, serde_json::Error>(())
//! ```
//!
//! With the feature `openapi` each type has its schema for the OpenAPI document.

#[cfg(feature = "openapi")]
pub mod any_document;
pub mod audit;
pub mod config;
pub mod directories;
pub mod documents;
pub mod edits;
pub mod health;
pub mod log;
pub mod metrics;
pub mod modules;
pub mod patterns;
pub mod problem;
pub mod reload;
pub mod replicas;
pub mod rules;
pub mod schedules;
pub mod status;
pub mod tokens;
pub mod tools;
pub mod webhooks;
