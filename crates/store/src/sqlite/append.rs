//! Taking a revision: one immediate transaction, so commit order is number order.

use midflight_core::{Document, Owner, Revision, RevisionHasher};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqlitePool};

use super::failure::failure;
use super::{chain, read};
use crate::rows::body::{Kept, canonical};
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
    if let Some(key) = &new.edit.key {
        let insert = sqlx::query("INSERT INTO edit_keys (key, revision) VALUES (?1, ?2)");
        insert.bind(key).bind(signed(number)).execute(&mut *transaction).await.map_err(failure)?;
    }
    transaction.commit().await.map_err(failure)?;
    Ok(Appended { revision, documents, parent: head.digest })
}

async fn insert_revision(transaction: &mut SqliteConnection, revision: &Revision) -> Result<(), StoreError> {
    let insert = sqlx::query(
        "INSERT INTO revisions (number, author, reason, trigger_word, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    );
    let insert = insert.bind(signed(revision.number)).bind(&revision.author).bind(&revision.reason);
    let insert = insert.bind(revision.trigger.as_str()).bind(revision.created_at.to_string());
    insert.execute(transaction).await.map(drop).map_err(failure)
}

async fn insert_documents(
    transaction: &mut SqliteConnection,
    documents: &[Document],
    bodies: Vec<Option<Kept>>,
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
