//! `webhook`: what was sent to webhooks, and sending it again.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, ValueEnum};
use midflight_client::wire::webhooks::{DeliveryAnswer, ResendRequest};
use midflight_client::{Answer, Client, DeliveryFilter};
use serde::Serialize;

use super::columns::{TableColumn, optional};
use super::fail::Failure;
use super::output::{Output, eprint_status};

const DELIVERIES: &[TableColumn<DeliveryAnswer>] = &[
    TableColumn::new("NUMBER", |delivery| delivery.number.to_string()),
    TableColumn::new("WEBHOOK", |delivery| delivery.webhook.clone()),
    TableColumn::new("EVENT", |delivery| delivery.event.clone()),
    TableColumn::new("STATE", |delivery| delivery.state.clone()),
    TableColumn::new("ATTEMPTS", |delivery| delivery.attempts.to_string()),
    TableColumn::new("CREATED", |delivery| delivery.created_at.clone()),
    TableColumn::new("NEXT", |delivery| optional(delivery.due_at.as_ref())),
    TableColumn::new("ERROR", |delivery| optional(delivery.error.as_ref())),
    TableColumn::wide("ENDED", |delivery| optional(delivery.ended_at.as_ref())),
    TableColumn::wide("ID", |delivery| delivery.id.clone()),
];

/// The commands of `webhook`.
#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// List what was sent to webhooks, what waits, and what could not be sent, the newest first.
    Deliveries(DeliveriesArgs),
    /// Send events again, as often as new ones.
    Retry(RetryArgs),
}

/// The flags of `webhook deliveries`.
#[derive(Debug, Args)]
pub(super) struct DeliveriesArgs {
    /// Only to this webhook.
    #[arg(default_value = "", hide_default_value = true)]
    name: String,
    /// Only those in this state.
    #[arg(long, value_enum)]
    state: Option<StateWord>,
    /// The maximum number.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

/// The flags of `webhook retry`.
#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    /// Deliveries that have ended, by their numbers.
    #[arg(value_name = "NUMBER", required_unless_present = "all", conflicts_with = "all")]
    numbers: Vec<u64>,
    /// All dead letters: events that could not be sent.
    #[arg(long)]
    all: bool,
    /// Only dead letters of this webhook; may be given several times.
    #[arg(long = "webhook", value_name = "NAME", requires = "all")]
    webhooks: Vec<String>,
}

/// What came of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateWord {
    /// It is tried again.
    Waiting,
    /// The receiver has it.
    Delivered,
    /// It was tried as often as it may be, without success.
    Dead,
}

impl StateWord {
    /// The word of the API.
    fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

pub(super) async fn run(client: &Client, output: &Output, command: WebhookCommand) -> Result<(), Failure> {
    match command {
        WebhookCommand::Deliveries(args) => deliveries(client, output, args).await,
        WebhookCommand::Retry(args) if args.all => retry_dead(client, output, args.webhooks).await,
        WebhookCommand::Retry(args) => retry(client, output, &args.numbers).await,
    }
}

async fn deliveries(client: &Client, output: &Output, args: DeliveriesArgs) -> Result<(), Failure> {
    let state = args.state.map_or_else(String::new, |state| state.word().to_owned());
    let found = client.deliveries(&DeliveryFilter { webhook: args.name, state }, args.limit).await?;
    output.list(&found, found.iter().map(|it| &**it), DELIVERIES, |delivery| delivery.number.to_string())?;
    if found.is_empty() {
        eprint_status("no deliveries");
    }
    Ok(())
}

/// Retries one after the other, and prints those that are sent again also when a later one is refused.
async fn retry(client: &Client, output: &Output, numbers: &[u64]) -> Result<(), Failure> {
    let mut retried = Vec::new();
    let mut ended = Ok(());
    for number in numbers {
        let which = ResendRequest { number: Some(*number), webhook: None };
        match client.resend_deliveries(&which).await {
            Ok(_) => retried.push(*number),
            Err(refused) => {
                ended = Err(refused.into());
                break;
            }
        }
    }
    let lines = || retried.iter().map(|number| format!("delivery {number} is sent again\n")).collect();
    if !retried.is_empty() {
        output.data(&retried, lines)?;
    }
    ended
}

/// How many dead letters of a webhook are sent again.
#[derive(Debug, Serialize)]
struct RetriedWebhook {
    webhook: String,
    resent: u64,
}

/// Retries the dead letters of these webhooks, or of all, and prints those that are sent again also when a later webhook
/// is refused.
async fn retry_dead(client: &Client, output: &Output, webhooks: Vec<String>) -> Result<(), Failure> {
    let webhooks = match webhooks.is_empty() {
        true => with_dead_letters(client).await?,
        false => webhooks,
    };
    let mut retried = Vec::new();
    let mut ended = Ok(());
    for webhook in webhooks {
        let which = ResendRequest { number: None, webhook: Some(webhook.clone()) };
        match client.resend_deliveries(&which).await.map(Answer::into_value) {
            Ok(answer) => retried.push(RetriedWebhook { webhook, resent: answer.resent }),
            Err(refused) => {
                ended = Err(refused.into());
                break;
            }
        }
    }
    let line = |it: &RetriedWebhook| format!("webhooks/{}: {} sent again\n", it.webhook, it.resent);
    if !retried.is_empty() || ended.is_ok() {
        output.data(&retried, || retried.iter().map(line).collect())?;
    }
    if retried.is_empty() && ended.is_ok() {
        eprint_status("no dead letters");
    }
    ended
}

/// The webhooks that have dead letters. The server keeps 10,000 of them at most.
async fn with_dead_letters(client: &Client) -> Result<Vec<String>, Failure> {
    let dead = DeliveryFilter { state: StateWord::Dead.word().to_owned(), ..DeliveryFilter::default() };
    let found = client.deliveries(&dead, usize::MAX).await?;
    let names: BTreeSet<_> = found.iter().map(|delivery| delivery.webhook.clone()).collect();
    Ok(names.into_iter().collect())
}
