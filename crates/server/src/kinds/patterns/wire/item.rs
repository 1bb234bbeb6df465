//! Patterns in a list.

use midflight_http::wire::stamp;
use midflight_learning::PatternUsage;
use midflight_patterns::Pattern;
use midflight_wire::patterns::{PatternItem, UsageAnswer};

/// What was counted of a pattern.
pub(super) fn usage_answer(usage: &PatternUsage) -> UsageAnswer {
    UsageAnswer {
        times_used: usage.used,
        times_correct: usage.right,
        times_wrong: usage.wrong,
        accuracy: usage.accuracy(),
        last_used_at: usage.last_used_at.map(stamp),
    }
}

/// A pattern of which nothing was counted yet.
pub(in super::super) fn pattern_item(pattern: &Pattern) -> PatternItem {
    let texts: Vec<_> = pattern.texts().map(str::to_owned).collect();
    PatternItem {
        id: pattern.id().to_owned(),
        pattern: texts.first().cloned().unwrap_or_default(),
        any_of: if texts.len() > 1 { texts } else { Vec::new() },
        key: pattern.keys().next().map_or_else(String::new, |key| key.to_string()),
        r#match: pattern.match_kind().as_str().into(),
        profile: pattern.profile().to_owned(),
        category: pattern.category().to_owned(),
        confidence: pattern.confidence(),
        action: pattern.action().as_str().into(),
        direct_response: pattern.direct_response().map(str::to_owned),
        status: pattern.status().as_str().into(),
        order: pattern.order(),
        created_by: pattern.created_by().as_str().into(),
        times_used: 0,
        times_correct: 0,
        times_wrong: 0,
        accuracy: None,
        last_used_at: None,
    }
}

/// Puts in what was counted of a pattern.
pub(in super::super) fn count_usage(item: &mut PatternItem, usage: &PatternUsage) {
    let UsageAnswer { times_used, times_correct, times_wrong, accuracy, last_used_at } = usage_answer(usage);
    (item.times_used, item.times_correct, item.times_wrong) = (times_used, times_correct, times_wrong);
    (item.accuracy, item.last_used_at) = (accuracy, last_used_at);
}
