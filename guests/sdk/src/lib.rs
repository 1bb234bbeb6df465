//! Writes modules for Midflight in Rust.
//!
//! The state of a module is a type for each version of it, and each says how it is made from the one before
//! ([`VersionedState`]). The way from any older version is then a chain of types, and a hop that is missing does not
//! compile:
//!
//! ```compile_fail
//! use midflight_guest::{Decoder, Encoder, Failure, NoState, VersionedState};
//!
//! /// Schema 2, but what it is made from is not schema 1.
//! struct Second;
//!
//! impl VersionedState for Second {
//!     const SCHEMA: u32 = 2;
//!     type Previous = NoState;
//!     fn from_previous(previous: NoState) -> Result<Self, Failure> {
//!         match previous {}
//!     }
//!     fn encode(&self, _: &mut Encoder) {}
//!     fn decode(_: &mut Decoder<'_>) -> Result<Self, Failure> {
//!         Ok(Self)
//!     }
//! }
//!
//! let loaded = midflight_guest::load::<Second>(2, &[]);
//! ```
//!
//! A module is a type that implements [`Module`], and one line, `midflight_guest::module!(MyModule)`, which exports it.

mod changes;
mod codec;
mod state;

pub use changes::{ChangedKeys, IncrementalModule};
pub use codec::{Decoder, Encoder};
pub use state::{accepts, load, save, NoState, VersionedState};

#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        world: "hosted",
        path: "../../crates/module-host/wit",
        pub_export_macro: true,
        export_macro_name: "export_hosted",
        default_bindings_module: "midflight_guest::bindings",
    });
}

/// The interface `incremental` alone, on the types of the other bindings.
#[doc(hidden)]
pub mod incremental_bindings {
    wit_bindgen::generate!({
        world: "incremental-part",
        path: "../../crates/module-host/wit",
        pub_export_macro: true,
        export_macro_name: "export_incremental",
        default_bindings_module: "midflight_guest::incremental_bindings",
        with: { "midflight:module/types@1.0.0": crate::bindings::midflight::module::types },
    });
}

pub use bindings::midflight::module::{call, config, emit, log, now, random};
pub use bindings::midflight::module::types::{Failure, Message};

impl Failure {
    /// A failure with a stable word for its class, and a text for a person.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// A module: what it does with its state. The host calls one function after the other, never two at a time.
pub trait Module {
    /// The newest version of its state.
    type State: VersionedState + Default;
    /// The name of the module, as its manifest has it.
    const NAME: &'static str;
    /// The version, as its manifest has it.
    const VERSION: &'static str;

    /// Prepares an empty state, with the config of the manifest as JSON.
    ///
    /// # Errors
    /// Why the config cannot be used.
    fn init(_state: &mut Self::State, _config: &str) -> Result<(), Failure> {
        Ok(())
    }

    /// Works on a message.
    ///
    /// # Errors
    /// What the caller is answered instead of a result.
    fn handle(state: &mut Self::State, message: &Message) -> Result<Vec<u8>, Failure>;

    /// Verifies the invariants of the state.
    ///
    /// # Errors
    /// The violated invariant.
    fn check(_state: &Self::State) -> Result<(), Failure> {
        Ok(())
    }
}

/// Exports a type that implements [`Module`] as the module of this component; with `, incremental` one that implements
/// [`IncrementalModule`] too.
#[macro_export]
macro_rules! module {
    (@guest $module:ty) => {
        use $crate::bindings::exports::midflight::module::guest;

        type State = <$module as $crate::Module>::State;

        std::thread_local! {
            static STATE: std::cell::RefCell<State> = std::cell::RefCell::default();
        }

        struct Exported;

        impl guest::Guest for Exported {
            fn describe() -> guest::Info {
                guest::Info {
                    name: <$module as $crate::Module>::NAME.to_owned(),
                    version: <$module as $crate::Module>::VERSION.to_owned(),
                    schema: <State as $crate::VersionedState>::SCHEMA,
                    accepts: $crate::accepts::<State>(),
                }
            }

            fn init(config: String) -> Result<(), guest::Failure> {
                STATE.with_borrow_mut(|state| <$module as $crate::Module>::init(state, &config))
            }

            fn handle(message: guest::Message) -> Result<Vec<u8>, guest::Failure> {
                STATE.with_borrow_mut(|state| <$module as $crate::Module>::handle(state, &message))
            }

            fn save() -> guest::Snapshot {
                let schema = <State as $crate::VersionedState>::SCHEMA;
                STATE.with_borrow(|state| guest::Snapshot { schema, bytes: $crate::save(state) })
            }

            fn load(snapshot: guest::Snapshot) -> Result<u32, guest::Failure> {
                let (loaded, steps) = $crate::load::<State>(snapshot.schema, &snapshot.bytes)?;
                STATE.set(loaded);
                Ok(steps)
            }

            fn check() -> Result<(), guest::Failure> {
                STATE.with_borrow(<$module as $crate::Module>::check)
            }
        }

        $crate::bindings::export_hosted!(Exported with_types_in $crate::bindings);
    };
    ($module:ty) => {
        const _: () = {
            $crate::module!(@guest $module);
        };
    };
    ($module:ty, incremental) => {
        const _: () = {
            $crate::module!(@guest $module);

            use $crate::bindings::midflight::module::types;
            use $crate::incremental_bindings::exports::midflight::module::incremental;

            type Changes = <$module as $crate::IncrementalModule>::Changes;

            const SCHEMA: u32 = <Changes as $crate::VersionedState>::SCHEMA;
            const _: () = assert!(
                SCHEMA == <State as $crate::VersionedState>::SCHEMA,
                "a hop is missing: Changes must have the SCHEMA of the state"
            );

            impl incremental::Guest for Exported {
                fn mark() -> u64 {
                    STATE.with_borrow_mut(<$module as $crate::IncrementalModule>::mark)
                }

                fn changes_since(mark: u64) -> Option<types::Snapshot> {
                    let changes = |state: &State| <$module as $crate::IncrementalModule>::changes_since(state, mark);
                    let changes = STATE.with_borrow(changes)?;
                    Some(types::Snapshot { schema: SCHEMA, bytes: $crate::save(&changes) })
                }

                fn apply(changes: types::Snapshot) -> Result<u32, types::Failure> {
                    let (changes, steps) = $crate::load::<Changes>(changes.schema, &changes.bytes)?;
                    STATE.with_borrow_mut(|state| <$module as $crate::IncrementalModule>::apply(state, changes))?;
                    Ok(steps)
                }
            }

            $crate::incremental_bindings::export_incremental!(Exported with_types_in $crate::incremental_bindings);
        };
    };
}
