//! Documents of one owner that come from elsewhere, as the rows of a table: what it says of them, the log says.

use std::collections::BTreeSet;
use std::sync::Arc;

use midflight_core::{
    Change, Digest, DocumentId, Edit, Op, Owner, Problem, Problems, RevisionNumber, Trigger,
};
use midflight_engine::{Engine, Refusal};
use midflight_store::StoreError;
use serde_json::Value;

use crate::directory::plan::plan;
use crate::directory::read::DocumentBodies;
use crate::directory::view::LogView;
use crate::{HeldLoss, LossBounds};

/// How often the log is looked at again in one look since a document was changed there meanwhile.
const AGREEMENTS_MAX: u32 = 10;

/// Keeps the log in step with what an origin says of its documents, one look after the other.
///
/// Like a watched directory, it takes documents without an owner, does not change those of other owners or those that
/// were taken over explicitly, and deletes only its own. Otherwise than there, what is invalid is left out by itself:
/// its document stays as it is in the log, and the rest goes on.
#[derive(Debug)]
pub struct OwnedDocuments {
    engine: Engine,
    owner: Owner,
    trigger: Trigger,
    view: LogView,
    /// What came of the last look, and for what the origin and the log said then.
    done: Option<(Digest, RevisionNumber, Agreed)>,
}

/// The result of a check.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Agreed {
    /// The revision that it made; none when there was nothing to change.
    pub revision: Option<RevisionNumber>,
    /// How many documents it put.
    pub put: usize,
    /// How many it deleted.
    pub deleted: usize,
    /// What is wrong with the documents that are invalid. Each stays as it is in the log.
    pub invalid: Vec<Problem>,
    /// The documents that are not the owner's to change.
    pub left_alone: Vec<LeftAlone>,
    /// The deletions that were not made, since they would be too many at once; none when there were none.
    pub held: Option<HeldLoss>,
}

/// A document that is not the owner's to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAlone {
    /// The document.
    pub id: DocumentId,
    /// Why, and what can be done.
    pub why: String,
}

/// Which of the documents a look is about.
#[derive(Debug, Clone, Copy)]
pub struct OwnedExtent<'a> {
    /// Only this document; none for all.
    pub only: Option<&'a DocumentId>,
    /// Documents of which nothing can be said: they stay as they are.
    pub unreadable: &'a BTreeSet<DocumentId>,
    /// How many documents may be deleted at once. A table that was emptied by mistake, or of which a part cannot be
    /// seen, looks like one that lost its rows.
    pub loss: LossBounds,
}

impl OwnedDocuments {
    /// Documents of this owner, whose revisions have this trigger.
    #[must_use]
    pub fn new(engine: Engine, owner: Owner, trigger: Trigger) -> Self {
        Self { engine, view: LogView::new(owner.clone()), owner, trigger, done: None }
    }

    /// Makes the log say what the origin says, by at most one revision. `reason` makes its reason of how many documents
    /// it puts and deletes. Cost: what happened in the log since the last look, and the difference.
    ///
    /// # Errors
    /// Why it cannot be done now, as while the log is unavailable. The next look does it.
    pub async fn agree(
        &mut self,
        output: impl IntoIterator<Item = (DocumentId, Value)>,
        extent: OwnedExtent<'_>,
        reason: impl Fn(usize, usize) -> String,
    ) -> Result<Agreed, String> {
        let with_digest = |(id, body): (DocumentId, Value)| {
            let digest = Digest::of_body(&body);
            (id, (Arc::new(body), digest))
        };
        let output: DocumentBodies = output.into_iter().map(with_digest).collect();
        for _ in 0..AGREEMENTS_MAX {
            if let Some(agreed) = self.try_agree(&output, extent, &reason).await? {
                return Ok(agreed);
            }
        }
        Err(format!("its documents were changed in the log during {AGREEMENTS_MAX} looks"))
    }

