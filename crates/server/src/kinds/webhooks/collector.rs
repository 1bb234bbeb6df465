//! Makes deliveries of what happened.
//!
//! The log and the audit are read from where any replica read them last; the cursor moves with the deliveries, so each
//! event is added once, whichever replica reads it and whenever one crashes. What happens on this replica alone is added
//! by it.
//!
//! A revision may be quarantined on the replica that moves the cursor past it, and served by another, or later. So each
//! replica also adds what it serves of the revisions before the cursor: an event that was added before is not added again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{DocumentId, DocumentName, KindName, RevisionNumber};
use midflight_engine::Engine;
use midflight_live::Live;
use midflight_store::{
    AuditQuery, CursorMove, DeliveryRetention, ListedRevision, NewDelivery, RevisionQuery, StoreError,
};
use midflight_webhooks::{WEBHOOKS, WEBHOOKS_MAX, WebhookEvent, WebhookEventType, WebhookSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::events::{self, DOCUMENTS_MAX};
use super::metrics::WebhooksMetrics;
use super::observer::ReplicaObserver;
use super::over_bound::{OverBound, WAITING_OF_ONE_MAX};

/// How often it is looked. Reloads wake it too.
const LOOK: Duration = Duration::from_millis(500);
/// How many deliveries of all webhooks may wait. Beyond it the log and the audit are not read further until some were
/// made. Twice what all webhooks may have by their own bounds, so that no receiver makes those of others wait: only
/// dead letters that are sent again, and webhooks that were deleted, come to it.
const WAITING_MAX: u64 = 2 * WEBHOOKS_MAX as u64 * WAITING_OF_ONE_MAX;
/// How many revisions or entries are read at once.
const PAGE: u32 = 100;
/// How old the newest entry of the audit has to be known on a shared log: entries that are being added at the same time
/// by several replicas do not become visible in the order of their numbers.
const SETTLED: Duration = Duration::from_secs(5);
/// How often old deliveries are deleted.
const FORGET_EVERY: Duration = Duration::from_secs(600);
/// How old a revision may be that is added though the cursor is past it. Less than deliveries are kept, so that one that
/// was delivered is known.
const PASSED_AGE_MAX: Duration = Duration::from_secs(6 * 86_400);
/// What is kept of those that ended: a delivered event for a week, so that it is known if it is added again.
const KEPT: DeliveryRetention = DeliveryRetention {
    delivered: Duration::from_secs(7 * 86_400),
    dead: Duration::from_secs(30 * 86_400),
    dead_max: 10_000,
};

const LOG: &str = "log";
const AUDIT: &str = "audit";

/// Reads what happened.
pub(super) struct Collector {
    engine: Engine,
    webhooks: Live<WebhookSet>,
    observer: ReplicaObserver,
    metrics: WebhooksMetrics,
    is_shared: bool,
    /// The webhooks of which too many deliveries wait.
    over: OverBound,
    /// The newest entry of the audit, and when it was.
    audit_seen: Option<(Instant, u64)>,
    forgot_at: Option<Instant>,
    /// How far this replica made sure that what it serves was added; none before it did.
    own: Option<OwnProgress>,
}

/// How far one replica made sure that the revisions which it serves were added.
#[derive(Debug, Default)]
struct OwnProgress {
    upto: u64,
    /// The revisions up to there that are quarantined here.
    left_out: BTreeSet<RevisionNumber>,
}

/// Since when each active webhook is there.
struct Since(Vec<(DocumentName, Timestamp, RevisionNumber)>);

impl Since {
    fn of(&self, name: &DocumentName) -> Timestamp {
        self.0.iter().find(|(known, ..)| known == name).map_or(Timestamp::MAX, |(_, since, _)| *since)
    }

    fn first(&self) -> Timestamp {
        self.0.iter().map(|(_, since, _)| *since).min().unwrap_or(Timestamp::MAX)
    }

    /// The revision before the first that one of them may want.
    fn before_first(&self) -> u64 {
        self.0.iter().map(|(.., revision)| revision.get().saturating_sub(1)).min().unwrap_or(u64::MAX)
    }
}

impl Collector {
    pub(super) fn new(
        engine: Engine,
        webhooks: Live<WebhookSet>,
        observer: ReplicaObserver,
        metrics: WebhooksMetrics,
        is_shared: bool,
        over: OverBound,
    ) -> Self {
        let (audit_seen, forgot_at, own) = (None, None, None);
        Self { engine, webhooks, observer, metrics, is_shared, over, audit_seen, forgot_at, own }
    }

    /// Collects until the server stops.
    pub(super) async fn run(mut self, stopping: CancellationToken) {
        let mut failed = false;
        loop {
            let collected = tokio::select! {
                collected = self.collect() => collected,
                () = stopping.cancelled() => return,
            };
            match collected {
                Ok(()) => failed = false,
                Err(error) if !failed => {
                    failed = true;
                    tracing::warn!(%error, "cannot store events for webhooks; trying again");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.observer.reload(), if !failed => {}
                () = stopping.cancelled() => return,
            }
        }
    }

    async fn collect(&mut self) -> Result<(), StoreError> {
        let webhooks = self.webhooks.snapshot();
        if webhooks.active().next().is_none() {
            self.over.set(&BTreeMap::new());
            return Ok(());
        }
        self.observer.look(&self.engine);
        let store = self.engine.store();
        let counts = store.delivery_counts().await?;
        self.metrics.set(counts);
        if self.forgot_at.is_none_or(|at| at.elapsed() > FORGET_EVERY) {
            store.forget_deliveries(KEPT).await?;
            self.forgot_at = Some(Instant::now());
        }
        // The counts of each webhook are read only when one may be over its bound.
        let waiting = match counts.waiting < WAITING_OF_ONE_MAX {
            true => BTreeMap::new(),
            false => store.deliveries_waiting().await?,
        };
        self.over.set(&waiting);
        if counts.waiting >= WAITING_MAX {
            // Deliveries of webhooks that were deleted end when they are due, which may be in hours. They must not stop
            // the others until then.
            for webhook in waiting.keys().filter(|webhook| webhooks.get(webhook).is_none()) {
                store.end_deliveries(webhook, "the webhook was deleted").await?;
            }
            return Ok(());
        }
        let own = self.observer.waiting();
        if !own.is_empty() {
            let deliveries: Vec<_> =
                own.iter().flat_map(|event| deliveries(event, &webhooks, &self.over, |_| true)).collect();
            store.add_deliveries(&deliveries, None).await?;
            self.observer.stored(&own);
        }
        let wants = |event| webhooks.active().any(|(_, webhook)| webhook.wants_type(event));
        if wants(WebhookEventType::RevisionLive) {
            self.collect_log(&webhooks).await?;
            self.collect_passed(&webhooks).await?;
        }
        if wants(WebhookEventType::Audit) {
            self.collect_audit(&webhooks).await?;
        }
        Ok(())
    }

    /// Adds the revisions that are served here and that no replica added yet.
    async fn collect_log(&self, webhooks: &WebhookSet) -> Result<(), StoreError> {
        let store = self.engine.store();
        loop {
            let status = self.engine.status();
            let (Some(position), None) = (status.position, &status.diverged) else { return Ok(()) };
            let served = status.served.get();
            let from = store.delivery_cursor(LOG).await?;
            if from.is_some_and(|from| from > served) {
                // Another replica is ahead, or the log went back and was adopted.
                let head = store.head().await?.number.get();
                if from.is_some_and(|from| from > head) {
                    let back = CursorMove { source: LOG, from, to: head };
                    store.add_deliveries(&[], Some(back)).await?;
                }
                return Ok(());
            }
            if from == Some(served) {
                return Ok(());
            }
            let since = self.since(webhooks, status.served).await?;
            let start = from.unwrap_or_else(|| since.before_first()).min(served);
            let to = served.min(start + u64::from(PAGE));
            let listed = self.revisions(start, to).await?;
            let listed = listed.iter().filter(|it| !status.quarantined.contains_key(&it.revision.number));
            let events = listed.map(|listed| events::revision_live(position.log, listed));
            let cursor = CursorMove { source: LOG, from, to };
            self.add(webhooks, &since, events.collect(), Some(cursor)).await?;
            if to == served {
                return Ok(());
            }
        }
    }

    /// Adds the revisions before the cursor that are served here, and were quarantined where the cursor was moved, or here
    /// until now.
    async fn collect_passed(&mut self, webhooks: &WebhookSet) -> Result<(), StoreError> {
        let status = self.engine.status();
        let (Some(position), None) = (status.position, &status.diverged) else { return Ok(()) };
        let Some(cursor) = self.engine.store().delivery_cursor(LOG).await? else { return Ok(()) };
        let end = cursor.min(status.served.get());
        let mut own = self.own.take().filter(|own| own.upto <= end).unwrap_or_else(|| OwnProgress {
            upto: end.saturating_sub(u64::from(PAGE)),
            left_out: BTreeSet::new(),
        });
        let is_left_out = |number: &RevisionNumber| status.quarantined.contains_key(number);
        let mut passed = Vec::new();
        for ended in own.left_out.iter().filter(|number| !is_left_out(number)) {
            passed.extend(self.revisions(ended.get() - 1, ended.get()).await?);
        }
        while own.upto < end {
            let to = end.min(own.upto + u64::from(PAGE));
            passed.extend(self.revisions(own.upto, to).await?);
            own.upto = to;
        }
        let oldest = Timestamp::now().saturating_sub(PASSED_AGE_MAX).unwrap_or(Timestamp::MIN);
        let live = passed.iter().filter(|it| !is_left_out(&it.revision.number));
        let live = live.filter(|it| it.revision.created_at > oldest);
        let events: Vec<_> = live.map(|listed| events::revision_live(position.log, listed)).collect();
        if !events.is_empty() {
            let since = self.since(webhooks, status.served).await?;
            self.add(webhooks, &since, events, None).await?;
        }
        own.left_out = status.quarantined.keys().copied().filter(|number| number.get() <= own.upto).collect();
        self.own = Some(own);
        Ok(())
    }

    /// The revisions after `after` up to `to`, at most [`PAGE`], oldest first.
    async fn revisions(&self, after: u64, to: u64) -> Result<Vec<ListedRevision>, StoreError> {
        let query = RevisionQuery {
            before: Some(RevisionNumber::new(to + 1)),
            limit: PAGE,
            changes_max: u32::try_from(DOCUMENTS_MAX).ok(),
            ..RevisionQuery::default()
        };
        let mut listed = self.engine.store().revisions(query).await?.items;
        listed.retain(|listed| listed.revision.number.get() > after);
        listed.reverse();
        Ok(listed)
    }

    /// Adds the entries of the audit that no replica added yet.
    async fn collect_audit(&mut self, webhooks: &WebhookSet) -> Result<(), StoreError> {
        let store = self.engine.store();
        let newest = store.audit(AuditQuery { limit: 1, ..AuditQuery::default() }).await?;
        let newest = newest.items.first().map_or(0, |record| record.number);
        let until = match (self.is_shared, self.audit_seen) {
            (false, _) => newest,
            (true, Some((at, seen))) if at.elapsed() >= SETTLED => {
                self.audit_seen = Some((Instant::now(), newest));
                seen
            }
            (true, Some(_)) => return Ok(()),
            (true, None) => {
                self.audit_seen = Some((Instant::now(), newest));
                return Ok(());
            }
        };
        let status = self.engine.status();
        let Some(position) = status.position else { return Ok(()) };
        loop {
            let from = store.delivery_cursor(AUDIT).await?;
            if from.is_some_and(|from| from >= until) {
                return Ok(());
            }
            let since = self.since(webhooks, status.served).await?;
            let start = match from {
                Some(from) => from,
                None => self.audit_before(since.first()).await?,
            };
            let to = until.min(start + u64::from(PAGE));
            let query = AuditQuery { before: Some(to + 1), limit: PAGE, ..AuditQuery::default() };
            let records = store.audit(query).await?.items;
            let records = records.iter().rev().filter(|record| record.number > start);
            let events = records.map(|record| events::audit(position.log, record)).collect();
            self.add(webhooks, &since, events, Some(CursorMove { source: AUDIT, from, to })).await?;
            if to >= until {
                return Ok(());
            }
        }
    }

    /// The number before the first entry since a time, of the newest [`PAGE`] ones.
    async fn audit_before(&self, since: Timestamp) -> Result<u64, StoreError> {
        let query = AuditQuery { since: Some(since), limit: PAGE, ..AuditQuery::default() };
        let page = self.engine.store().audit(query).await?;
        Ok(page.items.last().map_or(0, |record| record.number.saturating_sub(1)))
    }

    async fn add(
        &self,
        webhooks: &WebhookSet,
        since: &Since,
        events: Vec<WebhookEvent>,
        cursor: Option<CursorMove<'_>>,
    ) -> Result<(), StoreError> {
        let all = events.iter().flat_map(|event| {
            // What happened before a webhook was made is not for it.
            deliveries(event, webhooks, &self.over, |name| since.of(name) <= event.at)
        });
        // When the cursor is another one, another replica added them.
        self.engine.store().add_deliveries(&all.collect::<Vec<_>>(), cursor).await.map(drop)
    }

    async fn since(&self, webhooks: &WebhookSet, at: RevisionNumber) -> Result<Since, StoreError> {
        let Ok(kind) = KindName::new(WEBHOOKS) else { return Ok(Since(Vec::new())) };
        let ids: Vec<_> = webhooks
            .active()
            .map(|(name, _)| DocumentId { kind: kind.clone(), name: name.clone() })
            .collect();
        let found = self.engine.store().authorship(&ids, at).await?;
        let since = ids.into_iter().zip(found);
        Ok(Since(since.filter_map(|(id, it)| it.map(|it| (id.name, it.created_at, it.revision))).collect()))
    }
}

/// The deliveries of an event to the webhooks that want it.
fn deliveries<'a>(
    event: &'a WebhookEvent,
    webhooks: &'a WebhookSet,
    over: &'a OverBound,
    is_for: impl Fn(&DocumentName) -> bool + 'a,
) -> impl Iterator<Item = NewDelivery> + 'a {
    let wanting = webhooks.wanting(event).into_iter().filter(move |(name, _)| is_for(name));
    wanting.map(|(name, webhook)| NewDelivery {
        id: event.id.clone(),
        webhook: name.clone(),
        event: event.event.as_str().to_owned(),
        payload: webhook.payload(event),
        dead: over.refusal(name),
    })
}
