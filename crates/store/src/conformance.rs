//! What every store must do, by the purposes of its parts. Each case takes an empty store of its own;
//! [`crate::conformance_tests`] makes a test of each.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a case is a test: it panics where it fails"
)]

mod audit;
mod blobs;
mod chain;
mod deliveries;
mod events;
mod fleet;
mod keys;
mod log;
mod pages;
mod route;
mod tallies;
mod tokens;

use std::sync::Arc;

use jiff::Timestamp;
use midflight_core::{Change, Document, DocumentId, Edit, RevisionNumber, Trigger};
use serde_json::Value;

use crate::{AppendError, Appended, DocumentQuery, NewRevision, Store};

pub use audit::*;
pub use blobs::*;
pub use chain::*;
pub use deliveries::*;
pub use events::*;
pub use fleet::*;
pub use keys::*;
pub use log::*;
pub use pages::*;
pub use route::StoreRoute;
pub use tallies::*;
pub use tokens::*;

type SharedStore = Arc<dyn Store>;

/// Makes a test of every case of a part, named by its trait, or of all parts. Each test has the empty store that an
/// async expression answers, as an [`Arc`] and with what must live as long as the store.
///
/// ```text
/// midflight_store::conformance_tests!(make());
/// midflight_store::conformance_tests!(TokenStore, make_tokens());
/// ```
#[macro_export]
macro_rules! conformance_tests {
    (RevisionLog, $make:expr) => {
        $crate::conformance_tests!(@each $make;
            an_empty_log_reports_it, a_revision_is_there_whole, refused_edits_leave_no_trace, owners_keep_what_is_theirs,
            values_come_back_exactly, lists_have_pages, the_past_can_be_read, compaction_keeps_the_state,
            writers_never_skip_or_swap_numbers, a_dropped_append_is_all_or_nothing, heads_come_as_often_as_asked,
            pages_end_by_bytes, authors_have_the_time, a_state_is_of_one_moment, documents_of_a_revision_are_listed, changed_documents_are_listed,
            revisions_are_listed_with_their_first_changes,
            digests_are_chained_over_what_is_read, digests_outlive_compaction,
            an_edit_on_another_history_is_refused, keys_name_the_revision_they_made,
            a_key_is_taken_again_once_it_is_old, a_key_is_taken_by_one_of_many,
            revisions_carry_their_principal_and_their_key,
        );
    };
    (EventStore, $make:expr) => {
        $crate::conformance_tests!(@each $make;
            events_are_kept_within_their_bound, words_of_a_newer_version_are_stored,
        );
    };
    (FleetStore, $make:expr) => {
        $crate::conformance_tests!(@each $make;
            the_key_of_hints_is_one_for_all, replicas_are_seen_until_they_age,
            one_replica_leads_and_can_lead_again_after_releasing_the_lead,
        );
    };
    (TokenStore, $make:expr) => {
        $crate::conformance_tests!(@each $make;
            tokens_are_kept_by_name, tokens_come_back_whole, a_token_is_replaced_only_as_it_was_known,
            every_change_of_a_token_is_counted,
            a_token_is_deleted_only_as_long_as_no_other_changed, uses_of_tokens_are_noted,
        );
    };
    (TallyStore, $make:expr) => {
        $crate::conformance_tests!(@each $make;
            tallies_add_up, a_known_batch_changes_nothing, counting_at_once_loses_nothing,
            a_lost_batch_can_be_sent_again, tallies_have_pages, what_cannot_be_counted_is_refused,
            compaction_forgets_tallies_of_the_deleted,
        );
    };
    (BlobStore, $make:expr) => {
        $crate::conformance_tests!(@each $make; blobs_are_kept_by_digest, blobs_have_sizes,);
    };
    (AuditStore, $make:expr) => {
        $crate::conformance_tests!(@each $make;
            the_audit_comes_back_newest_first, the_audit_is_filtered, only_the_oldest_of_the_audit_are_forgotten,
        );
    };
    (DeliveryStore, $make:expr) => {
        $crate::conformance_tests!(@each $make;
            deliveries_are_added_once_with_their_cursor, one_of_many_moves_a_cursor, a_delivery_is_claimed_by_one,
            a_delivery_may_be_a_dead_letter_from_the_beginning, dead_letters_are_kept_and_sent_again, deliveries_have_pages_and_are_forgotten,
        );
    };
    (@each $make:expr; $($case:ident,)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (store, _guard) = $make.await;
            $crate::conformance::$case(store).await;
        }
    )+};
    ($make:expr) => {
        $crate::conformance_tests!(RevisionLog, $make);
        $crate::conformance_tests!(EventStore, $make);
        $crate::conformance_tests!(FleetStore, $make);
        $crate::conformance_tests!(TokenStore, $make);
        $crate::conformance_tests!(TallyStore, $make);
        $crate::conformance_tests!(BlobStore, $make);
        $crate::conformance_tests!(AuditStore, $make);
        $crate::conformance_tests!(DeliveryStore, $make);
    };
}

fn id(name: &str) -> DocumentId {
    DocumentId::new("rules", name).unwrap()
}

fn put(name: &str, body: Value) -> Change {
    Change::put(id(name), body)
}

fn edit(changes: impl IntoIterator<Item = Change>) -> Edit {
    Edit { reason: "because".into(), ..Edit::new("anna", Trigger::ApiUpdate, changes) }
}

fn number(number: u64) -> RevisionNumber {
    RevisionNumber::new(number)
}

async fn try_append(
    log: &SharedStore,
    edit: &Edit,
    expected: RevisionNumber,
) -> Result<Appended, AppendError> {
    let (head, digests) = log.digests(&[expected]).await.unwrap();
    let expected_head = head.at(expected, digests[0].unwrap_or(head.digest));
    let created_at = Timestamp::from_millisecond(1_700_000_000_123).unwrap();
    log.append(NewRevision { edit, created_at, expected_head, documents_max: 1000 }).await
}

async fn append(log: &SharedStore, changes: impl IntoIterator<Item = Change>) -> Appended {
    try_append(log, &edit(changes), newest(log).await).await.unwrap()
}

async fn newest(log: &SharedStore) -> RevisionNumber {
    log.head().await.unwrap().number
}

async fn bodies(log: &SharedStore, at: Option<RevisionNumber>) -> Vec<(String, Value)> {
    let query = DocumentQuery { at, limit: 500, ..DocumentQuery::default() };
    let page = log.documents(query).await.unwrap();
    let pair = |document: Document| (document.id.name.to_string(), (*document.body.unwrap()).clone());
    page.items.into_iter().map(|stored| pair(stored.parse().unwrap())).collect()
}
