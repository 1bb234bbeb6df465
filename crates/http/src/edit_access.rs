//! What the sender of an edit needs beyond the permission of the route: the documents in their scopes, and the role for
//! what an editor may not change, and in their scopes too what a document shows to others. Every edit of a request comes
//! by here.

use std::collections::{BTreeMap, BTreeSet};

use midflight_core::{Change, Document, DocumentId, Edit, JsonPointer, Precondition};
use midflight_engine::SCHEDULES;
use midflight_wire::problem::ProblemItem;
use serde_json::Value;

use crate::app::AppState;
use crate::code::Code;
use crate::kind::{KindApi, Kinds};
use crate::principal::Permission::{Admin, Operate};
use crate::principal::{Principal, least};
use crate::problem::ApiError;
use crate::scopes::Scopes;

/// How many documents out of scope a refusal names.
const OUTSIDE_SHOWN_MAX: usize = 20;

/// Members of a document that only admins change, since they decide who may do what, or what is known of it.
#[derive(Debug, Clone)]
pub struct AdminMembers {
    /// The document.
    pub document: DocumentId,
    /// The members of its body.
    pub members: &'static [&'static str],
}

/// What a document would show of documents that are not in the scopes of who puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeyondScopes {
    /// The member of its body that does.
    pub path: JsonPointer,
    /// What it shows, and the cure.
    pub message: String,
}

/// Refuses an edit that its sender may not make. Answers the edit to make instead where it was compared with the state
/// of the log: it is made on that state only, so that it changes what it was compared with.
///
/// `scopes` are those that its documents may show, and `is_later` is whether it is scheduled. Without a sender it is made by a program, which has no role.
///
/// # Errors
/// 403 with the document and the member; the store is unavailable.
pub(crate) async fn authorize(
    app: &AppState,
    sender: Option<&Principal>,
    scopes: Option<&Scopes>,
    edit: &Edit,
    is_later: bool,
) -> Result<Option<Edit>, ApiError> {
    check_scopes(sender, edit)?;
    let may = |what| sender.and_then(|it| it.role().known()).is_some_and(|role| role.may(what));
    if may(Admin) {
        return Ok(None);
    }
    let members = app.kinds.iter().flat_map(KindApi::admin_members).collect();
    let guard = EditGuard { members, may_operate: may(Operate), kinds: &app.kinds, scopes, is_later };
    let ids: Vec<_> = guard.compared(&edit.changes).into_iter().collect();
    if ids.is_empty() {
        return Ok(None);
    }
    let (head, found) = app.engine.store().heads(&ids).await?;
    let live = found.into_iter().flatten().filter(|document| document.body.is_some());
    let now: BTreeMap<_, _> = live.map(|document| (document.id.clone(), document)).collect();
    let problems = guard.problems(&edit.changes, &now);
    if let Some(first) = problems.first() {
        let who = match sender {
            Some(it) => format!("the token {:?} has the role {}", it.name(), it.role().as_str()),
            None => format!("{:?} has no role", edit.author),
        };
        let mut error = ApiError::new(Code::FORBIDDEN, format!("{who}: {}", first.message));
        error.body_mut().errors.extend(problems);
        return Err(error);
    }
    let mut edit = edit.clone();
    edit.computed_at.get_or_insert(head.number);
    if is_later {
        guard.keep_to(&mut edit.changes, &now);
    }
    Ok(Some(edit))
}

/// Refuses an edit of documents that are not in the scopes of who asks. It names those that the request named: an edit
/// that was computed from the log has others, which the caller may not know.
fn check_scopes(sender: Option<&Principal>, edit: &Edit) -> Result<(), ApiError> {
    let Some((principal, scopes)) = sender.and_then(|it| Some((it, it.scopes()?))) else {
        return Ok(());
    };
    let outside = scopes.outside(&edit.changes);
    let Some(first) = outside.first() else { return Ok(()) };
    if edit.computed_at.is_some() {
        return Err(principal.out_of_scope("a document that would change"));
    }
    let mut error = principal.out_of_scope(&first.to_string());
    let named = outside.iter().take(OUTSIDE_SHOWN_MAX).map(|id| ProblemItem {
        message: "not in the scopes of the token".to_owned(),
        document: Some(id.to_string()),
        ..ProblemItem::default()
    });
    error.body_mut().errors.extend(named);
    Err(error)
}

/// What a sender without the role admin may not do.
struct EditGuard<'a> {
    members: Vec<AdminMembers>,
    may_operate: bool,
    kinds: &'a Kinds,
    /// The scopes of the sender, if they have some.
    scopes: Option<&'a Scopes>,
    /// Whether the edit is scheduled.
    is_later: bool,
}

/// The newest versions of documents, without those that are deleted.
type NewestDocuments = BTreeMap<DocumentId, Document>;

