//! The modules of the gates: the counter in WAT that is an example too, renamed, in two versions; and bad candidates.

use std::sync::Arc;

use midflight_core::Digest;
use midflight_module_host::StateSnapshot;
use midflight_module_host::encode::component_of_wat;
use midflight_modules::Manifest;
use serde_json::{Value, json};

use crate::fail::Failure;
use crate::module::local::{LocalHost, manifest};

/// Both versions: their number, the schema of their state, and their text.
const VERSIONS: [(&str, u32, &str); 2] = [
    ("1.0.0", 1, include_str!("../../../../../examples/modules/counter.wat")),
    ("2.0.0", 2, include_str!("../../../../../examples/modules/counter-2.wat")),
];
/// The name in both texts. Another one must be as long.
pub(super) const NAME: &str = "counter";
/// The `check` of both texts, and one that traps.
const CHECK: &str = "#check\") (result i32)\n    (call $done))";
const BAD_CHECK: &str = "#check\") (result i32)\n    unreachable)";

/// Ways in which a candidate is bad, each of which a reload must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Its `check` traps.
    TrapInCheck,
    /// Its manifest names another version.
    OtherVersion,
    /// It answers a probe otherwise than its manifest expects.
    FailedProbe,
    /// Its state is larger than its manifest allows.
    LargeState,
    /// Its bytes end too early.
    Torn,
    /// It is a core module.
    CoreModule,
}

impl Flaw {
    pub(super) const ALL: [Self; 6] = [
        Self::TrapInCheck,
        Self::OtherVersion,
        Self::FailedProbe,
        Self::LargeState,
        Self::Torn,
        Self::CoreModule,
    ];
}

/// The components of both versions of one module.
#[derive(Debug, Clone)]
pub(super) struct Guests {
    name: String,
    /// Both versions, and the one whose `check` traps.
    components: [Arc<[u8]>; 2],
    trapping: Arc<[u8]>,
}

impl Guests {
    /// Builds them and keeps them where the host finds them.
    pub(super) fn build(local: &LocalHost, name: &str) -> Result<Self, Failure> {
        let build = |text: &str| {
            let renamed = text.replace(&format!("\"{NAME}\""), &format!("\"{name}\""));
            let built = component_of_wat(&renamed).map(Arc::<[u8]>::from);
            let built = built.map_err(|error| Failure::failed(error.to_string()))?;
            local.put(&built);
            Ok::<_, Failure>(built)
        };
        let [(_, _, first), (_, _, second)] = VERSIONS;
        let trapping = build(&second.replace(CHECK, BAD_CHECK))?;
        Ok(Self { name: name.to_owned(), components: [build(first)?, build(second)?], trapping })
    }

    /// A good candidate: the manifest of version 1 or 2, which `config` makes another than that of other configs.
    pub(super) fn good(&self, version: usize, config: usize) -> Result<Arc<Manifest>, Failure> {
        let (number, schema, _) = VERSIONS[version - 1];
        manifest(&self.name, body(Digest::of_bytes(&self.components[version - 1]), number, schema, config))
    }

    /// A bad candidate of version 2.
    pub(super) fn bad(&self, local: &LocalHost, flaw: Flaw, config: usize) -> Result<Arc<Manifest>, Failure> {
        let (number, schema, _) = VERSIONS[1];
        let good = &self.components[1];
        let of = |bytes: &[u8]| {
            local.put(bytes);
            body(Digest::of_bytes(bytes), number, schema, config)
        };
        let body = match flaw {
            Flaw::TrapInCheck => of(&self.trapping),
            Flaw::OtherVersion => body(Digest::of_bytes(good), "2.0.1", schema, config),
            Flaw::FailedProbe => {
                let mut body = of(good);
                body["probes"] = json!([{"operation": "get", "expect": {"failure": "none"}}]);
                body
            }
            Flaw::LargeState => {
                let mut body = of(good);
                body["limits"]["state_bytes_max"] = json!(1);
                body
            }
            Flaw::Torn => of(good.get(..good.len() / 2).unwrap_or_default()),
            Flaw::CoreModule => of(b"\0asm\x01\x00\x00\x00"),
        };
        manifest(&self.name, body)
    }
}

fn body(digest: Digest, version: &str, schema: u32, config: usize) -> Value {
    json!({
        "component": format!("sha256:{digest}"),
        "version": version,
        "schema": schema,
        "config": config,
        "limits": {"cool_down_ms": 0},
    })
}

/// The count in a state of either version.
pub(super) fn count(state: &StateSnapshot) -> Option<u64> {
    state.bytes.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The count in an answer.
pub(super) fn answered(result: &[u8]) -> Option<u64> {
    std::str::from_utf8(result).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_have_what_is_replaced_in_them() {
        for (_, _, text) in VERSIONS {
            assert!(text.contains(CHECK) && text.contains(&format!("\"{NAME}\"")));
        }
    }
}
