//! Brings a state to the schema that a candidate loads.

use std::sync::Arc;

use midflight_modules::Manifest;
use midflight_modules::migration::{MigrationError, MigrationPlan, migrate};

use crate::code::StateSnapshot;
use crate::error::ModuleRefusal;

/// A state as a candidate gets it.
#[derive(Debug)]
pub(crate) struct MigratedState {
    pub(crate) state: Arc<StateSnapshot>,
    /// How many hops the host did.
    pub(crate) hops: u32,
}

/// Plans and runs the declared hops. Parsing and migrating run on a blocking thread.
pub(crate) async fn migrate_state(
    manifest: &Manifest,
    accepts: &[u32],
    state: Arc<StateSnapshot>,
) -> Result<MigratedState, ModuleRefusal> {
    let refuse = |error: MigrationError| {
        let code = match error {
            MigrationError::NoHop { .. } => "schema_not_accepted",
            _ => "migration_failed",
        };
        ModuleRefusal::new(code, error.to_string())
    };
    let plan = MigrationPlan::new(manifest, state.schema, accepts).map_err(refuse)?;
    if plan.is_empty() {
        return Ok(MigratedState { state, hops: 0 });
    }
    let max = manifest.limits.state_bytes_max;
    let hops = u32::try_from(plan.hops.len()).unwrap_or(u32::MAX);
    let run = move || {
        let parsed = serde_json::from_slice(&state.bytes);
        let parsed =
            parsed.map_err(|error| MigrationError::NotJson { from: plan.from, why: error.to_string() })?;
        let bytes = migrate(&plan, parsed)?.to_string().into_bytes();
        Ok(StateSnapshot { schema: plan.loads, bytes })
    };
    let migrated = tokio::task::spawn_blocking(run).await;
    let migrated = migrated.map_err(|error| {
        ModuleRefusal::new("migration_failed", format!("the migration panicked: {error}"))
    })?;
    let migrated = migrated.map_err(refuse)?;
    if migrated.bytes.len() as u64 > max {
        let message = format!(
            "the migrated state has {} bytes and may have {max}; raise state_bytes_max, or remove more",
            migrated.bytes.len()
        );
        return Err(ModuleRefusal::new("state_too_large", message));
    }
    Ok(MigratedState { state: Arc::new(migrated), hops })
}
