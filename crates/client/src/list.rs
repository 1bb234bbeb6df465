//! Lists, page by page.

use serde::de::DeserializeOwned;

use crate::answer::{Answer, ListPage};
use crate::client::Client;
use crate::error::ClientError;
use crate::request::ApiRequest;

/// How many items a page has at most.
const PAGE_ITEMS_MAX: usize = 500;

impl Client {
    /// Reads pages of a list until there are `max` items. `request` makes the request of the list, without its page.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list<'c, T: DeserializeOwned>(
        &'c self,
        max: usize,
        request: impl Fn() -> ApiRequest<'c>,
    ) -> Result<Vec<Answer<T>>, ClientError> {
        let (mut items, mut cursor, mut source) = (Vec::new(), None::<String>, None);
        loop {
            let limit = (max - items.len()).min(PAGE_ITEMS_MAX);
            let page = request().query("limit", Some(limit)).query("cursor", cursor.take());
            let page = page.send::<ListPage<Answer<T>>>().await?.into_value();
            // A list is of the log or of the local copy, never of both.
            if source.replace(page.from_copy).is_some_and(|before| before != page.from_copy) {
                items.clear();
                source = None;
                continue;
            }
            items.extend(page.items);
            cursor = page.next_cursor.filter(|cursor| !cursor.is_empty());
            if cursor.is_none() || items.len() >= max {
                items.truncate(max);
                return Ok(items);
            }
        }
    }
}
