//! What becomes of every item of every file of the original: a table, printed, and held to what it should be.

use serde_json::Value;

use midflight_rules::import::import;

use crate::import::original;

/// One line of the table.
type Line = (&'static str, &'static str, &'static str);

/// Every file of rules, with its conditions, and what is to become of each item.
const EXPECTED: &[Line] = &[
    ("rules_config_v1.json", "R0001", "refused with the file"),
    (
        "rules_config_v1.json",
        "R0002",
        "refused: the conditions file has no condition title equal \"'Superman'\"",
    ),
    ("rules_config_v1.json", "R0003", "refused with the file"),
    ("rules_config_v2.json", "R1", "refused with the file"),
    ("rules_config_v2.json", "R2", "refused with the file"),
    ("rules_config_v2.json", "R3", "refused with the file"),
    ("rules_config_v2.json", "R4", "refused with the file"),
    ("rules_config_v2.json", "the file", "refused: this is the shape rules_set_details (version 2)"),
    ("rules_config_v3.json", "R0001", "refused with the file"),
    ("rules_config_v3.json", "R0002", "refused with the file"),
    (
        "rules_config_v3.json",
        "R0003",
        "refused: the conditions file has no condition days_since_bomc_approval greater_than 10",
    ),
    ("rules_config_v4.json", "R0001", "imported"),
    ("rules_config_v4.json", "R0002", "imported; priority 1 becomes 2"),
    ("rules_config_v4.json", "R0003", "imported; priority 1 becomes 3"),
    ("fixture_rules_config.json", "Rule1", "imported"),
    ("fixture_rules_config.json", "Rule2", "imported"),
    ("fixture_rules_config.json", "Rule3", "imported"),
    ("db_seed_sample_ruleset.json", "RULE_001", "imported"),
    ("db_seed_sample_ruleset.json", "RULE_002", "imported"),
    ("db_seed_sample_ruleset.json", "RULE_003", "imported"),
    (
        "db_seed_sample_ruleset.json",
        "the ruleset",
        "imported; its actions are kept in its metadata; they are not executed",
    ),
    ("sample_rules.dmn", "the file", "refused: the rules file is not JSON"),
    ("test-event.json", "the file", "refused: write rules_set: a list"),
    ("conditions_config.json", "27 conditions", "imported"),
    ("fixture_conditions_config.json", "3 conditions", "imported"),
];

#[test]
fn every_item_of_every_file_is_imported_or_refused_by_name() {
    let Some(lines) = table() else { return };
    let width =
        |of: fn(&(String, String, String)) -> &str| lines.iter().map(|it| of(it).len()).max().unwrap_or(0);
    let (files, items) = (width(|it| &it.0), width(|it| &it.1));
    for (file, item, outcome) in &lines {
        eprintln!("{file:files$}  {item:items$}  {outcome}");
    }
    for (file, item, expected) in EXPECTED {
        let found = lines.iter().find(|it| (it.0.as_str(), it.1.as_str()) == (*file, *item));
        let (.., outcome) = found.unwrap_or_else(|| panic!("{file} {item} is not in the table"));
        assert!(outcome.starts_with(expected), "{file} {item}: {outcome}\nis not\n{expected}");
    }
    assert_eq!(lines.len(), EXPECTED.len(), "every item has one line");
}

/// File, item and outcome; none where the files are not at hand.
fn table() -> Option<Vec<(String, String, String)>> {
    let mut lines = Vec::new();
    for (file, conditions) in [
        ("rules_config_v1.json", Some("conditions_config.json")),
        ("rules_config_v2.json", Some("conditions_config.json")),
        ("rules_config_v3.json", Some("conditions_config.json")),
        ("rules_config_v4.json", Some("conditions_config.json")),
        ("fixture_rules_config.json", Some("fixture_conditions_config.json")),
        ("db_seed_sample_ruleset.json", None),
        ("sample_rules.dmn", None),
        ("test-event.json", None),
    ] {
        let text = original(file)?;
        let catalogue = conditions.map(original);
        let catalogue = match &catalogue {
            Some(catalogue) => Some(catalogue.as_deref()?),
            None => None,
        };
        lines.extend(of_file(file, &text, catalogue));
        if let (Some(name), Some(catalogue)) = (conditions, catalogue)
            && !lines.iter().any(|line| line.0 == name)
            && import(&text, Some(catalogue), "it").is_ok()
        {
            let count = json(catalogue)["conditions_set"].as_array().map_or(0, Vec::len);
            lines.push((name.to_owned(), format!("{count} conditions"), "imported".to_owned()));
        }
    }
    Some(lines)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn of_file(file: &str, text: &str, conditions: Option<&str>) -> Vec<(String, String, String)> {
    let line = |item: &str, outcome: String| (file.to_owned(), item.to_owned(), outcome);
    let parsed = json(text);
    let lists = ["rules_set", "rules_set_details", "rules"];
    let (list, rules) = lists.iter().find_map(|key| Some((*key, parsed[*key].as_array()?))).unzip();
    let id = |rule: &Value| {
        let ids = ["id", "rule_id", "rulename"].map(|key| rule[key].as_str());
        ids.into_iter().flatten().next().unwrap_or_default().to_owned()
    };
    let ids: Vec<_> = rules.into_iter().flatten().map(id).collect();
    let mut lines = Vec::new();
    match import(text, conditions, "it") {
        Ok(made) => {
            let output = |of: &str| {
                let own = made.notices.iter().filter_map(|notice| notice.strip_prefix(&format!("{of}: ")));
                own.map(|notice| format!("; {notice}")).collect::<String>()
            };
            lines.extend(ids.iter().map(|id| line(id, format!("imported{}", output(&format!("rule {id}"))))));
            let ruleset = output("ruleset it");
            if !ruleset.is_empty() {
                lines.push(line("the ruleset", format!("imported{ruleset}")));
            }
        }
        Err(problems) => {
            let place = |i: usize| format!("/{}/{i}", list.unwrap_or_default());
            let of = |path: &str| {
                let found = problems.iter().find(|problem| problem.path.as_str().starts_with(path));
                found.map(|problem| problem.message.clone())
            };
            for (i, id) in ids.iter().enumerate() {
                let own = of(&format!("{}/", place(i)));
                let own = own.map(|message| message.replace(&format!("rule {id}: "), ""));
                lines.push(line(
                    id,
                    own.map_or("refused with the file".to_owned(), |own| format!("refused: {own}")),
                ));
            }
            if !lines.iter().any(|line| line.2.starts_with("refused: ")) {
                lines.push(line("the file", format!("refused: {}", of("").unwrap_or_default())));
            }
        }
    }
    lines
}
