//! The server side of a kind: what the answers, the events and the health of the server have for it beside what they
//! have for every kind.

use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::{Diff, DocumentName, KindName, Problems};
use midflight_engine::{EngineStatus, ReloadReport};
use midflight_wire::reload::Reread;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::{OpenApi, RefOr, Schema};

use crate::agent_function::AgentFunction;
use crate::app::AppState;
use crate::code::Code;
use crate::edit_access::{AdminMembers, BeyondScopes};
use crate::events::event::Event;
use crate::metrics::registry::MetricsRegistry;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::routes::Routes;
use crate::scopes::Scopes;
use crate::sorts::DocumentSorts;

/// Members of a JSON object.
pub type Members = Map<String, Value>;

/// The server side of a kind. Only [`KindApi::kind`] is required: documents, schemas, events, export, import, history
/// and health are there for a kind without a server side too.
///
/// The common mistake is to answer a member that the generic answer has already: that one stays, and the kind's is
/// dropped.
#[async_trait]
pub trait KindApi: Send + Sync + 'static {
    /// The kind.
    fn kind(&self) -> KindName;

    /// Its own routes, beside those that every kind has.
    fn routes(&self, _: &AppState) -> Routes<AppState> {
        Routes::new()
    }

    /// Its functions that agents may call, beside the tools of a catalogue.
    fn functions(&self, _: &AppState) -> Vec<AgentFunction> {
        Vec::new()
    }

    /// Members of the data of `KIND_reloaded` and `KIND_reload_failed`.
    fn summary(&self) -> Members {
        Members::new()
    }

    /// Events of a reload that went live, beside the one for each document and `KIND_reloaded`.
    fn events(&self, _: &ReloadReport, _: &DocumentSorts) -> Vec<Event> {
        Vec::new()
    }

    /// Members of the answer to an edit that was made: what it did or left undone beside the documents.
    fn effects(&self, _: &Diff) -> Members {
        Members::new()
    }

    /// The code of its own for an edit that was refused for these problems; else it is `invalid_document`.
    fn refusal(&self, _: &Problems) -> Option<Code> {
        None
    }

    /// The codes of its own, for their pages.
    fn codes(&self) -> &'static [Code] {
        &[]
    }

    /// What the kind adds to the health of hot reloading.
    fn health(&self, _: &EngineStatus) -> KindHealth {
        KindHealth::default()
    }

    /// Looks again at what the kind is made of beside the log here, as a file, and reports the result.
    async fn reread(&self, _: &Principal) -> Vec<Reread> {
        Vec::new()
    }

    /// Brings the metrics up to date that it does not count as things happen. Called before each scrape, with the
    /// registry for labels that are known only then.
    fn metrics(&self, _: &MetricsRegistry) {}

    /// Adds the members of [`KindApi::effects`] and [`KindApi::health`] to the answers in the OpenAPI document.
    fn document(&self, _: &mut OpenApi) {}

    /// The documents of which only admins change some members.
    fn admin_members(&self) -> Vec<AdminMembers> {
        Vec::new()
    }

    /// What a document with this body would show of documents that are not in the scopes of who puts it, as one that has
    /// events sent. The body was not validated yet: what is invalid in it is refused later.
    fn beyond_scopes(&self, _: &DocumentName, _: &Value, _: &Scopes) -> Vec<BeyondScopes> {
        Vec::new()
    }

    /// Stops what the kind runs. The engine and the store still answer, and no request is answered any more.
    async fn stop(&self) {}
}

/// A kind without anything of its own.
pub struct PlainKind(pub KindName);

impl KindApi for PlainKind {
    fn kind(&self) -> KindName {
        self.0.clone()
    }
}

/// What a kind adds to the health of hot reloading.
#[derive(Debug, Default)]
pub struct KindHealth {
    /// Members of `checks`, each true or false; one that is not true makes the replica unhealthy.
    pub checks: Members,
    /// What is wrong while the current revision is served.
    pub degraded: Vec<String>,
    /// Members of the answer; also of the WebSocket's `status`.
    pub members: Members,
}

impl KindHealth {
    /// Whether every check passes.
    pub fn passes(&self) -> bool {
        self.checks.values().all(|check| *check == Value::Bool(true))
    }
}

/// The kinds that have a server side.
pub struct Kinds(Vec<Arc<dyn KindApi>>);

impl Kinds {
    /// These.
    #[must_use]
    pub fn new(kinds: Vec<Arc<dyn KindApi>>) -> Self {
        Self(kinds)
    }

    /// Each of them, always in the same order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn KindApi> {
        self.0.iter().map(|kind| &**kind)
    }

    /// The server side of a kind, if it has one.
    pub fn of(&self, kind: &KindName) -> Option<&dyn KindApi> {
        self.iter().find(|known| known.kind() == *kind)
    }

    /// Every code that an answer can carry.
    pub fn codes(&self) -> impl Iterator<Item = Code> {
        Code::ALL.iter().chain(self.iter().flat_map(KindApi::codes)).copied()
    }

    /// The results of an edit beside the documents.
    pub fn effects(&self, diff: &Diff) -> Members {
        let mut effects = Members::new();
        self.iter().for_each(|kind| add_to(&mut effects, kind.effects(diff)));
        effects
    }

    /// What each of them adds to the health.
    pub fn health(&self, status: &EngineStatus) -> Vec<KindHealth> {
        self.iter().map(|kind| kind.health(status)).collect()
    }

    /// Stops what they run, one after the other.
    pub async fn stop(&self) {
        for kind in &self.0 {
            kind.stop().await;
        }
    }
}

/// Adds members to an answer. One that the answer has already stays.
pub fn add_to(answer: &mut Members, members: Members) {
    for (name, value) in members {
        answer.entry(name).or_insert(value);
    }
}

/// The members of an answer.
///
/// # Errors
/// `internal` when it is no JSON object: a defect.
pub fn members_of(answer: &impl Serialize) -> Result<Members, ApiError> {
    match serde_json::to_value(answer) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(ApiError::internal(&"an answer is not a JSON object")),
        Err(error) => Err(ApiError::internal(&error)),
    }
}

/// Adds the members of `T` to the schema of an answer in the OpenAPI document, and the schemas that they refer to.
pub fn describe<T: ToSchema>(document: &mut OpenApi, answer: &str) {
    let schemas = &mut document.components.get_or_insert_default().schemas;
    let mut referred = Vec::new();
    T::schemas(&mut referred);
    schemas.extend(referred);
    if let (RefOr::T(Schema::Object(added)), Some(RefOr::T(Schema::Object(schema)))) =
        (T::schema(), schemas.get_mut(answer))
    {
        schema.properties.extend(added.properties);
        schema.required.extend(added.required);
    }
}
