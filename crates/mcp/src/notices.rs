//! Notifies listeners that the list of tools changed, when this replica serves the change.

use std::sync::Arc;
use std::time::Duration;

use midflight_core::Digest;
use rmcp::RoleServer;
use rmcp::model::{MetaObject, NotificationMetaObject, ServerNotification, ToolListChangedNotification};
use rmcp::service::{Peer, SubscriptionContext};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::McpCaller;
use crate::meter::McpCounts;
use crate::shared::{McpShared, revision_meta};
use crate::views::CatalogueView;

/// How often expired entries are released, and a listener without notices checks whether its client is still connected.
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// Follows the served catalogue until `stop`: remembers what changed, and publishes a notice at once; after that, one for
/// all changes of a burst, when its time has passed.
pub(crate) async fn follow(shared: Arc<McpShared>, stop: CancellationToken) {
    let mut changes = shared.views.changes();
    let mut before = shared.notices.borrow().clone();
    let mut due = None;
    let mut housekeeping = interval(HOUSEKEEPING);
    housekeeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let coalesce = Duration::from_millis(shared.options.coalesce_ms);
    let mut earliest = Instant::now();
    loop {
        // A change between the making of the server and now is one too.
        let served = shared.views.served();
        if !served.is_same(&before) {
            shared.history.record(&before, &served);
            if served.digest() != before.digest() {
                due.get_or_insert(earliest);
            }
            before = served;
        }
        tokio::select! {
            () = stop.cancelled() => break,
            _ = changes.changed() => {}
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                due = None;
                earliest = Instant::now() + coalesce;
                let served = shared.views.served();
                tracing::debug!(revision = served.revision().get(), "tool list changed; notifying listeners");
                shared.notices.send_replace(served.detached());
            }
            _ = housekeeping.tick() => shared.views.release_expired(),
        }
    }
}

/// What a listener knows of its list, and how it receives the next.
pub(crate) struct ChangeListener {
    caller: McpCaller,
    counts: Arc<McpCounts>,
    notices: watch::Receiver<CatalogueView>,
    known: Digest,
}

impl ChangeListener {
    /// Begins from the last notice, so that a change that is served and not yet announced will be.
    pub(crate) fn new(shared: &McpShared, caller: McpCaller) -> Self {
        let mut notices = shared.notices.subscribe();
        let known = notices.borrow_and_update().list_digest(&caller);
        Self { caller, counts: Arc::clone(&shared.counts), notices, known }
    }

    /// Waits until the list of the caller is another one, and gives the notice of it. Never for a caller who is pinned
    /// to a revision. Notices that come faster than they are sent become one.
    async fn changed(&mut self) -> ServerNotification {
        loop {
            if self.caller.at.is_some() || self.notices.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            let view = self.notices.borrow_and_update().clone();
            let list = view.list_digest(&self.caller);
            if list != self.known {
                self.known = list;
                return notification(&view);
            }
        }
    }

    /// Serves a `subscriptions/listen` until the client or the server ends it.
    pub(crate) async fn serve_subscription(mut self, context: SubscriptionContext, stop: &CancellationToken) {
        let is_wanted = context.accepted().tools_list_changed == Some(true);
        loop {
            let notice = tokio::select! {
                () = context.cancelled() => return,
                () = stop.cancelled() => return,
                notice = self.changed(), if is_wanted => notice,
            };
            if context.sink().send(notice).await.is_err() {
                return;
            }
            self.counts.notice();
        }
    }

    /// Serves a session of the old era until it ends. A session that was restored may have missed a notice while it was
    /// not here, so it gets one at once.
    pub(crate) async fn serve_session(
        mut self,
        peer: Peer<RoleServer>,
        is_restored: bool,
        stop: CancellationToken,
    ) {
        if is_restored && self.caller.at.is_none() {
            let notice = notification(&self.notices.borrow_and_update().clone());
            if peer.send_notification(notice).await.is_err() {
                return;
            }
            self.counts.notice();
        }
        let mut look = interval(HOUSEKEEPING);
        loop {
            let notice = tokio::select! {
                () = stop.cancelled() => return,
                notice = self.changed() => notice,
                _ = look.tick() => {
                    if peer.is_transport_closed() { return } else { continue }
                }
            };
            if peer.send_notification(notice).await.is_err() {
                return;
            }
            self.counts.notice();
        }
    }
}

fn notification(view: &CatalogueView) -> ServerNotification {
    let mut changed = ToolListChangedNotification::default();
    changed.extensions.insert(NotificationMetaObject(MetaObject(revision_meta(view, None))));
    ServerNotification::ToolListChangedNotification(changed)
}