    /// One look at the log; none when a document was changed there meanwhile.
    async fn try_agree(
        &mut self,
        output: &DocumentBodies,
        extent: OwnedExtent<'_>,
        reason: impl Fn(usize, usize) -> String,
    ) -> Result<Option<Agreed>, String> {
        let unavailable = |error: StoreError| format!("log unavailable: {error}");
        let store = Arc::clone(self.engine.store());
        let head = self.view.catch_up(&*store).await.map_err(unavailable)?;
        let of = fingerprint(output, extent);
        if let Some((known, at, agreed)) = &self.done
            && (*known, *at) == (of, head)
        {
            return Ok(Some(Agreed { revision: None, put: 0, deleted: 0, ..agreed.clone() }));
        }
        self.view.learn(&*store, output).await.map_err(unavailable)?;
        let planned = plan(&*store, &self.view, &self.owner, output, None).await.map_err(unavailable)?;
        let mut agreed = Agreed::default();
        let left_alone = planned.contested.into_iter();
        agreed.left_alone = left_alone.map(|one| LeftAlone { id: one.id, why: one.why }).collect();
        let mut changes = planned.changes;
        changes.retain(|change| {
            let is_unreadable = change.op() == Op::Delete && extent.unreadable.contains(&change.id);
            !is_unreadable && extent.only.is_none_or(|only| *only == change.id)
        });
        let deleted = changes.iter().filter(|change| change.op() == Op::Delete).count();
        agreed.held = extent.loss.held(deleted, self.view.mine().len(), output.len());
        if agreed.held.is_some() {
            changes.retain(|change| change.op() == Op::Put);
        }
        if !changes.is_empty() && !self.make(changes, output, &mut agreed, reason).await? {
            return Ok(None);
        }
        // A refusal may have moved the log itself, by taking back what did not verify.
        let head = self.view.catch_up(&*store).await.map_err(unavailable)?;
        self.done = Some((of, head, agreed.clone()));
        Ok(Some(agreed))
    }

    /// Makes an edit of the changes. Answers whether it did: not when a document was changed after it was looked at.
    async fn make(
        &mut self,
        changes: Vec<Change>,
        output: &DocumentBodies,
        agreed: &mut Agreed,
        reason: impl Fn(usize, usize) -> String,
    ) -> Result<bool, String> {
        let puts = changes.iter().filter(|change| change.op() == Op::Put).count();
        let edit = Edit {
            reason: midflight_core::cut_reason(reason(puts, changes.len() - puts)),
            owner: Some(self.owner.clone()),
            ..Edit::new(self.owner.as_str(), self.trigger, changes)
        };
        match self.engine.apply_valid(edit).await {
            Ok(accepted) => {
                agreed.invalid = accepted.left_out;
                if let Some(revision) = &accepted.revision {
                    self.view.made(revision, &accepted.documents, output);
                    let deleted =
                        accepted.documents.iter().filter(|document| document.body.is_none()).count();
                    agreed.revision = Some(revision.number);
                    (agreed.put, agreed.deleted) = (accepted.documents.len() - deleted, deleted);
                }
                Ok(true)
            }
            Err(refused) if matches!(refused.refusal, Refusal::Precondition(_)) => Ok(false),
            Err(refused) => {
                agreed.invalid = all(&refused.refusal).ok_or_else(|| refused.refusal.to_string())?;
                Ok(true)
            }
        }
    }
}

/// The problems of an edit of which nothing was valid; none for another refusal.
fn all(refusal: &Refusal) -> Option<Vec<Problem>> {
    let of = |problems: &Problems| problems.iter().cloned().collect();
    match refusal {
        Refusal::Invalid(problems) | Refusal::Rejected(problems) | Refusal::RolledBack(problems) => {
            Some(of(problems))
        }
        _ => None,
    }
}

fn fingerprint(output: &DocumentBodies, extent: OwnedExtent<'_>) -> Digest {
    let lines = output.iter().map(|(id, (_, digest))| format!("{id} {digest}\n"));
    let unreadable = extent.unreadable.iter().map(|id| format!("{id} ?\n"));
    let only = extent.only.map(|id| format!("only {id}\n"));
    let all: String = lines.chain(unreadable).chain(only).collect();
    Digest::of_bytes(all.as_bytes())
}
