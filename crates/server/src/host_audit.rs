//! Entries of the audit for what is done on the host of a server, without a request.

use jiff::Timestamp;
use midflight_store::{AuditEntry, Store, StoreError};

/// Who did it: a person or a program that may write the files of the server.
const ACTOR: &str = "host";

/// Keeps what is done on the host of a replica.
#[derive(Debug, Clone)]
pub(crate) struct HostAudit {
    /// The replica.
    pub(crate) replica: String,
}

impl HostAudit {
    /// Keeps an action on a file. The entry is in the store when this returns: these actions are rare, and what they change
    /// is in effect by then. `refused` is the code of why it has no effect, if it has none.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not take it.
    pub(crate) async fn keep(
        &self,
        store: &dyn Store,
        action: &str,
        file: &std::path::Path,
        refused: Option<&str>,
    ) -> Result<(), StoreError> {
        let entry = AuditEntry {
            at: Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap_or_default(),
            replica: self.replica.clone(),
            actor: ACTOR.to_owned(),
            principal: None,
            role: ACTOR.to_owned(),
            action: action.to_owned(),
            target: file.display().to_string(),
            outcome: if refused.is_some() { "refused" } else { "success" }.to_owned(),
            // There is no request.
            status: 0,
            code: refused.map(str::to_owned),
            from: None,
            request_id: None,
            revision: None,
            count: 1,
        };
        store.add_audit(&[entry]).await
    }
}
