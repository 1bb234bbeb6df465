//! A look at a followed table: read, compare, make one edit of the difference, take the counts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use midflight_core::{DocumentId, DocumentName};
use midflight_engine::{Engine, Kind as _};
use midflight_learning::{Classifier, ForeignCount};
use midflight_patterns::import::{self, BadItem, UseCount};
use midflight_patterns::{LEARNING_FOLDER, Patterns};
use midflight_source::{Agreed, HeldLoss, OwnedDocuments, OwnedExtent};
use tokio::sync::watch;

use super::rows::TableConnection;
use super::status::{PROBLEMS_MAX, RowProblem, TableStatus};
use super::{TableLook, TableOptions};

/// Looks at a table again and again, over one connection as long as it holds.
pub(super) struct TableLooker {
    options: TableOptions,
    engine: Engine,
    classifier: Classifier,
    documents: OwnedDocuments,
    status: watch::Sender<TableStatus>,
    connection: Option<TableConnection>,
}

/// What the rows of a table say.
struct RowsRead {
    rows: usize,
    documents: Vec<(DocumentId, serde_json::Value)>,
    counts: Vec<UseCount>,
    bad: Vec<BadItem>,
}

impl TableLooker {
    pub(super) fn new(
        options: TableOptions,
        engine: Engine,
        classifier: Classifier,
        documents: OwnedDocuments,
        status: watch::Sender<TableStatus>,
    ) -> Self {
        Self { options, engine, classifier, documents, status, connection: None }
    }

    pub(super) async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }

    /// A look by itself: only where no other replica of the log follows the table. Whether it could be followed.
    pub(super) async fn follow(&mut self) -> Result<(), ()> {
        let done = match self.leads().await {
            Ok(true) => self.look(None, true).await.map(drop),
            Ok(false) => {
                self.status.send_modify(|status| {
                    let table = std::mem::take(&mut status.table);
                    *status = TableStatus { table, stands_by: true, ..TableStatus::default() };
                });
                Ok(())
            }
            Err(why) => Err(why),
        };
        done.map_err(|why| self.failed(why))
    }

    /// A look that a request asks for, independent of who follows.
    pub(super) async fn asked(&mut self, only: Option<&DocumentId>) -> Result<TableLook, String> {
        let leads = self.leads().await;
        let looked = match leads {
            Ok(leads) => self.look(only, leads).await,
            Err(why) => Err(why),
        };
        looked.inspect_err(|why| self.failed(why.clone()))
    }

    async fn leads(&mut self) -> Result<bool, String> {
        let log = self.engine.store().head().await.map_err(|error| format!("log unavailable: {error}"))?;
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let connected = self.options.table.connect().await.map_err(|error| error.to_string())?;
                self.connection.insert(connected)
            }
        };
        connection.leads(&log.log.to_string()).await.map_err(|error| error.to_string())
    }

    async fn look(&mut self, only: Option<&DocumentId>, leads: bool) -> Result<TableLook, String> {
        let Some(connection) = &mut self.connection else { return Err("there is no connection".to_owned()) };
        let text = connection.rows().await.map_err(|error| error.to_string())?;
        let order = self.order().await?;
        let profile = self.options.profile.clone();
        // Of many rows that takes long.
        let read = tokio::task::spawn_blocking(move || read(&text, &profile, order)).await;
        let read = read.map_err(|error| error.to_string())??;
        let unreadable = read.bad.iter().filter_map(|bad| id(bad.document.clone()?)).collect::<BTreeSet<_>>();
        let extent = OwnedExtent { only, unreadable: &unreadable, loss: self.options.loss };
        let table = self.options.table.name();
        let reason = |put: usize, deleted: usize| match (put, deleted) {
            (put, 0) => format!("{put} rows put, from {table}"),
            (0, deleted) => format!("{deleted} rows deleted, from {table}"),
            (put, deleted) => format!("{put} rows put, {deleted} deleted, from {table}"),
        };
        let agreed = self.documents.agree(read.documents, extent, reason).await?;
        let seen = TableLook { put: agreed.put, deleted: agreed.deleted };
        let taken = if leads { self.take(&read.counts).await? } else { 0 };
        self.show(agreed, &read.bad, read.rows, taken, !leads);
        Ok(seen)
    }

    /// The place of what is learned among the patterns of the profile, which the rows are.
    async fn order(&self) -> Result<Option<i64>, String> {
        let name = DocumentName::new(&format!("{LEARNING_FOLDER}/{}", self.options.profile));
        let policy = name.map_err(|error| error.to_string())?;
        let policy = id(policy).into_iter().collect::<Vec<_>>();
        let heads = self.engine.store().heads(&policy).await;
        let (_, heads) = heads.map_err(|error| format!("log unavailable: {error}"))?;
        let body = heads.into_iter().flatten().find_map(|head| head.body);
        Ok(body.and_then(|body| body.get("order")?.as_i64()))
    }

    async fn take(&self, counts: &[UseCount]) -> Result<usize, String> {
        let counts: Vec<_> = counts.iter().map(foreign).collect();
        let taken = self.classifier.take_counts(&counts).await;
        taken.map_err(|error| format!("the counts of the rows cannot be taken: {error}"))
    }

    fn show(&self, agreed: Agreed, bad: &[BadItem], rows: usize, taken: usize, stands_by: bool) {
        let of_row = |bad: &BadItem| RowProblem {
            row: bad.document.as_ref().map_or_else(|| bad.place.clone(), ToString::to_string),
            message: bad.why.clone(),
        };
        let mut problems: Vec<_> = bad.iter().map(of_row).collect();
        problems.extend(agreed.invalid.iter().map(|problem| RowProblem {
            row: problem.document.as_ref().map_or_else(String::new, |id| id.name.to_string()),
            message: match problem.path.as_str() {
                "" => problem.message.clone(),
                path => format!("{path}: {}", problem.message),
            },
        }));
        let left_alone = agreed.left_alone.into_iter();
        problems.extend(left_alone.map(|it| RowProblem { row: it.id.name.to_string(), message: it.why }));
        let problem_count = problems.len();
        problems.truncate(PROBLEMS_MAX);
        let table = self.options.table.name();
        if let Some(revision) = agreed.revision {
            tracing::info!(table, %revision, "the log follows the table");
        }
        self.status.send_modify(|status| {
            for RowProblem { row, message } in problems.iter().filter(|it| !status.problems.contains(it)) {
                tracing::warn!(table, row, message, "row not followed");
            }
            if status.error.is_some() {
                tracing::info!(table, "table followed again");
            }
            status.stands_by = stands_by;
            status.rows = rows;
            status.problems = problems;
            status.problem_count = problem_count;
            status.error = None;
            if let Some(held) = agreed.held.filter(|held| status.held != Some(*held)) {
                let HeldLoss { deleted, owned, .. } = held;
                tracing::warn!(table, deleted, owned, "too many rows are missing; their patterns are kept");
            }
            status.held = agreed.held;
            status.synced_at = Some(Timestamp::now());
            if agreed.revision.is_some() {
                status.revision = agreed.revision;
                status.revisions += 1;
            }
            status.counts_taken += taken as u64;
        });
    }

    /// The next look is over a new connection.
    fn failed(&mut self, why: String) {
        self.connection = None;
        let table = self.options.table.name();
        self.status.send_modify(|status| {
            // Said once: a database that stays away for a day fills no log.
            if status.error.as_ref() != Some(&why) {
                tracing::warn!(table, error = why, "table not followed; keeping the patterns of the log");
            }
            status.error = Some(why);
        });
    }
}

