//! What queries are.

use std::time::Duration;

use midflight_http::wire::quarantined_revisions;
use midflight_learning::{Matched, QueryAnswer};
use midflight_wire::patterns::{ClassificationAnswer, MatchedAnswer};

pub(super) fn matched_answer(matched: Matched) -> MatchedAnswer {
    MatchedAnswer { id: matched.id, r#match: matched.how.as_str().into(), key: matched.key }
}

/// What a query is, and how long it took to find that out.
pub(in super::super) fn classification_answer(answer: QueryAnswer, took: Duration) -> ClassificationAnswer {
    ClassificationAnswer {
        category: answer.category,
        confidence: answer.confidence,
        action: answer.action.map(|action| action.as_str().into()),
        direct_response: answer.direct_response,
        matched: answer.matched.map(matched_answer),
        source: answer.source.as_str().into(),
        normalized: answer.normalized,
        llm_used: answer.llm_used,
        why: answer.why,
        revision: answer.revision.get(),
        quarantined: quarantined_revisions(&answer.quarantined),
        time_us: took.as_secs_f64() * 1e6,
    }
}
