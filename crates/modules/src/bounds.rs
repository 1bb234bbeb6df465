//! The limits that a manifest sets for its module: each with a default and a largest value.

use std::time::Duration;

use midflight_core::{JsonPath, ObjectReader, Problems};
use serde_json::{Value, json};

/// What a module may use. Durations are in milliseconds, sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleLimits {
    /// The largest memory of one instance. Default 64 MiB.
    pub memory_bytes_max: u64,
    /// The longest a message is worked on. Default 1,000.
    pub call_ms_max: u64,
    /// The most messages that wait. Default 1,024.
    pub mailbox_messages_max: u64,
    /// The largest payload of a message or a reply. Default 1 MiB.
    pub message_bytes_max: u64,
    /// The largest snapshot of the state. Default 64 MiB.
    pub state_bytes_max: u64,
    /// The longest a reload waits for the current message. Default 5,000.
    pub drain_ms_max: u64,
    /// The longest `save`, `load` and `check` take, each. Default 5,000.
    pub restore_ms_max: u64,
    /// The longest a call of the host takes. Default 1,000.
    pub import_ms_max: u64,
    /// How long after a commit the replaced instance is retained. Default 10,000.
    pub grace_ms: u64,
    /// How long after a failed reload the same manifest is refused. Default 1,000.
    pub cool_down_ms: u64,
    /// The most units of fuel of `describe`, `init`, a migration or a probe on a scratch instance. Default 10^9.
    pub verify_fuel_max: u64,
    /// After how many answered messages the state is saved for a restart; 0 for never. Default 0.
    pub checkpoint_messages: u64,
    /// The most instances of a stateless module. Default 4.
    pub instances_max: u64,
}

/// A limit: its name, default, smallest and largest value, and the place it is kept.
type Bound = (&'static str, u64, u64, u64, fn(&mut ModuleLimits) -> &mut u64);

const BOUNDS: [Bound; 13] = [
    ("memory_bytes_max", 64 << 20, 1 << 16, 1 << 32, |limits| &mut limits.memory_bytes_max),
    ("call_ms_max", 1_000, 1, 600_000, |limits| &mut limits.call_ms_max),
    ("mailbox_messages_max", 1_024, 1, 1 << 20, |limits| &mut limits.mailbox_messages_max),
    ("message_bytes_max", 1 << 20, 1, 64 << 20, |limits| &mut limits.message_bytes_max),
    ("state_bytes_max", 64 << 20, 1, 1 << 30, |limits| &mut limits.state_bytes_max),
    ("drain_ms_max", 5_000, 1, 600_000, |limits| &mut limits.drain_ms_max),
    ("restore_ms_max", 5_000, 1, 600_000, |limits| &mut limits.restore_ms_max),
    ("import_ms_max", 1_000, 1, 60_000, |limits| &mut limits.import_ms_max),
    ("grace_ms", 10_000, 0, 3_600_000, |limits| &mut limits.grace_ms),
    ("cool_down_ms", 1_000, 0, 3_600_000, |limits| &mut limits.cool_down_ms),
    ("verify_fuel_max", 1_000_000_000, 1, 1 << 48, |limits| &mut limits.verify_fuel_max),
    ("checkpoint_messages", 0, 0, 1 << 40, |limits| &mut limits.checkpoint_messages),
    ("instances_max", 4, 1, 256, |limits| &mut limits.instances_max),
];

impl Default for ModuleLimits {
    fn default() -> Self {
        let mut limits = Self {
            memory_bytes_max: 0,
            call_ms_max: 0,
            mailbox_messages_max: 0,
            message_bytes_max: 0,
            state_bytes_max: 0,
            drain_ms_max: 0,
            restore_ms_max: 0,
            import_ms_max: 0,
            grace_ms: 0,
            cool_down_ms: 0,
            verify_fuel_max: 0,
            checkpoint_messages: 0,
            instances_max: 0,
        };
        for (_, default, _, _, place) in BOUNDS {
            *place(&mut limits) = default;
        }
        limits
    }
}

impl ModuleLimits {
    /// How long a message may take.
    #[must_use]
    pub const fn call_max(&self) -> Duration {
        Duration::from_millis(self.call_ms_max)
    }

    /// How long a reload waits for the current message.
    #[must_use]
    pub const fn drain_max(&self) -> Duration {
        Duration::from_millis(self.drain_ms_max)
    }

    /// How long `save`, `load` and `check` may take, each.
    #[must_use]
    pub const fn restore_max(&self) -> Duration {
        Duration::from_millis(self.restore_ms_max)
    }

    /// How long a call of the host may take.
    #[must_use]
    pub const fn import_max(&self) -> Duration {
        Duration::from_millis(self.import_ms_max)
    }

    /// How long the replaced instance is retained.
    #[must_use]
    pub const fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }

    /// How long a manifest is refused after its reload failed.
    #[must_use]
    pub const fn cool_down(&self) -> Duration {
        Duration::from_millis(self.cool_down_ms)
    }

    /// Each limit with the name that a manifest has for it.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let mut limits = *self;
        BOUNDS.into_iter().map(move |(name, .., place)| (name, *place(&mut limits)))
    }

    /// Reads the member `limits` of a manifest.
    pub(crate) fn read(value: &Value, place: &JsonPath<'_>, problems: &mut Problems) -> Self {
        let mut limits = Self::default();
        let Some(mut reader) = ObjectReader::open("the limits", value, place, problems) else {
            return limits;
        };
        reader.only(&BOUNDS.map(|(name, ..)| name));
        for (name, _, min, max, kept) in BOUNDS {
            let Some(number) = reader.integer(name) else { continue };
            match u64::try_from(number) {
                Ok(number) if (min..=max).contains(&number) => *kept(&mut limits) = number,
                _ => reader.refuse(
                    name,
                    "out_of_bounds",
                    format!("invalid {name} {number}: expected {min} to {max}"),
                ),
            }
        }
        limits
    }

    /// The JSON Schema of the member `limits`.
    pub(crate) fn schema() -> Value {
        let property = |(name, default, min, max, _): Bound| {
            (name.to_owned(), json!({"type": "integer", "minimum": min, "maximum": max, "default": default}))
        };
        let properties: serde_json::Map<_, _> = BOUNDS.into_iter().map(property).collect();
        json!({"type": "object", "additionalProperties": false, "properties": properties})
    }
}
