//! The binary, run as people run it: what it prints where, and with which exit code it ends.

#[cfg(test)]
mod access;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod config;
#[cfg(test)]
mod edit;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod kinds;
#[cfg(test)]
mod manners;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod modules;
#[cfg(test)]
mod patterns;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tools;
#[cfg(test)]
mod transcripts;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod webhooks;
