//! What the server's answers and health have for configs: what of its own config is not in effect.

use std::sync::Arc;

use async_trait::async_trait;
use midflight_config::{Config, Masked, differences};
use midflight_core::{Diff, KindName, Trigger};
use midflight_engine::EngineStatus;
use midflight_http::app::AppState;
use midflight_http::edit_access::AdminMembers;
use midflight_http::kind::{KindApi, KindHealth, Members, describe, members_of};
use midflight_http::principal::Permission::{Open, Operate, Read, Signed};
use midflight_http::principal::Principal;
use midflight_http::reach::Reach;
use midflight_http::routes::Routes;
use midflight_http::setup::KindSetup;
use midflight_source::FileProblem;
use midflight_wire::config::{ConfigEffects, ConfigMembers, LiteralSecretAnswer};
use midflight_wire::problem::ProblemItem;
use midflight_wire::reload::Reread;
use serde_json::Value;
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use super::app::{ConfigApp, ConfigParts};
use super::wire::masked_answer;
use super::{documents, reload, webhooks};
use crate::kinds::context::KindContext;
use crate::own::{OwnConfigView, left_out, own_id};

/// Adds configs to a server, with the server's own among them.
pub(crate) fn setup(context: &Arc<KindContext>) -> KindSetup {
    let context = Arc::clone(context);
    KindSetup::new(move |builder| {
        let own = &context.own_config;
        builder.environment(own.context());
        let slot = builder.kind(Config::new().with(own_id().name, own.shape()));
        context.own.get_or_init(|| OwnConfigView(slot));
        let context = Arc::clone(&context);
        Box::new(move |started| {
            let configs = started.engine.live(slot);
            let reloader = Arc::clone(context.reloader.get()?);
            Some(Arc::new(ConfigApi { parts: ConfigParts { configs, reloader, webhooks: Arc::default() } }))
        })
    })
}

/// How many secrets that are written out an answer names.
const LITERAL_SECRETS_MAX: usize = 100;

/// The server side of configs.
pub(super) struct ConfigApi {
    parts: ConfigParts,
}

impl ConfigApi {
    /// The effects of an edit of configs; none where there is nothing to report.
    fn effects_of(&self, diff: &Diff) -> Option<ConfigEffects> {
        let literal_secrets = self.literal_secrets(diff);
        match self.effects_of_own(diff) {
            Some(own) => Some(ConfigEffects { literal_secrets, ..own }),
            None if literal_secrets.is_empty() => None,
            None => Some(ConfigEffects { literal_secrets, ..ConfigEffects::default() }),
        }
    }

    /// The secrets that are written out in the configs of an edit.
    fn literal_secrets(&self, diff: &Diff) -> Vec<LiteralSecretAnswer> {
        let (kind, configs) = (self.kind(), self.parts.configs.load());
        let edited = diff.documents().iter().filter(|it| it.id.kind == kind && it.new.is_some());
        let found = edited.flat_map(|edited| {
            let name = &edited.id.name;
            let paths = configs.get(name).map_or_else(Vec::new, |entry| entry.literal_secrets().to_vec());
            paths.into_iter().map(move |path| LiteralSecretAnswer {
                config: name.to_string(),
                path: path.as_str().to_owned(),
            })
        });
        found.take(LITERAL_SECRETS_MAX).collect()
    }

    /// What of an edit of the server's own config is not in effect; none for an edit of anything else.
    fn effects_of_own(&self, diff: &Diff) -> Option<ConfigEffects> {
        let edited = diff.get(&own_id())?;
        let report = self.parts.reloader.report();
        let nothing = Value::Null;
        let output =
            differences(edited.old.as_deref().unwrap_or(&nothing), edited.new.as_deref().unwrap_or(&nothing));
        let is_said = |masked: &&Masked| output.iter().any(|change| change.path == masked.path);
        Some(ConfigEffects {
            masked: report.masked.iter().filter(is_said).map(masked_answer).collect(),
            restart_required: report.restart_required.iter().map(|path| path.as_str().to_owned()).collect(),
            literal_secrets: Vec::new(),
        })
    }
}

#[async_trait]
impl KindApi for ConfigApi {
    fn kind(&self) -> KindName {
        own_id().kind
    }

    fn routes(&self, app: &AppState) -> Routes<AppState> {
        routes().with_state(ConfigApp::new(app.clone(), self.parts.clone()))
    }

    fn effects(&self, diff: &Diff) -> Members {
        members_of(&ConfigMembers { config: self.effects_of(diff) }).unwrap_or_default()
    }

    fn health(&self, status: &EngineStatus) -> KindHealth {
        let wrong = left_out(status).map(|(revision, left_out)| {
            format!(
                "{} of revision {revision} is not in effect here; using an earlier version or the \
                 defaults: {}",
                own_id(),
                left_out.problems
            )
        });
        KindHealth { degraded: wrong.into_iter().collect(), ..KindHealth::default() }
    }

    async fn reread(&self, principal: &Principal) -> Vec<Reread> {
        let report = self.parts.reloader.reload(Trigger::Manual, principal.name()).await;
        vec![Reread {
            source: own_id().to_string(),
            is_live: report.is_live(),
            outcome: report.status.as_str().into(),
            problems: report.problems.iter().map(problem).collect(),
        }]
    }

    /// How long the audit is kept, and how long a revoked token is valid elsewhere, decide who is found out and who is
    /// kept out. A file, variables and flags are the operator's, and come by no request.
    fn admin_members(&self) -> Vec<AdminMembers> {
        vec![AdminMembers { document: own_id(), members: &["audit", "tokens"] }]
    }

    fn document(&self, document: &mut OpenApi) {
        describe::<ConfigMembers>(document, "WriteAnswer");
    }
}

fn problem(problem: &FileProblem) -> ProblemItem {
    ProblemItem { message: problem.to_string(), ..ProblemItem::default() }
}

/// The routes of configs and of webhooks.
fn routes() -> Routes<ConfigApp> {
    Routes::new()
        .of(Read, Reach::All("config", ""), routes!(documents::list_configs))
        .merge(documents::CONFIG.routes())
        .of(Read, Reach::Document("config", "{name}"), routes!(documents::get_effective))
        .of(Read, Reach::Document("config", "{name}"), routes!(documents::diff_config))
        .of(Operate, Reach::Document("config", "{name}"), routes!(documents::rollback_config))
        .at(Operate, routes!(reload::reload))
        .at(Open, routes!(reload::health))
        .at(Signed, routes!(webhooks::call))
}
