//! Configs over HTTP: their contents, what is in effect, what changed, and rollbacks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use midflight_config::{ConfigEntry, KeyDifference, SCHEMAS_FOLDER, differences};
use midflight_core::{Change, Diff, DocumentId, DocumentName, RevisionNumber, Trigger, json_bytes};
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::compute::TimeLimit;
use midflight_http::diff_maker::DiffMaker;
use midflight_http::log::collect::stored;
use midflight_http::log::documents::absent;
use midflight_http::long_answer::{json, of_written, room_for_page};
use midflight_http::params::{self, InPath, PageParams, Params};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::resource::Resource;
use midflight_http::wire::quarantined_revisions;
use midflight_http::write::{WriteParams, answer, submit};
use midflight_store::{StoreError, StoredDocument};
use midflight_wire::config::{ConfigDiff, ConfigList, EffectiveAnswer, KeyChangeAnswer, RollbackRequest};
use midflight_wire::edits::{DocumentDiffAnswer, WriteAnswer};
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::app::ConfigApp;
use super::wire::{config_item, effective_answer};
use crate::own::own_id;

/// How many bytes the keys that a diff lists may have together.
const KEY_CHANGES_BYTES_MAX: usize = 256 << 10;

/// The configs that are served, by name.
#[utoipa::path(get, path = "/api/v1/config", tag = "config", params(PageParams),
    responses((status = 200, body = ConfigList), (status = "default", body = ProblemBody)))]
pub(crate) async fn list_configs(
    State(app): State<ConfigApp>,
    Params(page): Params<PageParams>,
) -> Result<Json<ConfigList>, ApiError> {
    let limit = page.limit()? as usize;
    let configs = app.parts.configs.load();
    let own = own_id().name;
    let after = configs.iter().filter(|(name, _)| page.text().is_none_or(|cursor| name.as_str() > cursor));
    let mut items: Vec<_> =
        after.take(limit + 1).map(|(name, entry)| config_item(name, entry, *name == own)).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    Ok(Json(ConfigList {
        next_cursor: items.last().filter(|_| more).map(|last| last.name.clone()),
        items,
        revision: configs.revision().get(),
        quarantined: quarantined_revisions(configs.quarantined()),
    }))
}

/// A config.
pub(super) const CONFIG: Resource = Resource {
    path: "/api/v1/config/{name}",
    variables: &[("name", "The config; slashes in its name as %2F")],
    id: |values| id(values.first().copied().unwrap_or_default()),
    kind: "config",
    tag: "config",
    noun: "config",
    get: Some("A config's document."),
    put: Some("Replaces a config."),
    patch: Some("Changes some keys of a config by a JSON Merge Patch (RFC 7396); null removes a key."),
    delete: None,
    conflicts: false,
};

/// A config in effect: every layer in one, and where each value comes from. Secrets are not shown.
#[utoipa::path(get, path = "/api/v1/config/{name}/effective", tag = "config",
    params(("name" = String, Path, description = "The config")),
    responses((status = 200, body = EffectiveAnswer), (status = "default", body = ProblemBody)))]
pub(crate) async fn get_effective(
    State(app): State<ConfigApp>,
    principal: Principal,
    InPath(name): InPath<String>,
) -> Result<Response, ApiError> {
    let id = id(&name)?;
    if app.parts.configs.load().get(&id.name).is_none() {
        return Err(absent(&id));
    }
    let room = room_for_page(&app, &principal).await?;
    let limit = TimeLimit { ms_max: app.limits.diff_ms_max, name: "diff_ms_max" };
    let shared = app.clone();
    let made = app.compute.run((&principal).into(), limit, move |_| effective(&shared, &name, &id));
    Ok(of_written(made.await??, room))
}

/// A config in effect, as JSON of at most `answer_bytes_max`.
fn effective(app: &ConfigApp, name: &str, id: &DocumentId) -> Result<Vec<u8>, ApiError> {
    let configs = app.parts.configs.load();
    let entry = configs.get(&id.name).ok_or_else(|| absent(id))?;
    let restart = if *id == own_id() { app.parts.reloader.report().restart_required } else { Vec::new() };
    let bytes_max = app.limits.answer_bytes_max;
    let answer = effective_answer(name, entry, &restart, configs.world(), bytes_max).ok_or_else(|| {
        let detail = format!(
            "the config in effect has more than {bytes_max} bytes with the paths of its keys (answer_bytes_max); read its \
             document, or shorten its keys"
        );
        ApiError::new(Code::TOO_LARGE, detail)
    })?;
    serde_json::to_vec(&answer).map_err(|error| ApiError::internal(&error))
}

/// Which states of a config to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConfigDiffParams {
    /// The revision; the newest without.
    revision: Option<u64>,
    /// The revision to compare it with; the one before the config's last change without.
    against: Option<u64>,
    /// Show the document's diff as unified text too.
    #[serde(default)]
    text: bool,
}

/// What changed in a config between two revisions, key by key.
#[utoipa::path(get, path = "/api/v1/config/{name}/diff", tag = "config",
    params(("name" = String, Path, description = "The config"), ConfigDiffParams),
    responses((status = 200, body = ConfigDiff), (status = "default", body = ProblemBody)))]
