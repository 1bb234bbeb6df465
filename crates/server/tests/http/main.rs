//! A real server on a free port with its own folder, asked over real connections.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod access;
#[cfg(feature = "tools")]
mod agents;
mod answers;
mod audit;
mod bad_input;
mod budgets;
mod callers;
mod config;
mod contention;
mod dashboards;
mod directories;
mod edit_access;
mod embedded;
mod greetings;
mod health;
mod hostile;
mod idempotency;
mod jwt;
mod log;
mod metrics_history;
#[cfg(feature = "modules")]
mod modules;
#[cfg(feature = "modules")]
mod modules_bad;
#[cfg(feature = "modules")]
mod modules_support;
mod next_version;
mod outbound;
mod patches;
mod patterns;
mod patterns_bounds;
mod patterns_import;
mod patterns_llm;
mod patterns_table;
mod patterns_views;
mod references;
mod reload;
mod requests;
mod rules;
mod schedules;
mod schemathesis;
mod scoped_lists;
mod sessions;
mod socket;
mod stop;
mod support;
mod tls;
mod tokens;
#[cfg(feature = "tools")]
mod tools;
#[cfg(feature = "tools")]
mod tools_bounds;
#[cfg(feature = "tools")]
mod tools_import;
#[cfg(feature = "tools")]
mod tools_reload;
#[cfg(feature = "tools")]
mod tools_scopes;
mod tools_select;
#[cfg(feature = "tools")]
mod tools_telemetry;
#[cfg(feature = "tools")]
mod tools_versions;
#[cfg(feature = "tools")]
mod tools_views;
mod transcripts;
mod transfer;
mod ui;
mod watch;
mod webhooks_out;
mod wire;
mod writes;
