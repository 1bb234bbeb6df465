//! The patterns that are served, those that do not answer too.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use midflight_engine::{Interrupted, Work};
use midflight_http::code::Code;
use midflight_http::compute::{PoolShare, TimeLimit};
use midflight_http::long_answer::{json, room_for_page};
use midflight_http::params::{self, Params};
use midflight_http::principal::Principal;
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
    #[param(pattern = "^(pending|approved|disabled)$")]
    status: Option<String>,
    /// Only those of this category.
    category: Option<String>,
    /// Only those that are found so: `exact`, `prefix`, `contains`, `word` or `regex`.
    #[serde(rename = "match")]
    #[param(pattern = "^(exact|prefix|contains|word|regex)$")]
    how: Option<String>,
    /// Only those made so: `manual` or `llm`.
    #[param(pattern = "^(manual|llm)$")]
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

/// The patterns that are served, by id, with what was counted of them. A page ends with `limit` patterns, with
/// `answer_bytes_max`, or after `classify_ms_max`, even without any; ask on with its `next_cursor`.
#[utoipa::path(get, path = "/api/v1/patterns", tag = "patterns", params(PatternParams),
    responses((status = 200, body = PatternList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_patterns(
    State(app): State<PatternsApp>,
    principal: Principal,
    Params(params): Params<PatternParams>,
) -> Result<Response, ApiError> {
    let limit = params::limit(params.limit)? as usize;
    let filter = Filter {
        status: word(params.status.as_deref(), "status", PatternStatus::WORDS)?,
        how: word(params.how.as_deref(), "match", Match::WORDS)?,
        created_by: word(params.created_by.as_deref(), "created_by", CreatedBy::WORDS)?,
        category: params.category,
        profile: params.profile,
        q: params.q.map(|q| q.to_lowercase()),
    };
    let room = room_for_page(&app, &principal).await?;
    let patterns = app.parts.patterns.snapshot();
    let (revision, quarantined) = (patterns.revision().get(), quarantined_revisions(patterns.quarantined()));
    let cursor = params.cursor;
    // Among a million, those that are wanted may be far apart; other requests must not wait for them.
    let time = TimeLimit { ms_max: app.parts.limits.classify_ms_max, name: "classify_ms_max" };
    let bytes_max = app.limits.answer_bytes_max as u64;
    let look = move |work: &Work| page(&patterns, &filter, cursor.as_deref(), (limit, bytes_max), work);
    let found = app.compute.run(PoolShare::from(&principal), time, look).await?;
    let PatternPage { mut items, ids, bytes, next_cursor } = found.map_err(|_| time.exceeded())?;
    let usage = app.parts.classifier.usage(&ids).await?;
    for item in &mut items {
        count_usage(item, &usage.get(&item.id).copied().unwrap_or_default());
    }
    json(bytes, room, move || PatternList { items, next_cursor, revision, quarantined }).await
}

/// What a page has.
#[derive(Debug, Default)]
struct PatternPage {
    items: Vec<PatternItem>,
    ids: Vec<Arc<str>>,
    /// About how long its items are.
    bytes: u64,
    next_cursor: Option<String>,
}

/// The patterns after one that are wanted, as many as fit: at least one, whatever its size.
fn page(
    patterns: &Pinned<PatternsSnapshot>,
    filter: &Filter,
    after: Option<&str>,
    (limit, bytes_max): (usize, u64),
    work: &Work,
) -> Result<PatternPage, Interrupted> {
    let mut page = PatternPage::default();
    let mut last = after;
    for pattern in patterns.patterns(after) {
        match work.check() {
            Ok(()) => {}
            // The next page begins where this one ends; without a step it would end there again.
            Err(Interrupted::Deadline) if last != after => {
                page.next_cursor = last.map(str::to_owned);
                break;
            }
            Err(why) => return Err(why),
        }
        if filter.wants(pattern) {
            let own = bytes(pattern);
            let fits = page.bytes + own <= bytes_max || page.items.is_empty();
            if page.items.len() == limit || !fits {
                page.next_cursor = page.items.last().map(|item| item.id.clone());
                break;
            }
            page.bytes += own;
            page.ids.push(Arc::clone(pattern.shared_id()));
            page.items.push(pattern_item(pattern));
        }
        last = Some(pattern.id());
    }
    Ok(page)
}

/// About how long the item of a pattern is, in bytes.
fn bytes(pattern: &Pattern) -> u64 {
    /// What it has beside its texts.
    const ENTRY_BYTES: usize = 512;
    /// What a text has beside its characters.
    const TEXT_BYTES: usize = 3;
    let one = |text: &str| text.len() + TEXT_BYTES;
    let first = pattern.texts().next().map_or(0, one) + pattern.keys().next().map_or(0, |key| one(key));
    let names = [pattern.id(), pattern.profile(), pattern.category()].map(one).iter().sum::<usize>();
    let response = pattern.direct_response().map_or(0, one);
    (ENTRY_BYTES + first + names + response + pattern.texts().map(one).sum::<usize>()) as u64
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
