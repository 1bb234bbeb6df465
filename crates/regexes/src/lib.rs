//! Regular expressions of the kinds, bounded when they are compiled and when they are searched.
//!
//! The `regex` crate keeps for each expression and each thread a cache that grows to a mebibyte, and never gives it
//! back: some hundred expressions take a gigabyte. Here the process keeps the caches of the expressions that were
//! searched last, up to [`CACHES_BYTES_MAX`] in all, whatever the number of expressions and of threads.
//!
//! A search cannot be interrupted. It takes time in proportion to the text times the expression, in the worst case, so
//! that is known before ([`BoundedRegex::worst_ns`]), and the budget is asked whether it may begin.

mod caches;
mod regex;

pub use caches::CACHES_BYTES_MAX;
pub use regex::{BoundedRegex, RegexError, RegexLimits};
