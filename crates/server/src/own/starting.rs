//! The config that a start begins with when the log's own is not good here: one edit that is good on another replica,
//! as one that refers to a variable which only that one has, keeps no server from starting.

use std::sync::Arc;
use std::time::Duration;

use midflight_app::Bootstrap;
use midflight_core::{RevisionNumber, Trigger};
use midflight_engine::{EngineStatus, Quarantined, ReloadScope};
use midflight_http::app::AppState;
use midflight_store::{Store, StoreError};
use serde_json::Value;

use super::id::own_id;
use super::sources::OwnConfig;
use crate::backend::Backend;
use crate::error::ServeError;

/// How many earlier versions of the document are tried at a start. A start that needs more begins with the defaults.
const VERSIONS_MAX: usize = 100;
/// How soon it is looked again whether a document that was left out is good by now: a file that it refers to may be
/// there.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Reads the config of a start. A file that is not good stops it, since it is the operator's who starts it. A document
/// of the log does not: the newest version that is valid here counts, or what this replica kept, or flags and
/// variables.
pub(crate) async fn boot(
    config: &OwnConfig,
    backend: &Backend,
    is_there: bool,
) -> Result<Bootstrap, ServeError> {
    if config.file.is_some() {
        return Ok(config.read(None)?);
    }
    let store = &*backend.store;
    let newest = if is_there { version(store, None).await? } else { None };
    let error = match &newest {
        None => None,
        Some((_, body)) => match config.read(body.as_ref()) {
            Ok(boot) => return Ok(boot),
            Err(error) => Some(error),
        },
    };
    let earlier = match newest {
        Some((revision, _)) => earlier(config, store, revision).await?,
        None => None,
    };
    let boot = match earlier.or_else(|| kept(config, backend)) {
        Some(boot) => boot,
        None => config.read(None)?,
    };
    if let Some(error) = error {
        let id = own_id();
        tracing::error!(%error, "{id} of the log is invalid here; started with an earlier version of it, \
                                 or with the defaults");
    }
    Ok(boot)
}

/// The body of the document at a revision, or at the newest, and since which.
async fn version(
    store: &dyn Store,
    at: Option<RevisionNumber>,
) -> Result<Option<(RevisionNumber, Option<Arc<Value>>)>, StoreError> {
    let document = match at {
        None => store.heads(&[own_id()]).await?.1.into_iter().flatten().next(),
        Some(at) => match store.document_at(&own_id(), at).await {
            Err(StoreError::Compacted { .. }) => None,
            document => document?,
        },
    };
    Ok(document.map(|document| (document.revision, document.body)))
}

/// The newest good version before a revision.
async fn earlier(
    config: &OwnConfig,
    store: &dyn Store,
    mut revision: RevisionNumber,
) -> Result<Option<Bootstrap>, StoreError> {
    for _ in 0..VERSIONS_MAX {
        let before = RevisionNumber::new(revision.get().saturating_sub(1));
        if before == RevisionNumber::ZERO {
            return Ok(None);
        }
        let Some((of, body)) = version(store, Some(before)).await? else { return Ok(None) };
        if let Ok(boot) = config.read(body.as_ref()) {
            return Ok(Some(boot));
        }
        revision = of;
    }
    Ok(None)
}

/// What this replica kept of it, if that is good.
fn kept(config: &OwnConfig, backend: &Backend) -> Option<Bootstrap> {
    let kept = backend.last_good()?.read().ok()??;
    config.read(Some(kept.documents.get(&own_id())?)).ok()
}

/// The revision of the server's own config that is left out here, and why.
pub(crate) fn left_out(status: &EngineStatus) -> Option<(RevisionNumber, &Quarantined)> {
    let own = own_id();
    let found = status.quarantined.iter().rev().find(|(_, it)| it.documents.contains(&own));
    found.map(|(revision, it)| (*revision, it))
}

/// Looks from time to time, until the server stops, whether a config that was left out is good by now, and has it tried
/// again then.
pub(crate) async fn try_again(app: AppState, config: OwnConfig) {
    // Tried once for each time that it becomes good: what is left out for another reason stays so.
    let mut was_good = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = app.stopping.cancelled() => return,
        }
        if left_out(&app.engine.status()).is_none() {
            was_good = false;
            continue;
        }
        let Ok(Some((_, body))) = version(&**app.engine.store(), None).await else { continue };
        let config = config.clone();
        let read = tokio::task::spawn_blocking(move || config.read(body.as_ref()).is_ok()).await;
        let is_good = read.unwrap_or(false);
        if is_good
            && !was_good
            && app.engine.reload(Trigger::FileWatch, "config", ReloadScope::Everything).await.is_err()
        {
            return;
        }
        was_good = is_good;
    }
}