impl EditGuard<'_> {
    fn members(&self, id: &DocumentId) -> Option<&'static [&'static str]> {
        self.members.iter().find(|it| it.document == *id).map(|it| it.members)
    }

    /// The documents that have to be read, to see whether the edit is allowed.
    fn compared(&self, changes: &[Change]) -> BTreeSet<DocumentId> {
        let mut ids = BTreeSet::new();
        for change in changes {
            let is_beyond = !self.beyond(&change.id, change.body.as_deref()).is_empty();
            if self.members(&change.id).is_some() || is_beyond {
                ids.insert(change.id.clone());
            }
            if let Some(body) = schedule(change) {
                let later: Vec<_> = self.later(body).map(|(_, later)| later.id).collect();
                let is_beyond =
                    changes_of(body).any(|(_, later)| !self.beyond(&later.id, later.body).is_empty());
                if !later.is_empty() || is_beyond || self.is_refused_reload(body) {
                    ids.extend(later.into_iter().chain([change.id.clone()]));
                }
            }
        }
        ids
    }

    /// What is not allowed, compared with the documents as they are.
    fn problems(&self, changes: &[Change], now: &NewestDocuments) -> Vec<ProblemItem> {
        let mut problems = Vec::new();
        for change in changes {
            let root = JsonPointer::root();
            problems.extend(self.changed(&change.id, change.body.as_deref(), now, &change.id, &root));
            let same = now.get(&change.id).and_then(|document| document.body.as_deref());
            // As it is, it shows nothing more. At another time it may be another one.
            if self.is_later || same != change.body.as_deref() {
                let beyond = self.beyond(&change.id, change.body.as_deref()).into_iter();
                problems.extend(beyond.map(|it| problem(&change.id, &it.path, it.message)));
            }
            let Some(body) = schedule(change).filter(|body| same != Some(*body)) else { continue };
            if self.is_refused_reload(body) {
                let message = format!(
                    "a schedule that reloads needs one of the roles {}; have one of them put it",
                    least(Operate)
                );
                problems.push(problem(&change.id, &root.key("reload"), message));
            }
            for (place, later) in changes_of(body) {
                let beyond = self.beyond(&later.id, later.body).into_iter();
                let inside = |path: &JsonPointer| JsonPointer::parse(&format!("{place}/body{path}"));
                problems.extend(beyond.map(|it| problem(&change.id, &inside(&it.path), it.message)));
            }
            for (place, later) in self.later(body) {
                let inside = place.key("body");
                let before = problems.len();
                problems.extend(self.changed(&later.id, later.body, now, &change.id, &inside));
                let version = now.get(&later.id).map_or(0, |document| document.version);
                if problems.len() == before && later.if_version != Some(version) {
                    let message = format!(
                        "a schedule that changes {} needs the role {}, or \"if_version\": {version} in the change, \
                         its version now",
                        later.id,
                        least(Admin)
                    );
                    problems.push(problem(&change.id, &place.key("if_version"), message));
                }
            }
        }
        problems
    }

    /// The members of a document that a body changes and only admins may change.
    fn changed(
        &self,
        id: &DocumentId,
        body: Option<&Value>,
        now: &NewestDocuments,
        document: &DocumentId,
        place: &JsonPointer,
    ) -> Vec<ProblemItem> {
        let before = now.get(id).and_then(|document| document.body.as_deref());
        let members = self.members(id).unwrap_or_default().iter();
        let changed = members.filter(|member| member_of(body, member) != member_of(before, member));
        let message = |member: &str| {
            format!(
                "/{member} of {id} is changed by the role {} only; leave it as it is, or have one make the edit",
                least(Admin)
            )
        };
        changed.map(|member| problem(document, &place.key(member), message(member))).collect()
    }

    /// What a document would show beyond the scopes of the sender.
    fn beyond(&self, id: &DocumentId, body: Option<&Value>) -> Vec<BeyondScopes> {
        let Some((scopes, body)) = self.scopes.zip(body) else { return Vec::new() };
        let kind = self.kinds.of(&id.kind);
        kind.map(|kind| kind.beyond_scopes(&id.name, body, scopes)).unwrap_or_default()
    }

    fn is_refused_reload(&self, body: &Value) -> bool {
        !self.may_operate && body.get("reload") == Some(&Value::Bool(true))
    }

    /// The changes of a schedule to documents that have such members.
    fn later<'a>(&'a self, body: &'a Value) -> impl Iterator<Item = (JsonPointer, LaterChange<'a>)> {
        changes_of(body).filter(|(_, later)| self.members(&later.id).is_some())
    }

    /// Has changes that are made later be made on the versions that they were compared with. One whose own precondition
    /// is not fulfilled is refused for that.
    fn keep_to(&self, changes: &mut [Change], now: &NewestDocuments) {
        for change in changes.iter_mut().filter(|change| self.members(&change.id).is_some()) {
            let document = now.get(&change.id);
            let head = document.map(Document::head);
            if change.precondition.check(&change.id, head.as_ref()).is_ok() {
                change.precondition = Precondition::Version(document.map_or(0, |document| document.version));
            }
        }
    }
}

/// A change that a schedule makes later, as far as it is looked at. What is none is refused as a schedule.
struct LaterChange<'a> {
    id: DocumentId,
    body: Option<&'a Value>,
    if_version: Option<u64>,
}

impl<'a> LaterChange<'a> {
    fn of(item: &'a Value) -> Option<Self> {
        let text = |key: &str| item.get(key).and_then(Value::as_str);
        let id = DocumentId::new(text("kind")?, text("name")?).ok()?;
        Some(Self { id, body: item.get("body"), if_version: item.get("if_version").and_then(Value::as_u64) })
    }
}

/// The changes of a schedule, with their places.
fn changes_of(body: &Value) -> impl Iterator<Item = (JsonPointer, LaterChange<'_>)> {
    let items = body.get("changes").and_then(Value::as_array).into_iter().flatten().enumerate();
    items.filter_map(|(n, item)| Some((JsonPointer::root().key("changes").index(n), LaterChange::of(item)?)))
}

/// The body of a schedule that is put.
fn schedule(change: &Change) -> Option<&Value> {
    change.body.as_deref().filter(|_| change.id.kind.as_str() == SCHEDULES)
}

fn member_of<'a>(body: Option<&'a Value>, member: &str) -> Option<&'a Value> {
    body.and_then(|body| body.get(member))
}

fn problem(document: &DocumentId, place: &JsonPointer, message: String) -> ProblemItem {
    ProblemItem {
        path: place.as_str().to_owned(),
        message,
        document: Some(document.to_string()),
        ..ProblemItem::default()
    }
}
