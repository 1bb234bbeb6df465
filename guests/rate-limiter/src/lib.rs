//! Limits how often each key is used.
//!
//! `allow` with a key takes a token of its bucket, and answers `{"allowed":true,"left":9}` or, when there is none,
//! `{"allowed":false,"retry_after_ms":1000}`. `keys` answers how many keys are known.
//!
//! The config says how many tokens come each minute, how many a bucket holds, and how many keys there may be:
//! `{"per_minute": 60, "burst": 10, "keys_max": 100000}`. A reload with another config keeps the buckets.

mod buckets;

use std::cell::Cell;

use buckets::{Buckets, Limits, Taken};
use midflight_guest::{now, Failure, Message, Module};
use serde_json::Value;

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 256;

thread_local! {
    /// What the config says. It is no part of the state: `init` sets it before a state is loaded.
    static LIMITS: Cell<Limits> = const { Cell::new(Limits::DEFAULT) };
}

struct RateLimiter;

impl Module for RateLimiter {
    type State = Buckets;
    const NAME: &'static str = "rate-limiter";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn init(_: &mut Buckets, config: &str) -> Result<(), Failure> {
        LIMITS.set(limits(config)?);
        Ok(())
    }

    fn handle(state: &mut Buckets, message: &Message) -> Result<Vec<u8>, Failure> {
        let answer = match message.operation.as_str() {
            "allow" => {
                let key = std::str::from_utf8(&message.payload).unwrap_or_default();
                if key.is_empty() || key.len() > KEY_BYTES_MAX {
                    let message = format!("a key is UTF-8 of 1 to {KEY_BYTES_MAX} bytes");
                    return Err(Failure::new("bad_key", message));
                }
                match state.take(key, now::now(), LIMITS.get()) {
                    Taken::Allowed { left } => format!(r#"{{"allowed":true,"left":{left}}}"#),
                    Taken::Refused { retry_after_ms } => {
                        format!(r#"{{"allowed":false,"retry_after_ms":{retry_after_ms}}}"#)
                    }
                    Taken::TooManyKeys => {
                        let message = "every bucket there may be is in use; raise keys_max in the config";
                        return Err(Failure::new("too_many_keys", message));
                    }
                }
            }
            "keys" => state.len().to_string(),
            other => return Err(Failure::new("unknown_operation", format!("no operation {other:?}"))),
        };
        Ok(answer.into_bytes())
    }
}

/// Reads a config; `null` is that of the defaults.
fn limits(config: &str) -> Result<Limits, Failure> {
    let bad = |message: String| Failure::new("bad_config", message);
    let config: Value = serde_json::from_str(config).map_err(|error| bad(error.to_string()))?;
    if !config.is_null() && !config.is_object() {
        return Err(bad("the config is an object with per_minute, burst and keys_max".to_owned()));
    }
    let number = |key: &str, default: u64| match config.get(key) {
        None => Ok(default),
        Some(value) => value
            .as_u64()
            .filter(|number| (1..=1_000_000_000).contains(number))
            .ok_or_else(|| bad(format!("invalid {key} {value}: expected 1 to 1000000000"))),
    };
    let default = Limits::DEFAULT;
    Ok(Limits {
        per_minute: number("per_minute", default.per_minute)?,
        burst: number("burst", default.burst)?,
        keys_max: number("keys_max", default.keys_max)?,
    })
}

midflight_guest::module!(RateLimiter);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_read_or_refused_with_its_place() {
        assert_eq!(limits("null").unwrap(), Limits::DEFAULT);
        assert_eq!(limits(r#"{"burst": 3}"#).unwrap(), Limits { burst: 3, ..Limits::DEFAULT });
        for (config, messages) in [(r#"{"burst": 0}"#, "invalid burst 0"), ("[]", "an object"), ("{", "EOF")] {
            let failure = limits(config).unwrap_err();
            assert!(failure.code == "bad_config" && failure.message.contains(messages), "{failure:?}");
        }
    }
}
