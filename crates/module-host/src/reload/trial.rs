//! What is asked of an instance before it is used, on the candidate itself and on scratch instances.

use std::sync::Arc;

use midflight_modules::{Manifest, Probe, ProbeReply};

use super::migrate::migrate_state;
use crate::code::{InstancePurpose, ModuleInstance, ModuleMessage, SharedCode, StateSnapshot};
use crate::error::ModuleRefusal;
use crate::imports::ImportContext;

/// The words that a problem in each export has.
const SHOWN_BYTES_MAX: usize = 100;

/// A new instance, initialised.
pub(crate) async fn start(
    code: &SharedCode,
    purpose: InstancePurpose,
    context: &ImportContext,
) -> Result<Box<dyn ModuleInstance>, ModuleRefusal> {
    let made = code.instantiate(purpose, context.clone()).await;
    let mut instance = made.map_err(|trap| ModuleRefusal::trap("instantiation", &trap))?;
    let initialised = instance.init(&context.manifest.config).await;
    initialised
        .map_err(|trap| ModuleRefusal::trap("init", &trap))?
        .map_err(|failure| ModuleRefusal::failure("init_failed", "init", &failure))?;
    Ok(instance)
}

/// Loads a state; answers how many steps the code did.
pub(crate) async fn restore(
    instance: &mut dyn ModuleInstance,
    state: &StateSnapshot,
) -> Result<u32, ModuleRefusal> {
    let loaded = instance.load(state).await.map_err(|trap| ModuleRefusal::trap("load", &trap))?;
    loaded.map_err(|failure| ModuleRefusal::failure("load_failed", "load", &failure))
}

/// Saves a state within its bounds.
pub(crate) async fn save(
    instance: &mut dyn ModuleInstance,
    manifest: &Manifest,
) -> Result<StateSnapshot, ModuleRefusal> {
    let saved = instance.save().await.map_err(|trap| ModuleRefusal::trap("save", &trap))?;
    check_size(&saved, manifest)?;
    if saved.schema != manifest.schema {
        let message = format!(
            "save gave a state of schema {}, and the manifest says {}; save in the module's own schema",
            saved.schema, manifest.schema
        );
        return Err(ModuleRefusal::new("wrong_schema", message));
    }
    Ok(saved)
}

/// Refuses a state that is too large.
pub(crate) fn check_size(state: &StateSnapshot, manifest: &Manifest) -> Result<(), ModuleRefusal> {
    let (bytes, max) = (state.bytes.len(), manifest.limits.state_bytes_max);
    if bytes as u64 > max {
        let message =
            format!("the state has {bytes} bytes and may have {max}; raise state_bytes_max, or keep less");
        return Err(ModuleRefusal::new("state_too_large", message));
    }
    Ok(())
}

/// Checks the invariants; gives the state.
pub(crate) async fn save_and_check(
    instance: &mut dyn ModuleInstance,
    manifest: &Manifest,
) -> Result<StateSnapshot, ModuleRefusal> {
    let saved = save(instance, manifest).await?;
    let checked = instance.check().await.map_err(|trap| ModuleRefusal::trap("check", &trap))?;
    checked.map_err(|failure| ModuleRefusal::failure("check_failed", "check", &failure))?;
    Ok(saved)
}

/// Checks the invariants, and that neither `check` nor `save` changes the state; gives the state.
pub(crate) async fn verify(
    instance: &mut dyn ModuleInstance,
    manifest: &Manifest,
) -> Result<StateSnapshot, ModuleRefusal> {
    let first = save_and_check(instance, manifest).await?;
    let second = save(instance, manifest).await?;
    if first != second {
        let message = "two saves in a row gave different states; save and check must not change the state, and must not \
                       depend on the time, on random bytes or on the order of a map";
        return Err(ModuleRefusal::new("unstable_save", message));
    }
    Ok(first)
}

/// Sends the probes of a manifest to an instance that is dropped afterwards.
pub(crate) async fn probe(
    instance: &mut dyn ModuleInstance,
    manifest: &Manifest,
) -> Result<usize, ModuleRefusal> {
    for (i, probe) in manifest.probes.iter().enumerate() {
        let Probe { operation, payload, expect } = probe;
        let (operation, payload) = (operation.clone(), payload.clone());
        let message = ModuleMessage { id: i as u64 + 1, operation, payload, attempt: 1 };
        let answer = instance.handle(&message).await;
        let answer =
            answer.map_err(|trap| ModuleRefusal::trap(&format!("probe {i} ({})", probe.operation), &trap))?;
        let is_expected = match (expect, &answer) {
            (ProbeReply::Any, _) => true,
            (ProbeReply::Result(expected), Ok(result)) => expected == result,
            (ProbeReply::Failure(code), Err(failure)) => *code == failure.code,
            _ => false,
        };
        if !is_expected {
            let shown = match &answer {
                Ok(result) => shown(result),
                Err(failure) => format!("the failure {failure}"),
            };
            let message =
                format!("probe {i} ({}) was answered {shown}, which is not what it expects", probe.operation);
            return Err(ModuleRefusal::new("probe_failed", message));
        }
    }
    Ok(manifest.probes.len())
}

fn shown(bytes: &[u8]) -> String {
    let cut = bytes.get(..SHOWN_BYTES_MAX).unwrap_or(bytes);
    format!("{:?}", String::from_utf8_lossy(cut))
}

/// What a candidate made of a copy of the state.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) state: StateSnapshot,
    pub(crate) steps: u32,
    pub(crate) probes: usize,
}

/// Tries a candidate on a copy of a state, on a scratch instance.
pub(crate) async fn try_on(
    code: &SharedCode,
    context: &ImportContext,
    accepts: &[u32],
    state: Option<Arc<StateSnapshot>>,
) -> Result<Trial, ModuleRefusal> {
    let manifest = &context.manifest;
    let mut instance = start(code, InstancePurpose::Scratch, context).await?;
    let mut steps = 0;
    if let Some(state) = state {
        let migrated = migrate_state(manifest, accepts, state).await?;
        steps = migrated.hops + restore(&mut *instance, &migrated.state).await?;
    }
    let state = verify(&mut *instance, manifest).await?;
    let probes = probe(&mut *instance, manifest).await?;
    Ok(Trial { state, steps, probes })
}
