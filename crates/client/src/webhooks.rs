//! Deliveries: what was sent to webhooks, and what is to be sent again.

use midflight_wire::webhooks::{DeliveryAnswer, ResendAnswer, ResendRequest};
use reqwest::Method;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;

const DELIVERIES: [&str; 3] = ["api", "v1", "deliveries"];

/// Which deliveries. An empty text selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only to this webhook.
    pub webhook: String,
    /// Only those in this state: `waiting`, `delivered` or `dead`.
    pub state: String,
}

impl Client {
    /// The deliveries, newest first; at most `max`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        max: usize,
    ) -> Result<Vec<Answer<DeliveryAnswer>>, ClientError> {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        self.list(max, || {
            self.request(Method::GET, &DELIVERIES)
                .query("webhook", given(&filter.webhook))
                .query("state", given(&filter.state))
        })
        .await
    }

    /// Sends events again: one delivery, or the dead letters of a webhook.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when there is no such delivery, or it has not ended.
    pub async fn resend_deliveries(
        &self,
        which: &ResendRequest,
    ) -> Result<Answer<ResendAnswer>, ClientError> {
        self.request(Method::POST, &DELIVERIES).segment("resend").json(which).send().await
    }
}
