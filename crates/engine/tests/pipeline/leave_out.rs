//! Edits of which some documents are invalid: made without them, or refused with all that is wrong.

use midflight_core::{Change, Outcome, Problem};
use midflight_engine::{InvalidPolicy, Refusal};
use serde_json::json;

use crate::support::{Bench, edit, id, put};

fn needing(name: &str, needs: &str) -> Change {
    Change::put(id(name), json!({ "text": name, "needs": needs }))
}

fn invalid(name: &str) -> Change {
    Change::put(id(name), json!({ "text": 1 }))
}

/// The documents in which problems are, in their order.
fn documents<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> Vec<String> {
    let ids = problems.into_iter().filter_map(|problem| problem.document.as_ref());
    ids.map(|id| id.name.as_str().to_owned()).collect()
}

/// Of all reloads, oldest first.
fn outcomes(bench: &Bench) -> Vec<Outcome> {
    let events = bench.engine.history().select(100, |_| true);
    events.iter().rev().filter_map(|event| event.outcome.known()).collect()
}

#[tokio::test]
async fn what_is_invalid_is_left_out_with_what_needs_it_in_one_reload_that_succeeds() {
    let bench = Bench::new().await;
    let before = outcomes(&bench);
    let check = Change::put(id("checks/c"), json!({ "input": "a", "expect": "another" }));
    let changes = [put("a", "one"), invalid("b"), needing("c", "b"), needing("d", "a"), check];
    let accepted = bench.engine.apply_valid(edit(changes.clone())).await.unwrap();
    assert_eq!(documents(&accepted.left_out), ["b", "c", "checks/c"]);
    let made: Vec<_> = accepted.documents.iter().map(|document| document.id.name.as_str()).collect();
    let differs: Vec<_> = accepted.diff.documents().iter().map(|diff| diff.id.name.as_str()).collect();
    assert_eq!((made, differs), (vec!["a", "d"], vec!["a", "d"]));
    assert_eq!((bench.text("a").as_deref(), bench.text("b"), bench.text("c")), (Some("one"), None, None));
    assert_eq!((bench.head().await, &outcomes(&bench)[before.len()..]), (1, &[Outcome::Success][..]));
    assert_eq!(bench.engine.status().last_refused, None);
    let replica = bench.beside().await;
    assert_eq!(replica.text("d").as_deref(), Some("d"));
    // The same again changes nothing, and tells the same.
    let again = bench.engine.apply_valid(edit(changes)).await.unwrap();
    assert_eq!((again.revision, again.diff.has_changes()), (None, false));
    assert_eq!(again.event.unwrap().outcome, Outcome::Unchanged);
    assert_eq!(documents(&again.left_out), ["b", "c", "checks/c"]);
}

#[tokio::test]
async fn an_edit_of_which_nothing_would_be_left_is_refused_once() {
    let bench = Bench::new().await;
    let before = outcomes(&bench);
    let refused = bench.engine.apply_valid(edit([invalid("b"), needing("c", "b")])).await.unwrap_err();
    assert_eq!(documents(refused.refusal.problems().unwrap().iter()), ["b", "c"]);
    assert_eq!(&outcomes(&bench)[before.len()..], [Outcome::ValidationFailed]);
    // What is wrong is in no document of the edit, so none can be left out for it.
    bench.engine.apply(edit([put("a", "one"), needing("z", "a")])).await.unwrap();
    let refused = bench.engine.apply_valid(edit([Change::delete(id("a")), put("y", "y")])).await.unwrap_err();
    assert!(matches!(refused.refusal, Refusal::Invalid(_)), "{refused}");
    assert_eq!(
        (documents(refused.refusal.problems().unwrap().iter()), bench.head().await),
        (vec!["z".to_owned()], 1)
    );
}

#[tokio::test]
async fn a_dry_run_leaves_out_the_same() {
    let bench = Bench::new().await;
    let changes = [put("a", "one"), invalid("b"), needing("c", "b")];
    let dry = bench.engine.dry_run_with(edit(changes), InvalidPolicy::LeaveOut).await.unwrap();
    assert_eq!(
        (documents(&dry.left_out), dry.diff.documents().len()),
        (vec!["b".to_owned(), "c".to_owned()], 1)
    );
    assert_eq!(dry.plan.unwrap().changes.len(), 1);
    assert_eq!((bench.head().await, bench.text("a")), (0, None));
}

#[tokio::test]
async fn a_refused_edit_names_what_invalid_documents_hide_and_not_what_only_they_break() {
    let bench = Bench::new().await;
    let changes = [put("a", "one"), invalid("b"), needing("c", "b"), needing("d", "gone"), needing("e", "a")];
    let refused = bench.engine.apply(edit(changes.clone())).await.unwrap_err();
    assert_eq!(documents(refused.refusal.problems().unwrap().iter()), ["b", "d"]);
    assert_eq!(refused.event.unwrap().problems.count(), 2);
    let dry = bench.engine.dry_run(edit(changes)).await.unwrap_err();
    assert_eq!(documents(dry.refusal.problems().unwrap().iter()), ["b", "d"]);
    assert_eq!(bench.head().await, 0);
}

#[tokio::test]
async fn so_many_rounds_are_made_and_no_more() {
    let bench = Bench::new().await;
    let name = |n: usize| format!("w{n:02}");
    let chain = |length: usize| {
        let links = (1..length).map(|n| needing(&name(n), &name(n - 1)));
        edit([put("a", "one"), invalid(&name(0))].into_iter().chain(links))
    };
    let refused = bench.engine.apply_valid(chain(60)).await.unwrap_err().to_string();
    assert!(refused.contains("leave_out_rounds_max"), "{refused}");
    let accepted = bench.engine.apply_valid(chain(49)).await.unwrap();
    assert_eq!((accepted.left_out.len(), accepted.documents.len()), (49, 1));
}
