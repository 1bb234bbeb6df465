//! The HTTP edge of Midflight, for whatever kinds a server has: connections, bodies, authentication, problems,
//! documents, edits, the log and its stream, reload events, export and import, reloads, schedules, health, metrics, and
//! the OpenAPI document.
//!
//! It knows no kind. A kind brings its server side as a [`kind::KindApi`], and comes in by a [`setup::KindSetup`].

pub mod accept;
pub mod agent_function;
pub mod app;
pub mod audit;
pub mod body;
pub mod byte_budget;
pub mod code;
pub mod compute;
pub mod conflict;
pub mod descriptors;
pub mod diff_maker;
pub mod diffs;
pub mod directories;
pub mod docs;
pub mod document_schemas;
pub mod edge;
pub mod events;
pub mod health;
pub mod href;
pub mod idempotency;
pub mod jwt;
pub mod kind;
mod layers;
pub mod limits;
pub mod log;
pub mod long_answer;
pub mod merge;
pub mod merge_turns;
pub mod metrics;
mod middleware;
pub mod monitoring;
pub mod monitoring_status;
mod mount;
pub mod origin;
pub mod params;
pub mod parsed_size;
pub mod principal;
pub mod problem;
pub mod reach;
pub mod refusal;
pub mod reload;
mod request_id;
pub mod resource;
pub mod revision_cache;
pub mod router;
pub mod routes;
pub mod schedule_params;
pub mod scopes;
pub mod setup;
pub mod sorts;
pub mod start;
mod token_routes;
pub mod tokens;
pub mod ui;
pub mod validate;
mod whoami;
pub mod wire;
pub mod write;
pub mod write_idle;
