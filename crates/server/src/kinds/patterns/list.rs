//! The patterns that are served, those that do not answer too.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use midflight_http::code::Code;
use midflight_http::params::{self, Params};
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_live::Pinned;
use midflight_patterns::{CreatedBy, Match, Pattern, PatternStatus, PatternsSnapshot};
use midflight_wire::patterns::{PatternItem, PatternList};
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::PatternsApp;
use super::wire::{count_usage, pattern_item};

/// Which patterns to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PatternParams {
    /// Only those of this status: `pending`, `approved` or `disabled`.
    status: Option<String>,
    /// Only those of this category.
    category: Option<String>,
    /// Only those that are found so: `exact`, `prefix`, `contains`, `word` or `regex`.
    #[serde(rename = "match")]
    how: Option<String>,
    /// Only those made so: `manual` or `llm`.
    created_by: Option<String>,
    /// Only those of this profile.
    profile: Option<String>,
    /// Only those that have this in their id or in one of their texts, in whatever case.
    q: Option<String>,
    /// How many at most; 50 by default, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What is asked of a pattern.
struct Filter {
    status: Option<PatternStatus>,
    how: Option<Match>,
    created_by: Option<CreatedBy>,
    category: Option<String>,
    profile: Option<String>,
    q: Option<String>,
}

/// The patterns that are served, by id, with what was counted of them.
#[utoipa::path(get, path = "/api/v1/patterns", tag = "patterns", params(PatternParams),
    responses((status = 200, body = PatternList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_patterns(
    State(app): State<PatternsApp>,
    Params(params): Params<PatternParams>,
) -> Result<Json<PatternList>, ApiError> {
    let limit = params::limit(params.limit)? as usize;
    let filter = Filter {
        status: word(params.status.as_deref(), "status", PatternStatus::WORDS)?,
        how: word(params.how.as_deref(), "match", Match::WORDS)?,
        created_by: word(params.created_by.as_deref(), "created_by", CreatedBy::WORDS)?,
        category: params.category,
        profile: params.profile,
        q: params.q.map(|q| q.to_lowercase()),
    };
    let patterns = app.parts.patterns.snapshot();
    let (revision, quarantined) = (patterns.revision().get(), quarantined_revisions(patterns.quarantined()));
    let cursor = params.cursor;
    // Among a million, those that are wanted may be far apart; other requests must not wait for them.
    let found = tokio::task::spawn_blocking(move || page(&patterns, &filter, cursor.as_deref(), limit)).await;
    let (mut items, ids, next_cursor) = found.map_err(|error| ApiError::internal(&error))?;
    let usage = app.parts.classifier.usage(&ids).await?;
    for item in &mut items {
        count_usage(item, &usage.get(&item.id).copied().unwrap_or_default());
    }
    Ok(Json(PatternList { items, next_cursor, revision, quarantined }))
}

type PatternPage = (Vec<PatternItem>, Vec<Arc<str>>, Option<String>);

fn page(
    patterns: &Pinned<PatternsSnapshot>,
    filter: &Filter,
    after: Option<&str>,
    limit: usize,
) -> PatternPage {
    let mut wanted = patterns.patterns(after).filter(|pattern| filter.wants(pattern));
    let found: Vec<_> = wanted.by_ref().take(limit).collect();
    let next = found.last().filter(|_| wanted.next().is_some()).map(|last| last.id().to_owned());
    let ids = found.iter().map(|pattern| Arc::clone(pattern.shared_id())).collect();
    (found.into_iter().map(pattern_item).collect(), ids, next)
}

impl Filter {
    fn wants(&self, pattern: &Pattern) -> bool {
        self.status.is_none_or(|status| pattern.status() == status)
            && self.how.is_none_or(|how| pattern.match_kind() == how)
            && self.created_by.is_none_or(|by| pattern.created_by() == by)
            && self.category.as_deref().is_none_or(|category| pattern.category() == category)
            && self.profile.as_deref().is_none_or(|profile| pattern.profile() == profile)
            && self.q.as_deref().is_none_or(|q| has(pattern, q))
    }
}

fn has(pattern: &Pattern, q: &str) -> bool {
    let mut texts = pattern.keys().map(|key| &**key).chain(pattern.texts()).chain([pattern.id()]);
    texts.any(|text| text.contains(q) || text.to_lowercase().contains(q))
}

/// A word of a closed vocabulary.
fn word<T: Copy>(text: Option<&str>, name: &str, words: &[(&str, T)]) -> Result<Option<T>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    found.map(Some).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let detail = format!("{name} is one of {}, not {:?}", words.join(", "), midflight_core::clip(text));
        ApiError::new(Code::INVALID_PARAMETER, detail)
    })
}
