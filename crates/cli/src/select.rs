//! `select`: the tool that fits a task, and why.

use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::{Map, Number, Value, json};

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::output::{Output, eprint_status, printable, table, text};

/// The flags of `select`.
#[derive(Debug, Args)]
pub(super) struct SelectArgs {
    /// The task, in words.
    #[arg(required_unless_present_any = ["capabilities", "tool", "platform", "category"])]
    query: Option<String>,
    /// Only patterns of this capability; may be given several times for any of them.
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// Only patterns of this tool.
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// Only tools of this platform.
    #[arg(long, value_name = "NAME")]
    platform: Option<String>,
    /// Only tools of this category.
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// The priority; by default derived from the words of the query.
    #[arg(long)]
    mode: Option<Mode>,
    /// A variable of the estimates, as N=250; may be repeated.
    #[arg(long = "set", value_name = "VARIABLE=NUMBER", value_parser = variable)]
    variables: Vec<(String, Number)>,
    /// The environment in which the tool runs, as production.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// A permission that the caller has; may be repeated.
    #[arg(long = "permission", value_name = "NAME")]
    permissions: Vec<String>,
    /// The maximum cost.
    #[arg(long, value_name = "NUMBER")]
    max_cost: Option<f64>,
    /// The maximum number of candidates to list, up to 1,000.
    #[arg(long, default_value_t = 10)]
    limit: usize,
}

/// The priority.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    Fast,
    Accurate,
    Thorough,
    Cheap,
    Simple,
    Balanced,
}

/// Reads `N=250`. An integer stays one: formulas distinguish them as Python does.
pub(super) fn variable(text: &str) -> Result<(String, Number), String> {
    let (name, value) = text.split_once('=').ok_or("write VARIABLE=NUMBER, as N=250")?;
    let value = serde_json::from_str(value.trim());
    let value = value.map_err(|_| format!("the value of {name} is not a number; write {name}=250"))?;
    Ok((name.trim().to_owned(), value))
}

impl SelectArgs {
    /// The body of the request. What was not given is left out.
    fn body(&self) -> Value {
        let variables: Map<_, _> =
            self.variables.iter().map(|(name, value)| (name.clone(), Value::Number(value.clone()))).collect();
        let mode = self.mode.and_then(|mode| mode.to_possible_value());
        let mut body = json!({
            "query": self.query, "tool_name": self.tool, "platform": self.platform, "category": self.category,
            "mode": mode.map(|mode| mode.get_name().to_owned()), "environment": self.environment,
            "max_cost": self.max_cost, "capabilities": self.capabilities, "permissions": self.permissions,
            "context": variables, "limit": self.limit,
        });
        if let Some(members) = body.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        body
    }
}

pub(super) async fn run(client: &ServerClient, output: &Output, args: &SelectArgs) -> Result<(), Failure> {
    let url = client.url(&["api", "v1", "tools", "select"], &[]);
    let answer = client.send(Method::POST, url, RequestBody::Json(args.body()), &[]).await?.body;
    output.data(&answer, || candidates(&answer))?;
    tell(&answer);
    Ok(())
}

fn items<'a>(answer: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    answer.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn candidates(answer: &Value) -> String {
    let row = |one: &Value| {
        let estimates = one.get("estimates").cloned().unwrap_or_default();
        let score = one.get("score").and_then(Value::as_f64).unwrap_or_default();
        let flag = |key: &str| one.get(key).and_then(Value::as_bool) == Some(true);
        let notes = [("requires_approval", "needs approval"), ("background", "in the background")];
        let notes: Vec<_> = notes.into_iter().filter(|(key, _)| flag(key)).map(|(_, word)| word).collect();
        [
            text(one, "tool_name"),
            text(one, "capability"),
            text(one, "pattern"),
            format!("{score:.3}"),
            text(&estimates, "time_ms"),
            text(&estimates, "cost"),
            notes.join(", "),
        ]
    };
    let header = ["TOOL", "CAPABILITY", "PATTERN", "SCORE", "TIME MS", "COST", "NOTES"];
    table(&header, items(answer, "candidates").map(row))
}

/// Prints how the answer was found: the mode, what was excluded and why, and the question for the caller.
fn tell(answer: &Value) {
    let mode = answer.get("mode").cloned().unwrap_or_default();
    eprint_status(&printable(&format!("mode {} ({})", text(&mode, "name"), text(&mode, "found_by"))));
    for one in items(answer, "excluded") {
        let because = items(one, "policy").filter(|rule| text(rule, "verdict") == "excluded");
        let because: Vec<_> = because.map(|rule| text(rule, "because")).collect();
        let (tool, pattern) = (text(one, "tool_name"), text(one, "pattern"));
        eprint_status(&printable(&format!("excluded: {tool}/{pattern}: {}", because.join("; "))));
    }
    for one in items(answer, "not_evaluated") {
        let (tool, pattern, because) = (text(one, "tool_name"), text(one, "pattern"), text(one, "because"));
        eprint_status(&printable(&format!("not evaluated: {tool}/{pattern}: {because}")));
    }
    if let Some(ambiguity) = answer.get("ambiguity").filter(|it| it.is_object()) {
        eprint_status(&printable(&text(ambiguity, "question")));
    }
    for note in items(answer, "notes").filter_map(Value::as_str) {
        eprint_status(&printable(note));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_a_name_and_a_number() {
        assert_eq!(variable("N=250").unwrap(), ("N".to_owned(), Number::from(250)));
        assert_eq!(variable("size = 1.5").unwrap().1.as_f64(), Some(1.5));
        assert!(variable("N").unwrap_err().contains("VARIABLE=NUMBER"));
        assert!(variable("N=many").unwrap_err().contains("not a number"));
    }
}
