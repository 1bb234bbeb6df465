//! Taking a revision: one immediate transaction, so commit order is number order.

use midflight_core::{Document, Owner, PrincipalId, Revision, RevisionHasher, is_key_valid};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqlitePool};

use super::failure::failure;
use super::{chain, read};
use crate::rows::body::{CanonicalBody, canonical};
use crate::rows::{edit, integer, signed};
use crate::{AppendError, Appended, NewRevision, StoreError};

/// How many rows one statement inserts.
const ROWS_MAX: usize = 500;

pub(super) async fn append(writer: &SqlitePool, new: NewRevision<'_>) -> Result<Appended, AppendError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    chain::seal_all(&mut transaction).await?;
    let head = read::head(&mut *transaction).await?;
    if head != new.expected_head {
        return Err(AppendError::Moved { expected: new.expected_head, head });
    }
    let key = new.edit.key.as_ref();
    if let Some(key) = key
        && let Some(kept) = read::revision_of_key(&mut *transaction, &key.text).await?
        && is_key_valid(kept.created_at, new.created_at)
    {
        return Err(AppendError::Repeated { revision: kept.revision });
    }
    let ids: Vec<_> = new.edit.changes.iter().map(|change| &change.id).collect();
    let heads = read::heads_without_bodies(&mut transaction, &ids).await?;
    edit::check(&new, &heads)?;
    if let Some(grows) = edit::growth(&new, &heads) {
        edit::check_count(&new, read::document_count(&mut *transaction).await? + grows)?;
    }
    let number = head.number.next();
    let documents = edit::versions(&new, number, &heads);
    let mut revision = edit::revision(&new, number, &documents);
    insert_revision(&mut transaction, &revision).await?;
    let mut hasher = RevisionHasher::new(
        &head.digest,
        number,
        (&revision.author, &revision.reason),
        revision.trigger.as_str(),
        &revision.created_at.to_string(),
    );
    for chunk in documents.chunks(ROWS_MAX) {
        let bodies = canonical(chunk).await?;
        for (document, body) in chunk.iter().zip(&bodies) {
            let (kind, name) = (document.id.kind.as_str(), document.id.name.as_str());
            let (digest, owner) = (body.as_ref().map(|body| &body.digest), document.owner.as_ref());
            hasher.document((kind, name), document.version, digest, owner.map(Owner::as_str));
        }
        insert_documents(&mut transaction, chunk, bodies).await?;
    }
    revision.digest = hasher.finish();
    chain::keep(&mut transaction, number, &revision.digest).await?;
    if let Some(key) = key {
        let put =
            sqlx::query("INSERT OR REPLACE INTO edit_keys (key, revision, request) VALUES (?1, ?2, ?3)");
        let request = key.request.map(|request| request.to_string());
        let put = put.bind(&key.text).bind(signed(number)).bind(request);
        put.execute(&mut *transaction).await.map_err(failure)?;
    }
    transaction.commit().await.map_err(failure)?;
    Ok(Appended { revision, documents, parent: head.digest })
}

async fn insert_revision(transaction: &mut SqliteConnection, revision: &Revision) -> Result<(), StoreError> {
    let insert = sqlx::query(
        "INSERT INTO revisions (number, author, reason, trigger_word, created_at, principal, edit_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    );
    let insert = insert.bind(signed(revision.number)).bind(&revision.author).bind(&revision.reason);
    let insert = insert.bind(revision.trigger.as_str()).bind(revision.created_at.to_string());
    let insert = insert.bind(revision.principal.as_ref().map(PrincipalId::as_str)).bind(&revision.key);
    insert.execute(transaction).await.map(drop).map_err(failure)
}

async fn insert_documents(
    transaction: &mut SqliteConnection,
    documents: &[Document],
    bodies: Vec<Option<CanonicalBody>>,
) -> Result<(), StoreError> {
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT INTO documents (kind, name, version, revision, owner, digest, body) ",
    );
    insert.push_values(documents.iter().zip(bodies), |mut row, (document, body)| {
        let (text, digest) = body.map(|body| (body.text, body.digest.to_string())).unzip();
        row.push_bind(document.id.kind.as_str().to_owned())
            .push_bind(document.id.name.as_str().to_owned())
            .push_bind(integer(document.version))
            .push_bind(signed(document.revision))
            .push_bind(document.owner.as_ref().map(|owner| owner.as_str().to_owned()))
            .push_bind(digest)
            .push_bind(text);
    });
    insert.build().execute(transaction).await.map(drop).map_err(failure)
}
