//! The host with real components, built in the process: what a reload keeps, refuses and takes back.

mod bad;
mod basics;
mod concurrency;
mod crash;
mod groups;
mod guest;
mod natives;
mod phases;
mod restarts;
mod reverts;
mod stateless;
mod support;
