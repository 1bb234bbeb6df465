//! Copies of one directory on several replicas: an old one that is started does not bring old documents back.

use std::fs;
use std::time::Duration;

use midflight_store::RevisionQuery;
use tempfile::TempDir;

use super::tests::{TestDirectory, document, until};
use super::*;

/// The copy of a directory that one replica has.
struct Copy(TempDir);

impl Copy {
    fn new(version: &[(&str, u64)]) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        copy.write(version);
        copy
    }

    /// Makes it this version, in one step.
    fn write(&self, version: &[(&str, u64)]) {
        let text: Vec<_> = version.iter().map(|(name, n)| document(name, *n)).collect();
        let beside = self.0.path().join(".all");
        fs::write(&beside, text.join("---\n")).unwrap();
        fs::rename(beside, self.0.path().join("all.yaml")).unwrap();
    }

    async fn watch(&self, fixture: &TestDirectory, shared: bool) -> DirectorySource {
        let options =
            DirectoryOptions { poll: Duration::from_secs(3600), shared, ..DirectoryOptions::default() };
        let directory = NamedDirectory::new("numbers", self.0.path()).unwrap();
        DirectorySource::start(fixture.engine.clone(), directory, options).await.unwrap()
    }
}

const OLD: &[(&str, u64)] = &[("a", 1), ("b", 1)];
const NEW: &[(&str, u64)] = &[("a", 2), ("b", 1), ("c", 1)];

fn served(fixture: &TestDirectory) -> String {
    fixture.served().iter().map(|(name, n)| format!("{name}{n}")).collect()
}

/// A house in which one copy was old and became new.
async fn fixture_at_new(shared: bool) -> TestDirectory {
    let fixture = TestDirectory::new().await;
    let copy = Copy::new(OLD);
    let source = copy.watch(&fixture, shared).await;
    copy.write(NEW);
    until(&source, "the new version", |status| status.revisions == 2).await;
    source.stop().await;
    assert_eq!((served(&fixture).as_str(), fixture.head().await), ("a2b1c1", 2));
    fixture
}

#[tokio::test]
async fn an_old_copy_changes_nothing_and_is_reported_until_it_is_new() {
    let fixture = fixture_at_new(true).await;
    let copy = Copy::new(OLD);
    let source = copy.watch(&fixture, true).await;
    let status = source.sync_now().await;
    assert_eq!((served(&fixture).as_str(), fixture.head().await), ("a2b1c1", 2));
    let messages = &status.problems[0].message;
    assert!(
        status.blocked && messages.contains("older than the log") && messages.contains("2 documents"),
        "{messages}"
    );
    assert!(messages.contains("--confirm-loss numbers"), "{messages}");
    copy.write(NEW);
    until(&source, "the new copy", |status| !status.blocked).await;
    assert_eq!((source.status().problems.len(), fixture.head().await), (0, 2));
    // One that agreed is a change when it goes back.
    copy.write(OLD);
    until(&source, "the way back", |status| status.revisions == 1).await;
    assert_eq!(served(&fixture), "a1b1");
}

#[tokio::test]
async fn a_copy_with_anything_new_is_the_newest() {
    let fixture = fixture_at_new(true).await;
    let copy = Copy::new(&[("a", 1), ("b", 3)]);
    let source = copy.watch(&fixture, true).await;
    assert_eq!((served(&fixture).as_str(), source.status().blocked), ("a1b3", false));
}

#[tokio::test]
async fn a_state_that_never_was_is_the_newest_though_each_document_was_so() {
    let fixture = fixture_at_new(true).await;
    // The document `a` is as it was, and `c` is as it is.
    let copy = Copy::new(&[("a", 1), ("b", 1), ("c", 1)]);
    let source = copy.watch(&fixture, true).await;
    assert_eq!((served(&fixture).as_str(), source.status().blocked), ("a1b1c1", false));
}

#[tokio::test]
async fn a_state_between_changes_back_and_forth_is_found() {
    let fixture = TestDirectory::new().await;
    let copy = Copy::new(&[("a", 1), ("b", 1)]);
    let source = copy.watch(&fixture, true).await;
    for (n, version) in [[("a", 1), ("b", 2)], [("a", 2), ("b", 2)], [("a", 2), ("b", 1)]].iter().enumerate()
    {
        copy.write(version);
        until(&source, "the next version", |status| status.revisions == n as u64 + 2).await;
    }
    source.stop().await;
    for (version, blocked) in [([("a", 1), ("b", 1)], true), ([("a", 1), ("b", 2)], true)] {
        let copy = Copy::new(&version);
        assert_eq!(copy.watch(&fixture, true).await.status().blocked, blocked, "{version:?}");
    }
    assert_eq!((served(&fixture).as_str(), fixture.head().await), ("a2b1", 4));
}

