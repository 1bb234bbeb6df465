//! Taking a revision: a look without a lock, the decision here, and one statement that takes it if the log has not
//! moved since. The lock that makes commit order number order is never held across the network.

use midflight_core::{LogHead, PrincipalId, Revision, RevisionNumber};
use tokio::time::{Instant, sleep};

use super::session::{Session, Sessions};
use super::{read, storable};
use crate::rows::body::canonical;
use crate::rows::row::numbered;
use crate::rows::{Columns as _, chain, edit, integer, signed};
use crate::{AppendError, Appended, NewRevision, StoreError};

/// How often the log is asked for the fate of a revision whose answer was lost.
const ASK_AGAIN: std::time::Duration = std::time::Duration::from_millis(100);

/// How long an append that was sent is waited for once the server is silent: it may be appended, and a late but
/// definite answer is better than an early unknown one.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);

pub(super) async fn append(sessions: &Sessions, new: NewRevision<'_>) -> Result<Appended, AppendError> {
    let mut session = sessions.preceding().await?;
    let ids = new.edit.changes.iter().map(|change| &change.id);
    let (head, count, heads) = read::heads_without_bodies(&mut session, ids).await?;
    if head != new.expected_head {
        return Err(AppendError::Moved { expected: new.expected_head, head });
    }
    edit::check(&new, &heads)?;
    if let Some(grows) = edit::growth(&new, &heads) {
        edit::check_count(&new, count + grows)?;
    }
    let documents = edit::versions(&new, head.number.next(), &heads);
    let mut revision = edit::revision(&new, head.number.next(), &documents);
    revision.author = storable(&revision.author);
    revision.reason = storable(&revision.reason);
    revision.principal = revision.principal.map(|id| PrincipalId::new(&storable(id.as_str())));
    revision.key = revision.key.map(|key| storable(&key));
    let mut appended = Appended { revision, documents, parent: head.digest };
    session.wait_for_silent(PATIENCE);
    match take(&mut session, &new, &appended).await {
        Ok(taken) => {
            appended.revision.digest = taken.digest;
            Ok(appended)
        }
        // A session that is still intact received the answer: nothing was appended.
        Err(AppendError::Store(error)) if !session.is_whole() => {
            drop(session);
            match was_taken(sessions, &appended.revision).await {
                Some(taken) => Ok(Appended { revision: taken, ..appended }),
                None => Err(lost(&appended.revision, error)),
            }
        }
        Err(refused) => Err(refused),
    }
}

async fn take(
    session: &mut Session,
    new: &NewRevision<'_>,
    appended: &Appended,
) -> Result<LogHead, AppendError> {
    let Appended { revision, documents, parent } = appended;
    let bodies = canonical(documents).await?.into_iter();
    let (bodies, digests): (Vec<_>, Vec<_>) =
        bodies.map(|body| body.map(|body| (body.text, body.digest.to_string())).unzip()).unzip();
    let kinds: Vec<_> = documents.iter().map(|document| document.id.kind.as_str()).collect();
    let names: Vec<_> = documents.iter().map(|document| document.id.name.as_str()).collect();
    let versions: Vec<_> = documents.iter().map(|document| integer(document.version)).collect();
    let owners: Vec<_> = documents
        .iter()
        .map(|document| document.owner.as_ref().map(|owner| storable(owner.as_str())))
        .collect();
    let query = sqlx::query(
        "SELECT taken, newest, chained, COALESCE(repeats, 0) AS repeats
         FROM midflight_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(signed(new.expected_head.number))
    .bind(&revision.author)
    .bind(&revision.reason)
    .bind(revision.trigger.as_str())
    .bind(revision.created_at.to_string())
    .bind(kinds)
    .bind(names)
    .bind(versions)
    .bind(owners)
    .bind(digests)
    .bind(bodies)
    .bind(parent.to_string())
    .bind(revision.key.as_deref())
    .bind(revision.principal.as_ref().map(PrincipalId::as_str))
    .bind(new.edit.key.as_ref().and_then(|key| key.request).map(|request| request.to_string()));
    let answer = session.row(query).await?;
    let newest = chain::digest(&answer, "chained")?;
    let head = new.expected_head.at(numbered(&answer, "newest")?, newest);
    match (answer.truth("taken")?, numbered(&answer, "repeats")?) {
        (true, _) => Ok(head),
        (false, RevisionNumber::ZERO) => Err(AppendError::Moved { expected: new.expected_head, head }),
        (false, revision) => Err(AppendError::Repeated { revision }),
    }
}

/// That revision, if the log has it. The connection on which it was sent is lost, so what the log does not have now it
/// may have later; but what it has it keeps.
async fn was_taken(sessions: &Sessions, revision: &Revision) -> Option<Revision> {
    let deadline = Instant::now() + sessions.connect_max;
    loop {
        if let Ok(mut session) = sessions.session().await
            && let Some(before) = revision.number.get().checked_sub(1)
            && let Ok(found) = read::since(&mut session, RevisionNumber::new(before), 1).await
            && let Some(found) = found.first()
        {
            let found = found.revision.clone();
            // Its digest is computed by the log.
            let is_it = Revision { digest: found.digest, ..revision.clone() } == found;
            return is_it.then_some(found);
        }
        if Instant::now() >= deadline || sessions.liveness.is_silent() {
            return None;
        }
        sleep(ASK_AGAIN).await;
    }
}

fn lost(revision: &Revision, error: StoreError) -> AppendError {
    match error {
        StoreError::Unavailable(why) => AppendError::Unknown { number: revision.number, why },
        other => other.into(),
    }
}
