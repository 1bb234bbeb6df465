//! How we get from what is to what should be: the engine that every kind runs on.

mod kind;
mod work;

pub use kind::{DocumentSchema, Kind, KindChange};
pub use work::{Interrupted, Work};
