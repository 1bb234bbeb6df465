//! What waits for its time.

use midflight_wire::edits::WriteAnswer;
use midflight_wire::reload::ReloadRequest;
use midflight_wire::schedules::ScheduleAnswer;
use reqwest::Method;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;
use crate::options::{Later, WriteOptions};

const SCHEDULES: [&str; 3] = ["api", "v1", "schedules"];

impl Client {
    /// The scheduled edits and reloads, by name.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn schedules(&self) -> Result<Vec<Answer<ScheduleAnswer>>, ClientError> {
        self.list(usize::MAX, || self.request(Method::GET, &SCHEDULES)).await
    }

    /// Cancels a schedule.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when it is not there.
    pub async fn cancel_schedule(
        &self,
        id: &str,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        self.request(Method::DELETE, &SCHEDULES).segment(id).write(options).send().await
    }

    /// Schedules a reload, in each window when it is repeated.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn schedule_reload(
        &self,
        request: &ReloadRequest,
        later: &Later,
        repeat: bool,
        reason: &str,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        self.request(Method::POST, &["api", "v1", "reload"])
            .later(later)
            .query("repeat", repeat.then_some(true))
            .query("reason", Some(reason).filter(|reason| !reason.is_empty()))
            .json(request)
            .send()
            .await
    }
}
