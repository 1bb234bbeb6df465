//! Deliveries: events on their way to webhooks.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use midflight_core::DocumentName;

use crate::{
    AttemptEnd, CursorMove, Delivery, DeliveryCounts, DeliveryQuery, DeliveryRetention, NewDelivery, Page,
    ResendQuery, StoreError,
};

/// Events that are sent to webhooks. All replicas of a log share them: any may add one, and one claims it and sends it.
///
/// None of this need survive a crash of the machine.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Up to where a source of events was read; none when it was not.
    async fn delivery_cursor(&self, source: &str) -> Result<Option<u64>, StoreError>;

    /// Adds deliveries and moves a cursor, both or none. Answers whether it was done: it is not when the cursor is another
    /// one meanwhile, because another replica read the same. A delivery of the same event to the same webhook is not
    /// added again.
    async fn add_deliveries(
        &self,
        deliveries: &[NewDelivery],
        cursor: Option<CursorMove<'_>>,
    ) -> Result<bool, StoreError>;

    /// Takes deliveries that are due, oldest first, and counts the attempt. No other caller gets them until the lease is
    /// over or [`Self::end_attempt`] says when they are due again.
    async fn claim_deliveries(&self, limit: u32, lease: Duration) -> Result<Vec<Delivery>, StoreError>;

    /// Keeps what came of an attempt. Answers whether it counted: it does not when the lease was over and another caller
    /// claimed the delivery.
    async fn end_attempt(&self, number: u64, attempt: u32, end: &AttemptEnd) -> Result<bool, StoreError>;

    /// Makes dead letters of all those of a webhook that wait, also of claimed ones. Answers how many.
    async fn end_deliveries(&self, webhook: &DocumentName, error: &str) -> Result<u64, StoreError>;

    /// Deliveries, newest first; the cursor is the number of the last one.
    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery, u64>, StoreError>;

    /// Makes deliveries due that had ended, with all their attempts. Answers how many.
    async fn resend_deliveries(&self, which: &ResendQuery) -> Result<u64, StoreError>;

    /// How many there are.
    async fn delivery_counts(&self) -> Result<DeliveryCounts, StoreError>;

    /// How many wait of each webhook that some wait of. Cost: a look at each one that waits.
    async fn deliveries_waiting(&self) -> Result<BTreeMap<DocumentName, u64>, StoreError>;

    /// Deletes those that ended, but for what is to be kept. Answers how many.
    async fn forget_deliveries(&self, keep: DeliveryRetention) -> Result<u64, StoreError>;
}