fn read(text: &str, profile: &str, order: Option<i64>) -> Result<RowsRead, String> {
    let imported = import::rows(text, profile, order).map_err(|error| error.to_string())?;
    let rows = imported.documents.len() + imported.bad.len();
    let documents = imported.documents.into_iter();
    let documents = documents.filter_map(|(name, body)| Some((id(name)?, body))).collect();
    Ok(RowsRead { rows, documents, counts: imported.counts, bad: imported.bad })
}

fn id(name: DocumentName) -> Option<DocumentId> {
    Some(DocumentId { kind: Patterns.name(), name })
}

/// The counts of a row. A time without a zone is one of UTC.
pub(in super::super) fn foreign(count: &UseCount) -> ForeignCount {
    let UseCount { name, times_used, times_correct, last_used_at } = count;
    let last_used_at = last_used_at.as_deref().and_then(time);
    ForeignCount { name: name.clone(), used: *times_used, right: *times_correct, last_used_at }
}

fn time(text: &str) -> Option<Timestamp> {
    let zoned = text.parse::<Timestamp>().ok();
    zoned.or_else(|| Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_rows_are_read_with_and_without_a_zone() {
        let second = Timestamp::from_second(1_760_169_600).ok();
        assert_eq!(time("2025-10-11T08:00:00"), second);
        assert_eq!(time("2025-10-11T10:00:00+02:00"), second);
        assert_eq!(time("2025-10-11T08:00:00.000000+00:00"), second);
        assert_eq!(time("yesterday"), None);
    }
}
