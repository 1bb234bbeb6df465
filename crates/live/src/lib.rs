//! The current state: the handles through which readers take the current snapshot, completely and without a lock.
//!
//! All snapshots are behind one pointer, the [`World`]. Publishing a revision that touches several kinds is one store
//! of that pointer, so a reader sees all of it or nothing (HR-1). There are four ways to read, by what they cost and
//! how long the value may be kept:
//!
//! | way | cost | keep it |
//! |---|---|---|
//! | [`Live::load`] | some 5 ns, no allocation, no contention | for one unit of work; the compiler refuses it across `.await` in a spawned task |
//! | [`Live::snapshot`] | one reference count | as long as you like, across `.await` too |
//! | [`Live::reader`] then [`Reader::load`] | some 1 ns | in a loop on one thread |
//! | [`Live::constant`] | as above | a value that never changes, for tests |
//!
//! Per request: load once at the edge, pass it down. A task that acts on changes waits with [`Live::changed`]; a loop
//! that has its own pace asks [`Live::load_if_changed`].
//!
//! ```
//! use midflight_live::Live;
//! use midflight_core::RevisionNumber;
//!
//! let (publisher, greeting) = Live::new(String::from("hello"));
//! assert_eq!(*greeting.load(), "hello");
//! publisher.publish(RevisionNumber::new(1), String::from("good day"));
//! assert_eq!(*greeting.load(), "good day");
//! assert_eq!(greeting.load().revision().get(), 1);
//! ```

mod cell;
mod handle;
#[cfg(all(test, loom))]
mod loom_tests;
mod pointer;
mod read;
mod world;

pub use cell::{Changes, WorldCell};
pub use handle::{Live, Projection, Publisher};
pub use read::{Loaded, Pinned, Reader};
pub use world::{Basis, SnapshotSlot, World, WorldBuilder};