pub(crate) async fn diff_config(
    State(app): State<ConfigApp>,
    principal: Principal,
    InPath(name): InPath<String>,
    Params(params): Params<ConfigDiffParams>,
) -> Result<Response, ApiError> {
    let id = id(&name)?;
    let store = app.engine.store();
    let revision = match params.revision {
        Some(revision) => RevisionNumber::new(revision),
        None => store.head().await?.number,
    };
    let newest = store.document_at(&id, revision).await?.ok_or_else(|| absent(&id))?;
    let against = params.against.unwrap_or(newest.revision.get().saturating_sub(1));
    drop(newest);
    // For both bodies while they are read and compared, and then for the answer.
    let room = room_for_page(&app, &principal).await?;
    let old = stored(&app, &id, Some(RevisionNumber::new(against))).await?;
    let new = stored(&app, &id, Some(revision)).await?;
    let entry = app.parts.configs.load().get(&id.name).cloned();
    let maker = DiffMaker::new(app.limits.diff_bytes_max, params.text);
    let limit = TimeLimit { ms_max: app.limits.diff_ms_max, name: "diff_ms_max" };
    let compared =
        app.compute.run((&principal).into(), limit, move |_| compare(id, old, new, entry.as_ref(), maker));
    let (changes, unlisted, document) = compared.await??;
    let revision = revision.get();
    let bytes = (KEY_CHANGES_BYTES_MAX + app.limits.diff_bytes_max) as u64;
    let diff = move || ConfigDiff { name, revision, against, changes, unlisted, document };
    json(bytes, room, diff).await
}

type ConfigComparison = (Vec<KeyChangeAnswer>, usize, Option<DocumentDiffAnswer>);

/// The keys that are different, how many more there are than are listed, and the diff of the document.
fn compare(
    id: DocumentId,
    old: Option<StoredDocument>,
    new: Option<StoredDocument>,
    entry: Option<&Arc<ConfigEntry>>,
    mut maker: DiffMaker,
) -> Result<ConfigComparison, StoreError> {
    let body = |document: Option<StoredDocument>| {
        let parsed = document.map(|document| document.parse()).transpose()?;
        Ok::<_, StoreError>(parsed.and_then(|document| document.body))
    };
    let (old, new) = (body(old)?, body(new)?);
    let nothing = Value::Null;
    let found = differences(old.as_deref().unwrap_or(&nothing), new.as_deref().unwrap_or(&nothing));
    let mut left = KEY_CHANGES_BYTES_MAX;
    let long = |change: &KeyDifference, left: usize| {
        let value = |value: &Option<Value>| value.as_ref().map_or(4, |value| json_bytes(value, left));
        change.path.as_str().len() + value(&change.from) + value(&change.to)
    };
    let fits = found.iter().take_while(|change| {
        let bytes = long(change, left);
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    });
    let (shown, all) = (fits.count(), found.len());
    let changes = found.into_iter().take(shown).map(|change| key_change(change, entry)).collect();
    let diff = Diff::new([(id, old, new)]);
    Ok((changes, all - shown, diff.documents().first().map(|one| maker.make(one))))
}

fn key_change(change: KeyDifference, entry: Option<&Arc<ConfigEntry>>) -> KeyChangeAnswer {
    let KeyDifference { path, from, to } = change;
    let shown = |value: Option<Value>| {
        let value = value.unwrap_or_default();
        entry.map_or_else(|| value.clone(), |entry| entry.redacted(&path, value.clone()))
    };
    KeyChangeAnswer {
        takes: entry.map_or("live", |entry| entry.takes(&path).as_str()).into(),
        from: shown(from),
        to: shown(to),
        path: path.as_str().to_owned(),
    }
}

/// Rolls a config back to its contents at a revision, as a new revision.
#[utoipa::path(post, path = "/api/v1/config/{name}/rollback", tag = "config",
    params(("name" = String, Path, description = "The config"), WriteParams),
    request_body = RollbackRequest,
    responses((status = 200, body = WriteAnswer), (status = 201, body = WriteAnswer),
        (status = 202, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(crate) async fn rollback_config(
    principal: Principal,
    State(app): State<ConfigApp>,
    InPath(name): InPath<String>,
    params: WriteParams,
    JsonBody(request): JsonBody<RollbackRequest>,
) -> Result<Response, ApiError> {
    let id = id(&name)?;
    let reason = match request.reason.as_str() {
        "" => format!("roll back to revision {}", request.revision),
        reason => reason.to_owned(),
    };
    let params = params.or_reason(reason);
    let then = app.engine.store().document_at(&id, RevisionNumber::new(request.revision)).await?;
    let then = then.and_then(|document| document.body).ok_or_else(|| {
        let detail = format!("{id} did not exist at revision {}", request.revision);
        ApiError::new(Code::NOT_FOUND, detail)
    })?;
    let mut edit = params.edit(&principal, vec![Change::put(id, Value::clone(&then))]);
    edit.trigger = Trigger::Manual;
    let submitted = submit(&app, &params, edit).await?;
    Ok(answer(&app, &params, submitted).await)
}

/// The document of a config.
fn id(name: &str) -> Result<DocumentId, ApiError> {
    let name = DocumentName::new(name)?;
    if name.is_check() || name.as_str().starts_with(SCHEMAS_FOLDER) {
        let detail = format!("{name} is not a config; see /api/v1/documents/config/{name}");
        return Err(ApiError::new(Code::INVALID_NAME, detail));
    }
    params::document(own_id().kind.as_str(), name.as_str())
}
