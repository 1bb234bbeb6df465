//! What a fuzzer calls: a function for each parser that reads what comes from outside. Each takes any bytes, and must
//! neither panic nor run without bound. `fuzz/` has a program of each for `cargo fuzz`; `tests/bounded.rs` calls them with a
//! bounded number of inputs in `make test`.
//!
//! The flags of the sidecar are a program of `fuzz/` without a function here, since no crate depends on the sidecar; its
//! own tests try them in `make test`.

mod bus;
mod documents;
mod jwt;
mod kinds;
mod mcp;

pub use bus::hints;
pub use documents::documents;
pub use jwt::jwt;
pub use kinds::{expressions, imports, patterns, rules, tools, webhooks};
pub use mcp::mcp;

/// A function that takes any bytes.
pub type FuzzTarget = fn(&[u8]);

/// Every target, by the name of its program and of its seeds.
pub const TARGETS: [(&str, FuzzTarget); 10] = [
    ("documents", documents),
    ("expressions", expressions),
    ("hints", hints),
    ("imports", imports),
    ("jwt", jwt),
    ("mcp", mcp),
    ("patterns", patterns),
    ("rules", rules),
    ("tools", tools),
    ("webhooks", webhooks),
];
