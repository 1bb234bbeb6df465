//! `pattern`: patterns listed, made, approved and disabled.

use clap::{Args, Subcommand, ValueEnum};
use midflight_client::wire::patterns::{
    FeedbackBody, FeedbackDone, FeedbackWord, PatternItem, PatternPerformanceAnswer, PerformanceAnswer,
};
use midflight_client::{Client, PatternFilter};
use serde::Serialize;

use super::classify::{self, ClassifyArgs};
use super::columns::{Detail, TableColumn, list_text, optional, record, table};
use super::fail::Failure;
use super::output::{Output, eprint_status};
use super::write::{WriteArgs, tell};

/// The commands of `pattern`.
#[derive(Debug, Subcommand)]
pub(super) enum PatternCommand {
    /// List patterns.
    List(PatternListArgs),
    /// List learned patterns, with their performance.
    Learned(LearnedArgs),
    /// Add a pattern.
    Add(Box<AddArgs>),
    /// Approve patterns, so that they answer.
    Approve(PatternStatusArgs),
    /// Disable patterns.
    Disable(PatternStatusArgs),
    /// Classify a query.
    Classify(ClassifyArgs),
    /// Give feedback on the answer to a query.
    Feedback(FeedbackArgs),
    /// Rank patterns by performance, with their savings.
    Performance(PerformanceArgs),
}

/// Whether a pattern answers.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PatternStatusArg {
    Pending,
    Approved,
    Disabled,
}

/// How a pattern's text is found.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Match {
    Exact,
    Prefix,
    Contains,
    Word,
    Regex,
}

/// The action for a query.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Action {
    Respond,
    Tool,
    Route,
    React,
}

