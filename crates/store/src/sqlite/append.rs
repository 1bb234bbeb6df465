//! Taking a revision: one immediate transaction, so commit order is number order.

use std::collections::HashMap;

use midflight_core::{Change, Digest, Document, Head, Revision, RevisionNumber, canonical_json};
use serde_json::Value;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqlitePool};

use super::failure::failure;
use super::read;
use super::row::{off_the_road, signed, summary};
use crate::{AppendError, Appended, NewRevision, StoreError};

/// How many rows one statement inserts.
const ROWS_MAX: usize = 500;

pub(super) async fn append(writer: &SqlitePool, new: NewRevision<'_>) -> Result<Appended, AppendError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    let head = read::head(&mut *transaction).await?;
    if head != new.expected_head {
        return Err(AppendError::Moved { expected: new.expected_head, head });
    }
    let ids: Vec<_> = new.edit.changes.iter().map(|change| &change.id).collect();
    let heads = read::heads_without_bodies(&mut transaction, &ids).await?;
    check(&new, &heads)?;
    let documents = versions(&new, head.next(), &heads);
    check_count(&mut transaction, &new, &heads).await?;
    let revision = Revision {
        number: head.next(),
        author: new.edit.author.clone(),
        reason: new.edit.reason.clone(),
        trigger: new.edit.trigger,
        created_at: new.created_at,
        changes: documents.iter().map(summary).collect(),
    };
    insert_revision(&mut transaction, &revision).await?;
    for chunk in documents.chunks(ROWS_MAX) {
        let bodies = canonical(chunk).await?;
        insert_documents(&mut transaction, chunk, bodies).await?;
    }
    transaction.commit().await.map_err(failure)?;
    Ok(Appended { revision, documents })
}

type Heads = HashMap<midflight_core::DocumentId, Head>;

fn check(new: &NewRevision<'_>, heads: &Heads) -> Result<(), AppendError> {
    for change in &new.edit.changes {
        let head = heads.get(&change.id);
        change.precondition.check(&change.id, head)?;
        let owner = head.filter(|head| !head.deleted).and_then(|head| head.owner.clone());
        if let Some(owner) =
            owner.filter(|owner| !new.edit.take_over && new.edit.owner.as_ref() != Some(owner))
        {
            return Err(AppendError::Owned { id: change.id.clone(), owner });
        }
    }
    Ok(())
}

fn is_there(heads: &Heads, change: &Change) -> bool {
    heads.get(&change.id).is_some_and(|head| !head.deleted)
}

/// The versions that the edit makes. Deleting what is not there makes none.
fn versions(new: &NewRevision<'_>, revision: RevisionNumber, heads: &Heads) -> Vec<Document> {
    let real = new.edit.changes.iter().filter(|change| change.body.is_some() || is_there(heads, change));
    let version = |change: &Change| Document {
        id: change.id.clone(),
        version: heads.get(&change.id).map_or(0, |head| head.version) + 1,
        revision,
        owner: new.edit.owner.clone().filter(|_| change.body.is_some()),
        body: change.body.clone(),
    };
    real.map(version).collect()
}

/// Counts only when the edit makes more, since counting reads every head.
async fn check_count(
    transaction: &mut SqliteConnection,
    new: &NewRevision<'_>,
    heads: &Heads,
) -> Result<(), AppendError> {
    let added =
        new.edit.changes.iter().filter(|change| change.body.is_some() && !is_there(heads, change)).count();
    let gone =
        new.edit.changes.iter().filter(|change| change.body.is_none() && is_there(heads, change)).count();
    if added <= gone {
        return Ok(());
    }
    let wanted = read::document_count(&mut *transaction).await? + (added - gone) as u64;
    match wanted > new.documents_max {
        true => Err(AppendError::TooManyDocuments { max: new.documents_max, wanted }),
        false => Ok(()),
    }
}

async fn insert_revision(transaction: &mut SqliteConnection, revision: &Revision) -> Result<(), StoreError> {
    let insert = sqlx::query(
        "INSERT INTO revisions (number, author, reason, trigger_word, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    );
    let insert = insert.bind(signed(revision.number)).bind(&revision.author).bind(&revision.reason);
    let insert = insert.bind(revision.trigger.as_str()).bind(revision.created_at.to_string());
    insert.execute(transaction).await.map(drop).map_err(failure)
}

/// A body as it is kept: its canonical text, and the digest of that.
struct Kept {
    text: String,
    digest: String,
}

/// The bodies of documents as they are kept, none for a deletion.
async fn canonical(documents: &[Document]) -> Result<Vec<Option<Kept>>, StoreError> {
    let bodies: Vec<_> = documents.iter().map(|document| document.body.clone()).collect();
    let keep = |body: &Value| {
        let text = canonical_json(body);
        let digest = Digest::of_bytes(text.as_bytes()).to_string();
        Kept { text, digest }
    };
    off_the_road(bodies.len(), move || bodies.iter().map(|body| body.as_deref().map(keep)).collect()).await
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
        let (text, digest) = body.map(|body| (body.text, body.digest)).unzip();
        row.push_bind(document.id.kind.as_str().to_owned())
            .push_bind(document.id.name.as_str().to_owned())
            .push_bind(i64::try_from(document.version).unwrap_or(i64::MAX))
            .push_bind(signed(document.revision))
            .push_bind(document.owner.as_ref().map(|owner| owner.as_str().to_owned()))
            .push_bind(digest)
            .push_bind(text);
    });
    insert.build().execute(transaction).await.map(drop).map_err(failure)
}
