//! `pattern`: patterns listed, made, approved and disabled.

use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;
use serde_json::{Map, Value, json};

use super::client::{RequestBody, ServerClient};
use super::fail::Failure;
use super::output::{Output, table, text};
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

pub(super) async fn run(
    client: &ServerClient,
    output: &Output,
    command: PatternCommand,
) -> Result<(), Failure> {
    match command {
        PatternCommand::List(args) => list(client, output, &args).await,
        PatternCommand::Learned(args) => learned(client, output, &args).await,
        PatternCommand::Add(args) => add(client, output, &args).await,
        PatternCommand::Approve(args) => set_status(client, output, &args, "approve").await,
        PatternCommand::Disable(args) => set_status(client, output, &args, "disable").await,
        PatternCommand::Feedback(args) => feedback(client, output, &args).await,
        PatternCommand::Performance(args) => performance(client, output, &args).await,
    }
}

const PATTERNS: [&str; 3] = ["api", "v1", "patterns"];

async fn list(client: &ServerClient, output: &Output, args: &PatternListArgs) -> Result<(), Failure> {
    let query = [
        ("q", args.q.clone()),
        ("status", args.status.map(word).unwrap_or_default()),
        ("category", args.category.clone()),
        ("match", args.r#match.map(word).unwrap_or_default()),
        ("profile", args.profile.clone()),
    ];
    let patterns = Value::Array(client.up_to(&PATTERNS, &query, args.limit).await?);
    output.data(&patterns, || {
        let rows = patterns.as_array().into_iter().flatten();
        let keys = ["id", "match", "category", "order", "status", "times_used"];
        let row = |pattern: &Value| {
            let mut row = keys.map(|key| text(pattern, key)).to_vec();
            row.insert(2, texts(pattern));
            row
        };
        table(&["PATTERN", "MATCH", "TEXT", "CATEGORY", "ORDER", "STATUS", "USED"], rows.map(row))
    })
}

/// The text of a pattern, or the first and how many more it has.
fn texts(pattern: &Value) -> String {
    const SHOWN_CHARS: usize = 50;
    let first = text(pattern, "pattern");
    let mut shown: String = first.chars().take(SHOWN_CHARS).collect();
    if shown.len() < first.len() {
        shown.push('…');
    }
    match pattern.get("any_of").and_then(Value::as_array).map_or(0, Vec::len) {
        0 | 1 => shown,
        many => format!("{shown} (and {} more)", many - 1),
    }
}

async fn learned(client: &ServerClient, output: &Output, args: &LearnedArgs) -> Result<(), Failure> {
    let query = [("created_by", "llm".to_owned()), ("status", args.status.map(word).unwrap_or_default())];
    let patterns = Value::Array(client.up_to(&PATTERNS, &query, args.limit).await?);
    output.data(&patterns, || {
        let rows = patterns.as_array().into_iter().flatten();
        let keys =
            ["id", "pattern", "category", "confidence", "status", "times_used", "accuracy", "last_used_at"];
        let row = |pattern: &Value| keys.map(|key| text(pattern, key));
        table(
            &["PATTERN", "TEXT", "CATEGORY", "CONFIDENCE", "STATUS", "USED", "ACCURACY", "LAST USED"],
            rows.map(row),
        )
    })
}

async fn add(client: &ServerClient, output: &Output, args: &AddArgs) -> Result<(), Failure> {
    let mut body = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    };
    match args.texts.as_slice() {
        [only] => set("pattern", Some(json!(only))),
        several => set("any_of", Some(json!(several))),
    }
    set("match", Some(json!(word(args.r#match))));
    set("category", Some(json!(args.category)));
    set("profile", args.profile.as_ref().map(|it| json!(it)));
    set("confidence", args.confidence.map(|it| json!(it)));
    set("action", args.action.map(|it| json!(word(it))));
    set("direct_response", args.response.as_ref().map(|it| json!(it)));
    set("order", args.order.map(|it| json!(it)));
    set("max_words", args.max_words.map(|it| json!(it)));
    set("exclusion", args.exclusion.as_ref().map(|it| json!(it)));
    set("status", args.pending.then(|| json!("pending")));
    let answer = match &args.id {
        None => {
            let url = client.url(&PATTERNS, &args.write.query());
            client.send(Method::POST, url, RequestBody::Json(Value::Object(body)), &[]).await?
        }
        Some(id) => {
            let url = client.url(&[PATTERNS.as_slice(), &[id]].concat(), &args.write.query());
            let create = [(IF_NONE_MATCH, "*".to_owned())];
            client.send(Method::PUT, url, RequestBody::Json(Value::Object(body)), &create).await?
        }
    };
    tell(output, &answer.body)
}

async fn set_status(
    client: &ServerClient,
    output: &Output,
    args: &PatternStatusArgs,
    verb: &str,
) -> Result<(), Failure> {
    for id in &args.ids {
        let url = client.url(&[PATTERNS.as_slice(), &[id, verb]].concat(), &args.write.query());
        let answer = client.send(Method::POST, url, RequestBody::None, &[]).await?;
        tell(output, &answer.body)?;
    }
    Ok(())
}

async fn feedback(client: &ServerClient, output: &Output, args: &FeedbackArgs) -> Result<(), Failure> {
    let feedback_type = match (args.right, &args.category) {
        (true, _) => "positive",
        (false, Some(_)) => "correction",
        (false, None) => "negative",
    };
    let body = json!({ "query": args.query, "profile": args.profile, "feedback_type": feedback_type,
        "corrected_category": args.category });
    let url = client.url(&[PATTERNS.as_slice(), &["feedback"]].concat(), &[]);
    let answer = client.send(Method::POST, url, RequestBody::Json(body), &[]).await?.body;
    output.data(&answer, || {
        let mut rows = vec![[
            "counted for".to_owned(),
            answer.get("matched").map_or_else(String::new, |it| text(it, "id")),
        ]];
        let correction = answer.get("correction").filter(|it| it.is_object());
        for key in ["outcome", "pattern_id", "status", "revision", "hidden_by", "why"] {
            let value = correction.map_or_else(String::new, |it| text(it, key));
            rows.push([key.to_owned(), value]);
        }
        rows.retain(|[_, value]| !value.is_empty());
        if rows.is_empty() {
            return "nothing was counted: no pattern answers that query\n".to_owned();
        }
        table(&["", ""], rows).trim_start().to_owned()
    })
}

async fn performance(client: &ServerClient, output: &Output, args: &PerformanceArgs) -> Result<(), Failure> {
    let query = [("limit", args.limit.to_string())];
    let answer = client.get(&[PATTERNS.as_slice(), &["performance"]].concat(), &query).await?.body;
    output.data(&answer, || {
        let rows = answer.get("patterns").and_then(Value::as_array).into_iter().flatten();
        let row = |one: &Value| {
            let usage = one.get("usage").cloned().unwrap_or_default();
            let counted = ["times_used", "times_correct", "times_wrong"].map(|key| text(&usage, key));
            let bound = one.get("wilson_lower_bound").and_then(Value::as_f64).unwrap_or_default();
            let mut row = vec![text(one, "id"), text(one, "category")];
            row.extend(counted);
            row.push(format!("{bound:.2}"));
            row
        };
        let mut message =
            table(&["PATTERN", "CATEGORY", "USED", "RIGHT", "WRONG", "AT LEAST"], rows.map(row));
        let profiles = answer.get("profiles").and_then(Value::as_object).into_iter().flatten();
        let row = |(name, one): (&String, &Value)| {
            let keys = ["answered_by_patterns", "answered_by_llm", "unanswered", "cost_saved"];
            let mut row = vec![name.clone()];
            row.extend(keys.map(|key| text(one, key)));
            row
        };
        message += "\n";
        message += &table(&["PROFILE", "BY PATTERNS", "BY LLM", "UNANSWERED", "SAVED"], profiles.map(row));
        message
    })
}