/// The word of a value, as the API has it.
fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The flags of `pattern list`.
#[derive(Debug, Args)]
pub(super) struct PatternListArgs {
    /// Only those with this text in their id or text.
    #[arg(default_value = "")]
    q: String,
    /// Only those of this status.
    #[arg(long)]
    status: Option<PatternStatusArg>,
    /// Only those of this category.
    #[arg(long, default_value = "", hide_default_value = true)]
    category: String,
    /// Only those with this match.
    #[arg(long)]
    r#match: Option<Match>,
    /// Only those of this profile.
    #[arg(long, default_value = "", hide_default_value = true)]
    profile: String,
    /// The maximum number.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// The flags of `pattern learned`.
#[derive(Debug, Args)]
pub(super) struct LearnedArgs {
    /// Only those of this status; pending ones wait for approval.
    #[arg(long)]
    status: Option<PatternStatusArg>,
    /// The maximum number.
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// The flags of `pattern add`.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The text; several texts are one pattern, of which any may match.
    #[arg(required = true)]
    texts: Vec<String>,
    /// The category of matching queries.
    #[arg(long)]
    category: String,
    /// The id; by default derived from the text.
    #[arg(long)]
    id: Option<String>,
    /// How the text is found.
    #[arg(long, default_value = "exact")]
    r#match: Match,
    /// The profile that normalizes it; `default` by default.
    #[arg(long)]
    profile: Option<String>,
    /// The confidence of the category, 0 to 1.
    #[arg(long)]
    confidence: Option<f64>,
    /// The action for a matching query; by default respond if there is a response, else tool.
    #[arg(long)]
    action: Option<Action>,
    /// The answer to give.
    #[arg(long, value_name = "TEXT")]
    response: Option<String>,
    /// Its place in the declared order: of all that match, the lowest answers.
    #[arg(long)]
    order: Option<i64>,
    /// The most words of the query.
    #[arg(long)]
    max_words: Option<u32>,
    /// A regular expression that the query must not match.
    #[arg(long, value_name = "REGEX")]
    exclusion: Option<String>,
    /// Keep it for later: it does not answer until it is approved.
    #[arg(long)]
    pending: bool,
    #[command(flatten)]
    write: WriteArgs,
}

/// The flags of `pattern approve` and `pattern disable`.
#[derive(Debug, Args)]
pub(super) struct PatternStatusArgs {
    /// The patterns.
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
}

/// The feedback on an answer.
#[derive(Debug, Args)]
pub(super) struct FeedbackArgs {
    /// The query.
    query: String,
    /// The answer was right.
    #[arg(long, conflicts_with_all = ["wrong", "category"], required_unless_present_any = ["wrong", "category"])]
    right: bool,
    /// The answer was wrong.
    #[arg(long, conflicts_with = "category")]
    wrong: bool,
    /// The answer was wrong; this is the correct category.
    #[arg(long)]
    category: Option<String>,
    /// The profile; `default` by default.
    #[arg(long)]
    profile: Option<String>,
}

/// The flags of `pattern performance`.
#[derive(Debug, Args)]
pub(super) struct PerformanceArgs {
    /// The maximum number, up to 500.
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// The document of a pattern that is added, with what was given.
#[derive(Debug, Serialize)]
struct AddedPattern<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    any_of: Option<&'a [String]>,
    r#match: String,
    category: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direct_response: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_words: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusion: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
}

const PATTERNS: &[TableColumn<PatternItem>] = &[
    TableColumn::new("PATTERN", |pattern| pattern.id.clone()),
    TableColumn::new("MATCH", |pattern| pattern.r#match.to_string()),
    TableColumn::new("TEXT", texts),
    TableColumn::new("CATEGORY", |pattern| pattern.category.clone()),
    TableColumn::new("ORDER", |pattern| pattern.order.to_string()),
    TableColumn::new("STATUS", |pattern| pattern.status.to_string()),
    TableColumn::new("USED", |pattern| pattern.times_used.to_string()),
    TableColumn::wide("PROFILE", |pattern| pattern.profile.clone()),
    TableColumn::wide("ACTION", |pattern| pattern.action.to_string()),
    TableColumn::wide("BY", |pattern| pattern.created_by.to_string()),
];

const LEARNED: &[TableColumn<PatternItem>] = &[
    TableColumn::new("PATTERN", |pattern| pattern.id.clone()),
    TableColumn::new("TEXT", |pattern| pattern.pattern.clone()),
    TableColumn::new("CATEGORY", |pattern| pattern.category.clone()),
    TableColumn::new("CONFIDENCE", |pattern| pattern.confidence.to_string()),
    TableColumn::new("STATUS", |pattern| pattern.status.to_string()),
    TableColumn::new("USED", |pattern| pattern.times_used.to_string()),
    TableColumn::new("ACCURACY", |pattern| optional(pattern.accuracy)),
    TableColumn::new("LAST USED", |pattern| optional(pattern.last_used_at.as_ref())),
];

const PERFORMANCE: &[TableColumn<PatternPerformanceAnswer>] = &[
    TableColumn::new("PATTERN", |one| one.id.clone()),
    TableColumn::new("CATEGORY", |one| one.category.clone()),
    TableColumn::new("USED", |one| one.usage.times_used.to_string()),
    TableColumn::new("RIGHT", |one| one.usage.times_correct.to_string()),
    TableColumn::new("WRONG", |one| one.usage.times_wrong.to_string()),
    TableColumn::new("AT LEAST", |one| format!("{:.2}", one.wilson_lower_bound)),
];

pub(super) async fn run(client: &Client, output: &Output, command: PatternCommand) -> Result<(), Failure> {
    match command {
        PatternCommand::List(args) => list(client, output, args).await,
        PatternCommand::Learned(args) => learned(client, output, &args).await,
        PatternCommand::Add(args) => add(client, output, &args).await,
        PatternCommand::Approve(args) => set_status(client, output, &args, true).await,
        PatternCommand::Disable(args) => set_status(client, output, &args, false).await,
        PatternCommand::Classify(args) => classify::run(client, output, &args).await,
        PatternCommand::Feedback(args) => feedback(client, output, args).await,
        PatternCommand::Performance(args) => performance(client, output, &args).await,
    }
}

async fn list(client: &Client, output: &Output, args: PatternListArgs) -> Result<(), Failure> {
    let filter = PatternFilter {
        text: args.q,
        status: args.status.map(word).unwrap_or_default(),
        category: args.category,
        matching: args.r#match.map(word).unwrap_or_default(),
        profile: args.profile,
        created_by: String::new(),
    };
    let found = client.patterns(&filter, args.limit).await?;
    output.list(&found, found.iter().map(|it| &**it), PATTERNS, |pattern| pattern.id.clone())
}

/// The text of a pattern, or the first and how many more it has.
fn texts(pattern: &PatternItem) -> String {
    const SHOWN_CHARS: usize = 50;
    let mut shown: String = pattern.pattern.chars().take(SHOWN_CHARS).collect();
    if shown.len() < pattern.pattern.len() {
        shown.push('…');
    }
    match pattern.any_of.len() {
        0 | 1 => shown,
        many => format!("{shown} (and {} more)", many - 1),
    }
}

async fn learned(client: &Client, output: &Output, args: &LearnedArgs) -> Result<(), Failure> {
    let filter = PatternFilter {
        status: args.status.map(word).unwrap_or_default(),
        created_by: "llm".to_owned(),
        ..PatternFilter::default()
    };
    let found = client.patterns(&filter, args.limit).await?;
    output.list(&found, found.iter().map(|it| &**it), LEARNED, |pattern| pattern.id.clone())
}

async fn add(client: &Client, output: &Output, args: &AddArgs) -> Result<(), Failure> {
    let (pattern, any_of) = match args.texts.as_slice() {
        [only] => (Some(only.as_str()), None),
        several => (None, Some(several)),
    };
    let body = AddedPattern {
        pattern,
        any_of,
        r#match: word(args.r#match),
        category: &args.category,
        profile: args.profile.as_deref(),
        confidence: args.confidence,
        action: args.action.map(word),
        direct_response: args.response.as_deref(),
        order: args.order,
        max_words: args.max_words,
        exclusion: args.exclusion.as_deref(),
        status: args.pending.then_some("pending"),
    };
    let options = args.write.options();
    let answer = args.write.made(client.add_pattern(args.id.as_deref(), &body, &options)).await?;
    tell(client, output, &answer).await
}

async fn set_status(
    client: &Client,
    output: &Output,
    args: &PatternStatusArgs,
    is_approved: bool,
) -> Result<(), Failure> {
    let options = args.write.options();
    for id in &args.ids {
        let answer = match is_approved {
            true => args.write.made(client.approve_pattern(id, &options)).await?,
            false => args.write.made(client.disable_pattern(id, &options)).await?,
        };
        tell(client, output, &answer).await?;
    }
    Ok(())
}

async fn feedback(client: &Client, output: &Output, args: FeedbackArgs) -> Result<(), Failure> {
    let feedback_type = match (args.right, &args.category) {
        (true, _) => FeedbackWord::Positive,
        (false, Some(_)) => FeedbackWord::Correction,
        (false, None) => FeedbackWord::Negative,
    };
    let body = FeedbackBody {
        query: args.query,
        profile: args.profile,
        feedback_type,
        corrected_category: args.category,
    };
    let answer = client.give_feedback(&body).await?;
    if answer.matched.is_none() && answer.correction.is_none() && output.is_text() {
        eprint_status("nothing was counted: no pattern answers that query");
        return Ok(());
    }
    output.data(&answer, || feedback_text(&answer))
}

fn feedback_text(answer: &FeedbackDone) -> String {
    let mut rows = vec![("counted for", optional(answer.matched.as_ref().map(|matched| &matched.id)))];
    if let Some(correction) = &answer.correction {
        rows.extend([
            ("outcome", correction.outcome.to_string()),
            ("pattern_id", optional(correction.pattern_id.as_ref())),
            ("status", optional(correction.status.as_ref())),
            ("revision", optional(correction.revision)),
            ("hidden_by", optional(correction.hidden_by.as_ref())),
            ("why", optional(correction.why.as_ref())),
        ]);
    }
    record(rows)
}

async fn performance(client: &Client, output: &Output, args: &PerformanceArgs) -> Result<(), Failure> {
    let answer = client.pattern_performance(args.limit).await?;
    output.data(&answer, || performance_text(&answer))
}

fn performance_text(answer: &PerformanceAnswer) -> String {
    let profiles = answer.profiles.iter().map(|(name, savings)| {
        [
            name.clone(),
            savings.answered_by_patterns.to_string(),
            savings.answered_by_llm.to_string(),
            savings.unanswered.to_string(),
            savings.cost_saved.to_string(),
        ]
    });
    list_text(PERFORMANCE, &answer.patterns, Detail::of_terminal())
        + "\n"
        + &table(&["PROFILE", "BY PATTERNS", "BY LLM", "UNANSWERED", "SAVED"], profiles)
}
