//! Deliveries in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use midflight_core::DocumentName;

use super::MemoryStore;
use crate::{
    AttemptEnd, CursorMove, Delivery, DeliveryCounts, DeliveryQuery, DeliveryRetention, DeliveryState,
    DeliveryStore, NewDelivery, Page, ResendQuery, StoreError,
};

/// The deliveries of a log.
#[derive(Debug, Clone, Default)]
pub(super) struct Deliveries {
    kept: BTreeMap<u64, Delivery>,
    newest: u64,
    cursors: BTreeMap<String, u64>,
}

fn later(duration: Duration) -> Timestamp {
    Timestamp::now().saturating_add(duration).unwrap_or(Timestamp::MAX)
}

fn is_older(delivery: &Delivery, than: Duration) -> bool {
    let oldest = Timestamp::now().saturating_sub(than).unwrap_or(Timestamp::MIN);
    delivery.ended_at.is_some_and(|ended_at| ended_at < oldest)
}

#[async_trait]
impl DeliveryStore for MemoryStore {
    async fn delivery_cursor(&self, source: &str) -> Result<Option<u64>, StoreError> {
        Ok(self.log().deliveries.cursors.get(source).copied())
    }

    async fn add_deliveries(
        &self,
        deliveries: &[NewDelivery],
        cursor: Option<CursorMove<'_>>,
    ) -> Result<bool, StoreError> {
        let it = &mut self.log().deliveries;
        if let Some(CursorMove { source, from, to }) = cursor {
            let kept = it.cursors.get(source).copied();
            if kept.is_some() && kept != from {
                return Ok(false);
            }
            it.cursors.insert(source.to_owned(), to);
        }
        for new in deliveries {
            let is_same = |kept: &Delivery| (&kept.new.webhook, &kept.new.id) == (&new.webhook, &new.id);
            if it.kept.values().any(is_same) {
                continue;
            }
            it.newest += 1;
            let now = Timestamp::now();
            let delivery = Delivery {
                number: it.newest,
                new: NewDelivery { dead: None, ..new.clone() },
                state: if new.dead.is_some() { DeliveryState::Dead } else { DeliveryState::Waiting },
                attempts: 0,
                created_at: now,
                due_at: now,
                ended_at: new.dead.as_ref().map(|_| now),
                error: new.dead.clone(),
            };
            it.kept.insert(delivery.number, delivery);
        }
        Ok(true)
    }

    async fn claim_deliveries(&self, limit: u32, lease: Duration) -> Result<Vec<Delivery>, StoreError> {
        let it = &mut self.log().deliveries;
        let now = Timestamp::now();
        let mut due: Vec<_> =
            it.kept.values().filter(|it| it.state == DeliveryState::Waiting && it.due_at <= now).collect();
        due.sort_by_key(|delivery| (delivery.due_at, delivery.number));
        let mut numbers: Vec<_> =
            due.into_iter().take(limit as usize).map(|delivery| delivery.number).collect();
        numbers.sort_unstable();
        let mut claimed = Vec::with_capacity(numbers.len());
        for number in numbers {
            if let Some(delivery) = it.kept.get_mut(&number) {
                delivery.due_at = later(lease);
                delivery.attempts += 1;
                claimed.push(delivery.clone());
            }
        }
        Ok(claimed)
    }

    async fn end_attempt(&self, number: u64, attempt: u32, end: &AttemptEnd) -> Result<bool, StoreError> {
        let it = &mut self.log().deliveries;
        let is_mine = |it: &&mut Delivery| it.attempts == attempt && it.state == DeliveryState::Waiting;
        let Some(delivery) = it.kept.get_mut(&number).filter(is_mine) else { return Ok(false) };
        delivery.state = end.state();
        delivery.due_at = later(end.after());
        delivery.ended_at = (end.state() != DeliveryState::Waiting).then(Timestamp::now);
        delivery.error = end.error().map(str::to_owned);
        Ok(true)
    }

    async fn end_deliveries(&self, webhook: &DocumentName, error: &str) -> Result<u64, StoreError> {
        let it = &mut self.log().deliveries;
        let of_webhook =
            |it: &&mut Delivery| it.new.webhook == *webhook && it.state == DeliveryState::Waiting;
        let mut ended = 0;
        for delivery in it.kept.values_mut().filter(of_webhook) {
            delivery.state = DeliveryState::Dead;
            (delivery.ended_at, delivery.error) = (Some(Timestamp::now()), Some(error.to_owned()));
            ended += 1;
        }
        Ok(ended)
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery, u64>, StoreError> {
        let log = self.log();
        let wanted = log.deliveries.kept.values().rev().filter(|it| {
            query.webhook.as_ref().is_none_or(|webhook| *webhook == it.new.webhook)
                && query.state.is_none_or(|state| state == it.state)
                && query.before.is_none_or(|before| it.number < before)
        });
        let items = wanted.take(query.limit as usize + 1).cloned().collect();
        Ok(Page::cut(items, query.limit, |delivery: &Delivery| delivery.number))
    }

    async fn resend_deliveries(&self, which: &ResendQuery) -> Result<u64, StoreError> {
        let it = &mut self.log().deliveries;
        let mut resent = 0;
        for delivery in it.kept.values_mut() {
            let is_meant = match which {
                ResendQuery::One(number) => {
                    delivery.number == *number && delivery.state != DeliveryState::Waiting
                }
                ResendQuery::DeadOf(webhook) => {
                    delivery.new.webhook == *webhook && delivery.state == DeliveryState::Dead
                }
            };
            if is_meant {
                delivery.state = DeliveryState::Waiting;
                delivery.attempts = 0;
                delivery.due_at = Timestamp::now();
                (delivery.ended_at, delivery.error) = (None, None);
                resent += 1;
            }
        }
        Ok(resent)
    }

    async fn delivery_counts(&self) -> Result<DeliveryCounts, StoreError> {
        let log = self.log();
        let count =
            |state| log.deliveries.kept.values().filter(|delivery| delivery.state == state).count() as u64;
        Ok(DeliveryCounts { waiting: count(DeliveryState::Waiting), dead: count(DeliveryState::Dead) })
    }

    async fn deliveries_waiting(&self) -> Result<BTreeMap<DocumentName, u64>, StoreError> {
        let log = self.log();
        let mut waiting = BTreeMap::new();
        for delivery in log.deliveries.kept.values().filter(|it| it.state == DeliveryState::Waiting) {
            *waiting.entry(delivery.new.webhook.clone()).or_default() += 1;
        }
        Ok(waiting)
    }

    async fn forget_deliveries(&self, keep: DeliveryRetention) -> Result<u64, StoreError> {
        let it = &mut self.log().deliveries;
        let dead = it.kept.values().rev().filter(|delivery| delivery.state == DeliveryState::Dead);
        let first =
            dead.take(usize::try_from(keep.dead_max).unwrap_or(usize::MAX)).last().map(|dead| dead.number);
        let before = it.kept.len();
        it.kept.retain(|number, delivery| match delivery.state {
            DeliveryState::Waiting => true,
            DeliveryState::Delivered => !is_older(delivery, keep.delivered),
            DeliveryState::Dead => {
                !is_older(delivery, keep.dead) && first.is_some_and(|first| *number >= first)
            }
        });
        Ok((before - it.kept.len()) as u64)
    }
}
