//! Large edits are validated before their turn, so that small ones wait for less: of the turn of an edit of 1 MB,
//! validation was a third.
//!
//! It depends on the bodies alone. What is invalid is found again in the turn, where the edit is refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use midflight_core::{Change, DocumentId, RevisionNumber};
use tokio::sync::mpsc;

use crate::candidate::{CandidateBuilder, LoadedDocument, ValidDocument};
use crate::coordinator::Request;
use crate::core::Core;
use crate::environment::EnvironmentInputs;
use crate::lanes::Numbered;
use crate::workers::Allowance;

/// The documents of an edit that were found valid, with what was read for that beside them.
pub(crate) struct ValidBeforehand {
    /// Behind a lock since what a kind makes of a document need not be shared by threads; it is never contended.
    valid: Mutex<BTreeMap<DocumentId, ValidDocument>>,
    pub(crate) inputs: Arc<EnvironmentInputs>,
}

impl ValidBeforehand {
    /// The valid documents, if these are the wanted ones.
    pub(crate) fn of(self, wanted: &[LoadedDocument]) -> Option<Vec<ValidDocument>> {
        let mut valid = self.valid.into_inner().unwrap_or_else(PoisonError::into_inner);
        let is_same =
            |wanted: &LoadedDocument, valid: &ValidDocument| match (&wanted.body, &valid.target.body) {
                (Some(wanted), Some((valid, _))) => Arc::ptr_eq(wanted, valid),
                (wanted, valid) => wanted.is_none() && valid.is_none(),
            };
        let take = |wanted: &LoadedDocument| valid.remove(&wanted.id).filter(|valid| is_same(wanted, valid));
        wanted.iter().map(take).collect()
    }
}

/// Validates the edits in the lane of the large ones, one after the other, each while the one before it waits for its
/// turn.
pub(crate) async fn validate_large(
    core: Arc<Core>,
    mut waiting: mpsc::Receiver<Numbered<Request>>,
    validated: mpsc::Sender<Numbered<Request>>,
) {
    let pass_on = async {
        while let Some(mut next) = waiting.recv().await {
            if let Request::Edit(request) = next.item_mut()
                && !request.reply.is_closed()
            {
                request.valid = validate(&core, &request.edit.changes).await;
            }
            if validated.send(next).await.is_err() {
                return;
            }
        }
    };
    // What waits when the engine stops is dropped, which notifies the callers.
    tokio::select! {
        () = pass_on => {}
        () = core.stop.cancelled() => {}
    }
}

async fn validate(core: &Core, changes: &[Change]) -> Option<ValidBeforehand> {
    let inputs = Arc::new(EnvironmentInputs::new(Arc::clone(&core.environment)));
    let allowance = Allowance {
        deadline: Instant::now() + core.limits.reload_max(),
        bytes_max: core.limits.compile_bytes_max,
        inputs: Arc::clone(&inputs),
        stop: core.stop.clone(),
    };
    let (registry, workers, limits) = (&core.registry, &core.background_workers, &core.limits);
    let wanted = |change: &Change| LoadedDocument {
        id: change.id.clone(),
        revision: RevisionNumber::ZERO,
        body: change.body.clone(),
    };
    let maker = CandidateBuilder { registry, workers, limits, allowance };
    let valid = maker.validate(changes.iter().map(wanted).collect()).await.ok()?;
    let valid = valid.into_iter().map(|valid| (valid.target.id.clone(), valid)).collect();
    Some(ValidBeforehand { valid: Mutex::new(valid), inputs })
}
