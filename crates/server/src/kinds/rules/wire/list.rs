//! Lists of rulesets and rules, as they are served.

use midflight_rules::{RuleInfo, RulesetInfo};
use midflight_wire::rules::{RuleInfoAnswer, RulesetInfoAnswer};

/// A ruleset as it is served.
pub(crate) fn ruleset_info_answer(info: RulesetInfo<'_>) -> RulesetInfoAnswer {
    RulesetInfoAnswer {
        ruleset: info.id.to_owned(),
        name: info.name.map(str::to_owned),
        status: info.status.to_string(),
        default: info.default,
        rule_count: info.rules,
        active_rule_count: info.active_rules,
    }
}

/// A rule as it is served.
pub(crate) fn rule_info_answer(info: RuleInfo<'_>) -> RuleInfoAnswer {
    RuleInfoAnswer {
        rule_id: info.id.to_owned(),
        rule_name: info.name.map(str::to_owned),
        status: info.status.to_string(),
        priority: info.priority,
        rule_point: info.rule_point,
        weight: info.weight,
        condition: info.condition,
    }
}
