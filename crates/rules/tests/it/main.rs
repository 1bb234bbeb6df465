//! Tests of the rules kind through what it offers: documents in, answers out.

mod batches;
mod import;
mod mutations;
mod naive;
mod properties;
mod schemas;
mod semantics;
mod support;