#[tokio::test]
async fn a_change_is_news_also_for_a_look_that_compares_all() {
    let fixture = fixture_at_new(true).await;
    let copy = Copy::new(NEW);
    let source = copy.watch(&fixture, true).await;
    copy.write(OLD);
    let status = source.sync_now().await;
    assert_eq!((served(&fixture).as_str(), status.blocked), ("a1b1", false));
}

#[tokio::test]
async fn a_directory_that_shares_nothing_with_its_name_deletes_nothing() {
    let fixture = fixture_at_new(true).await;
    let copy = Copy::new(&[("other", 1)]);
    let source = copy.watch(&fixture, true).await;
    let status = source.status();
    let messages = &status.problems[0].message;
    assert!(
        status.blocked
            && messages.contains("none of the 3 documents")
            && messages.contains("--watch NAME=DIR"),
        "{messages}"
    );
    assert_eq!(served(&fixture), "a2b1c1");
}

#[tokio::test]
async fn a_copy_in_which_documents_are_only_missing_is_an_old_one() {
    let fixture = fixture_at_new(true).await;
    let copy = Copy::new(NEW);
    let source = copy.watch(&fixture, true).await;
    copy.write(&[("a", 2), ("b", 1), ("c", 1), ("d", 1)]);
    until(&source, "a document more", |status| status.revisions == 1).await;
    source.stop().await;
    copy.write(NEW);
    let source = copy.watch(&fixture, true).await;
    assert_eq!((served(&fixture).as_str(), source.status().blocked), ("a2b1c1d1", true));
    assert!(source.status().problems[0].message.contains("older than the log"));
}

#[tokio::test]
async fn an_old_copy_that_is_confirmed_is_the_newest() {
    let fixture = fixture_at_new(true).await;
    let copy = Copy::new(OLD);
    let source = copy.watch(&fixture, true).await;
    let status = source.handle().confirm_loss("ann").await;
    assert_eq!((served(&fixture).as_str(), status.blocked, status.problems.len()), ("a1b1", false, 0));
    let newest = RevisionQuery { limit: 1, ..RevisionQuery::default() };
    let newest = fixture.engine.store().revisions(newest).await.unwrap().items.remove(0);
    assert!(newest.revision.reason.ends_with("confirmed by ann"), "{}", newest.revision.reason);
}

#[tokio::test]
async fn a_directory_that_no_other_replica_watches_is_always_the_newest() {
    let fixture = fixture_at_new(false).await;
    let copy = Copy::new(OLD);
    let source = copy.watch(&fixture, false).await;
    assert_eq!((served(&fixture).as_str(), source.status().blocked), ("a1b1", false));
}

#[tokio::test]
async fn a_directory_that_was_moved_keeps_its_documents() {
    let fixture = TestDirectory::new().await;
    let place = tempfile::tempdir().unwrap();
    let old = place.path().join("rules");
    fs::create_dir(&old).unwrap();
    fs::write(old.join("a.yaml"), document("a", 1)).unwrap();
    let start = async |flag: String| {
        let directory = flag.parse().unwrap();
        DirectorySource::start(fixture.engine.clone(), directory, DirectoryOptions::default()).await.unwrap()
    };
    start(old.display().to_string()).await.stop().await;
    let new = place.path().join("moved");
    fs::rename(&old, &new).unwrap();
    fs::write(new.join("a.yaml"), document("a", 2)).unwrap();
    // Under another name it is another directory, and says what to do.
    let source = start(new.display().to_string()).await;
    let messages = source.status().problems[0].to_string();
    assert!(
        messages.contains("belongs to file:rules") && messages.contains("--watch rules=DIR"),
        "{messages}"
    );
    assert!(source.status().blocked, "nothing of it is followed");
    source.stop().await;
    let source = start(format!("rules={}", new.display())).await;
    assert_eq!((served(&fixture).as_str(), source.status().problems.len()), ("a2", 0));
}
