//! A page of documents as a caller with scopes sees it: it does not tell what is not in them, neither by a name nor by
//! how many documents there are.
//!
//! Of a kind, those documents are read alone whose names begin as the scopes do. Only patterns with a `*` before their end
//! leave others among them, which are passed over, up to a bound for each page.

use std::sync::Arc;

use midflight_core::DocumentId;
use midflight_store::{DocumentQuery, KeptDocument, LastGoodView, Page, StoreError, StoredDocument};

use super::from_copy;
use crate::app::AppState;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::scopes::{NameRange, RangeReach};

/// How many documents out of scope a page passes over. 5,000: ten reads of the store.
const PASSED_MAX: usize = 5_000;
/// How many bytes they have at most, in multiples of what the page may have.
const PASSED_PAGES_MAX: u64 = 4;
/// How many documents are read at once where some are out of scope.
const READ_MAX: u32 = 500;

/// Where documents are read.
pub(super) trait PagedDocuments {
    /// A document with its body.
    type Item;
    /// Why they cannot be read.
    type Error;

    /// A page, with the documents out of scope among them.
    fn read(
        &self,
        query: DocumentQuery,
    ) -> impl Future<Output = Result<Page<Self::Item, DocumentId>, Self::Error>> + Send;

    /// Which document it is.
    fn id(item: &Self::Item) -> &DocumentId;

    /// About what it is long, in bytes.
    fn bytes(item: &Self::Item) -> u64;
}

/// A page for a caller. After it one continues with `next`, which may be a document that the caller may not know.
///
/// # Errors
/// When the documents cannot be read.
pub(super) async fn page<S: PagedDocuments>(
    principal: &Principal,
    query: DocumentQuery,
    source: &S,
) -> Result<Page<S::Item, DocumentId>, S::Error> {
    let Some(scopes) = principal.scopes() else { return source.read(query).await };
    let ranges = match &query.kind {
        Some(kind) => scopes.ranges(kind.as_str(), &query.name_prefix),
        None => vec![NameRange { beginning: query.name_prefix.clone(), reach: RangeReach::Some }],
    };
    let mut seen = SeenDocuments::<S>::new(&query);
    let mut passed = PassedDocuments::new(query.bytes_max);
    for range in ranges {
        // What comes before the cursor is on an earlier page.
        if query.after.as_ref().is_some_and(|after| range.is_before(after.name.as_str())) {
            continue;
        }
        let mut after = query.after.clone();
        loop {
            let limit = match range.reach {
                RangeReach::One => 1,
                // One more, which tells whether there is another page.
                RangeReach::All => seen.missing() + 1,
                RangeReach::Some => READ_MAX,
            };
            let name_prefix = range.beginning.clone();
            let found = source.read(DocumentQuery { name_prefix, after, limit, ..query.clone() }).await?;
            for item in found.items {
                let id = S::id(&item);
                if range.reach == RangeReach::One && id.name.as_str() != range.beginning {
                    continue;
                }
                if !principal.sees(id) {
                    let id = id.clone();
                    if passed.is_full_with(S::bytes(&item)) {
                        return Ok(Page { items: seen.items, next: Some(id) });
                    }
                    continue;
                }
                if let Some(page) = seen.add(item) {
                    return Ok(page);
                }
            }
            after = found.next;
            if after.is_none() || range.reach == RangeReach::One {
                break;
            }
        }
    }
    Ok(Page { items: seen.items, next: None })
}

/// The documents of a page.
struct SeenDocuments<S: PagedDocuments> {
    items: Vec<S::Item>,
    bytes: u64,
    limit: usize,
    bytes_max: u64,
}

impl<S: PagedDocuments> SeenDocuments<S> {
    fn new(query: &DocumentQuery) -> Self {
        let bytes_max = query.bytes_max.unwrap_or(u64::MAX);
        Self { items: Vec::new(), bytes: 0, limit: query.limit as usize, bytes_max }
    }

    /// How many fit.
    fn missing(&self) -> u32 {
        u32::try_from(self.limit.saturating_sub(self.items.len())).unwrap_or(u32::MAX - 1)
    }

    /// Adds a document; the page, when it does not fit on it.
    fn add(&mut self, item: S::Item) -> Option<Page<S::Item, DocumentId>> {
        let bytes = self.bytes.saturating_add(S::bytes(&item));
        let is_full = self.items.len() >= self.limit || bytes > self.bytes_max;
        match self.items.last().filter(|_| is_full).map(|last| S::id(last).clone()) {
            Some(last) => Some(Page { items: std::mem::take(&mut self.items), next: Some(last) }),
            None => {
                self.bytes = bytes;
                self.items.push(item);
                None
            }
        }
    }
}

/// What was read for a page and is not in scope.
struct PassedDocuments {
    count: usize,
    bytes: u64,
    bytes_max: u64,
}

impl PassedDocuments {
    fn new(bytes_max: Option<u64>) -> Self {
        let bytes_max = bytes_max.map_or(u64::MAX, |bytes| bytes.saturating_mul(PASSED_PAGES_MAX));
        Self { count: 0, bytes: 0, bytes_max }
    }

    /// Counts another one, and answers whether the page ends with it.
    fn is_full_with(&mut self, bytes: u64) -> bool {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.count >= PASSED_MAX || self.bytes >= self.bytes_max
    }
}

/// The log.
pub(super) struct OfLog<'a>(pub(super) &'a AppState);

impl PagedDocuments for OfLog<'_> {
    type Item = StoredDocument;
    type Error = StoreError;

    async fn read(&self, query: DocumentQuery) -> Result<Page<StoredDocument, DocumentId>, StoreError> {
        self.0.engine.store().documents(query).await
    }

    fn id(item: &StoredDocument) -> &DocumentId {
        &item.id
    }

    fn bytes(item: &StoredDocument) -> u64 {
        item.bytes()
    }
}

/// The local copy of what is served.
pub(super) struct OfCopy(pub(super) Arc<LastGoodView>);

impl PagedDocuments for OfCopy {
    type Item = KeptDocument;
    type Error = ApiError;

    async fn read(&self, query: DocumentQuery) -> Result<Page<KeptDocument, DocumentId>, ApiError> {
        from_copy::page(Arc::clone(&self.0), query).await
    }

    fn id(item: &KeptDocument) -> &DocumentId {
        &item.id
    }

    fn bytes(item: &KeptDocument) -> u64 {
        item.body.len() as u64
    }
}
