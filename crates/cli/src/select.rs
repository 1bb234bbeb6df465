//! `select`: the tool that fits a task, and why.

use clap::{Args, ValueEnum};
use midflight_client::Client;
use midflight_client::wire::tools::{SelectBody, SelectionAnswer};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use super::columns::{TableColumn, optional};
use super::fail::Failure;
use super::output::{Output, eprint_status, printable};

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

/// A pattern of a tool that was ranked, as far as it is shown. The answer has the parts of a selection as plain JSON,
/// since they are those of its explanation.
#[derive(Debug, Deserialize)]
struct ShownCandidate {
    tool_name: String,
    capability: String,
    pattern: String,
    score: f64,
    estimates: ShownEstimates,
    #[serde(default)]
    requires_approval: bool,
    #[serde(default)]
    background: bool,
}

#[derive(Debug, Deserialize)]
struct ShownEstimates {
    time_ms: Option<Number>,
    cost: Option<Number>,
}

/// Which priority was taken, and why.
#[derive(Debug, Deserialize)]
struct SelectionMode {
    name: String,
    found_by: String,
}

/// A pattern that a policy excludes.
#[derive(Debug, Deserialize)]
struct ExcludedPattern {
    tool_name: String,
    pattern: String,
    #[serde(default)]
    policy: Vec<ShownVerdict>,
}

#[derive(Debug, Deserialize)]
struct ShownVerdict {
    verdict: String,
    because: String,
}

/// A pattern whose estimates have no value.
#[derive(Debug, Deserialize)]
struct UnevaluatedPattern {
    tool_name: String,
    pattern: String,
    because: String,
}

/// What the caller is to decide.
#[derive(Debug, Deserialize)]
struct SelectionQuestion {
    question: String,
}

const CANDIDATES: &[TableColumn<ShownCandidate>] = &[
    TableColumn::new("TOOL", |one| one.tool_name.clone()),
    TableColumn::new("CAPABILITY", |one| one.capability.clone()),
    TableColumn::new("PATTERN", |one| one.pattern.clone()),
    TableColumn::new("SCORE", |one| format!("{:.3}", one.score)),
    TableColumn::new("TIME MS", |one| optional(one.estimates.time_ms.as_ref())),
    TableColumn::new("COST", |one| optional(one.estimates.cost.as_ref())),
    TableColumn::new("NOTES", |one| {
        let notes = [(one.requires_approval, "needs approval"), (one.background, "in the background")];
        let notes: Vec<_> = notes.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word).collect();
        notes.join(", ")
    }),
];

/// A part of a selection as its type.
fn part<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| {
        Failure::failed(format!("cannot read the selection: {error}; use a program of the server's version"))
    })
}

impl SelectArgs {
    /// The body of the request. What was not given is left out.
    fn body(self) -> SelectBody {
        let variables = self.variables.into_iter().filter_map(|(name, value)| Some((name, value.as_f64()?)));
        let mode = self.mode.and_then(|mode| mode.to_possible_value());
        SelectBody {
            query: self.query,
            capabilities: Some(self.capabilities),
            tool_name: self.tool,
            platform: self.platform,
            category: self.category,
            mode: mode.map(|mode| mode.get_name().to_owned()),
            context: Some(variables.collect()),
            environment: self.environment,
            permissions: Some(self.permissions),
            max_cost: self.max_cost,
            limit: Some(self.limit),
        }
    }
}

pub(super) async fn run(client: &Client, output: &Output, args: SelectArgs) -> Result<(), Failure> {
    let answer = client.select_tool(&args.body()).await?;
    let candidates: Vec<ShownCandidate> = part(&answer.candidates)?;
    output.list(&answer, &candidates, CANDIDATES, |one| format!("{}/{}", one.tool_name, one.pattern))?;
    tell(&answer)
}

/// Prints how the answer was found: the mode, what was excluded and why, and the question for the caller.
fn tell(answer: &SelectionAnswer) -> Result<(), Failure> {
    let mode: SelectionMode = part(&answer.mode)?;
    eprint_status(&printable(&format!("mode {} ({})", mode.name, mode.found_by)));
    for one in part::<Vec<ExcludedPattern>>(&answer.excluded)? {
        let because = one.policy.iter().filter(|rule| rule.verdict == "excluded");
        let because: Vec<_> = because.map(|rule| rule.because.as_str()).collect();
        let line = format!("excluded: {}/{}: {}", one.tool_name, one.pattern, because.join("; "));
        eprint_status(&printable(&line));
    }
    for one in part::<Vec<UnevaluatedPattern>>(&answer.not_evaluated)? {
        let line = format!("not evaluated: {}/{}: {}", one.tool_name, one.pattern, one.because);
        eprint_status(&printable(&line));
    }
    if let Some(ambiguity) = part::<Option<SelectionQuestion>>(&answer.ambiguity)? {
        eprint_status(&printable(&ambiguity.question));
    }
    answer.notes.iter().for_each(|note| eprint_status(&printable(note)));
    Ok(())
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
