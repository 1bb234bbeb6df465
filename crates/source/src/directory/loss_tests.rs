//! Losing documents: a directory that lost many, or cannot be read, deletes nothing until that is confirmed.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use midflight_store::RevisionQuery;

use super::tests::{TestDirectory, document, until};
use super::*;
use crate::HeldLoss;

impl TestDirectory {
    /// Watches with the defaults of a server, but for the poll.
    async fn watch_with(&self, change: impl FnOnce(&mut DirectoryOptions)) -> DirectorySource {
        let mut options = DirectoryOptions { poll: Duration::from_secs(3600), ..DirectoryOptions::default() };
        change(&mut options);
        let directory = NamedDirectory::unnamed(self.path()).unwrap();
        DirectorySource::start(self.engine.clone(), directory, options).await.unwrap()
    }

    /// Writes a file for each number below `count`.
    fn write_files(&self, count: u64) {
        for n in 0..count {
            self.write(&format!("f{n}.yaml"), &document(&format!("n{n}"), n));
        }
    }

    fn remove_files(&self, numbers: std::ops::Range<u64>) {
        numbers.for_each(|n| fs::remove_file(self.path().join(format!("f{n}.yaml"))).unwrap());
    }
}

#[tokio::test]
async fn an_emptied_directory_deletes_nothing_until_it_is_confirmed() {
    let fixture = TestDirectory::new().await;
    fixture.write_files(3);
    let source = fixture.watch_with(|_| ()).await;
    // A volume that is unmounted: the folder is there, and empty.
    fixture.remove_files(0..3);
    let status = until(&source, "the loss", |status| status.held.is_some()).await;
    assert_eq!(status.held, Some(HeldLoss { deleted: 3, owned: 3, empty: true }));
    assert!(status.blocked && status.problems[0].message.contains("--confirm-loss"), "{status:?}");
    assert_eq!((fixture.served().len(), fixture.head().await), (3, 1));
    // Neither another look nor a restart confirms it.
    assert!(source.sync_now().await.held.is_some());
    source.stop().await;
    let source = fixture.watch_with(|_| ()).await;
    assert!(source.status().held.is_some() && source.status().blocked);
    assert_eq!((fixture.served().len(), fixture.head().await), (3, 1));
    // The volume is back.
    fixture.write_files(3);
    let status = until(&source, "the files", |status| !status.blocked).await;
    assert_eq!((status.held, status.problems.len(), fixture.head().await), (None, 0, 1));

    fixture.remove_files(0..3);
    until(&source, "the loss", |status| status.held.is_some()).await;
    let status = source.handle().confirm_loss("ann").await;
    assert_eq!((status.held, status.blocked, fixture.served().len()), (None, false, 0));
    let newest = RevisionQuery { limit: 1, ..RevisionQuery::default() };
    let newest = fixture.engine.store().revisions(newest).await.unwrap().items.remove(0);
    assert_eq!(newest.revision.reason, "3 deleted; confirmed by ann");
    // A confirmation is for one look.
    fixture.write_files(1);
    until(&source, "the file", |status| status.documents == 1 && !status.blocked).await;
    fixture.remove_files(0..1);
    until(&source, "the loss", |status| status.held.is_some()).await;
    assert_eq!(fixture.served().len(), 1);
}

#[tokio::test]
async fn a_directory_that_may_be_empty_deletes_what_it_owns() {
    let fixture = TestDirectory::new().await;
    fixture.write_files(3);
    let source = fixture.watch_with(|options| options.allow_empty = true).await;
    fixture.remove_files(0..3);
    until(&source, "the deletion", |status| status.revisions >= 2 && status.documents == 0).await;
    assert_eq!((source.sync_now().await.held, fixture.served().len()), (None, 0));
}

#[tokio::test]
async fn a_loss_of_more_than_the_share_waits_and_a_smaller_one_does_not() {
    let fixture = TestDirectory::new().await;
    fixture.write_files(20);
    let source = fixture.watch_with(|_| ()).await;
    // Half is not more than half. In one step, as one rename, so that no look finds a part of it.
    let rest = |numbers: std::ops::Range<u64>| {
        let text: Vec<_> = numbers.map(|n| document(&format!("n{n}"), n)).collect();
        text.join("---\n")
    };
    source.stop().await;
    fixture.remove_files(0..20);
    fixture.write("all.yaml", &rest(10..20));
    let source = fixture.watch_with(|_| ()).await;
    assert_eq!((source.status().held, fixture.served().len()), (None, 10));
    // Nine of ten are a large share, but few.
    fixture.write("all.yaml", &rest(10..11));
    until(&source, "the deletion of nine", |status| status.documents == 1).await;
    assert_eq!(fixture.served().len(), 1);
    fixture.write("all.yaml", &rest(0..20));
    until(&source, "twenty again", |status| status.documents == 20).await;
    let head = fixture.head().await;
    fixture.write("all.yaml", &rest(0..9));
    let status = until(&source, "the loss of eleven", |status| status.held.is_some()).await;
    assert_eq!(status.held, Some(HeldLoss { deleted: 11, owned: 20, empty: false }));
    // What else changed waits with it.
    fixture.write("more.yaml", &document("more", 1));
    until(&source, "the look", |status| status.documents == 10).await;
    assert_eq!((fixture.head().await, fixture.served().len()), (head, 20));
    source.stop().await;
    let source = fixture.watch_with(|options| options.loss_percent_max = 55).await;
    assert_eq!((source.status().held, fixture.served().len()), (None, 10));
}

#[tokio::test]
async fn what_is_out_of_reach_is_not_deleted() {
    let fixture = TestDirectory::new().await;
    let unavailable = tempfile::tempdir().unwrap();
    fs::create_dir(unavailable.path().join("volume")).unwrap();
    fs::write(unavailable.path().join("volume/b.yaml"), document("b", 1)).unwrap();
    fixture.write("a.yaml", &document("a", 1));
    symlink(unavailable.path().join("volume"), fixture.path().join("more")).unwrap();
    let source = fixture.watch_with(|_| ()).await;
    assert_eq!(fixture.served().len(), 2);
    // A folder behind a link is gone; then the link leads to itself, which no system can read.
    fs::rename(unavailable.path().join("volume"), unavailable.path().join("gone")).unwrap();
    let status = source.sync_now().await;
    assert!(
        status.blocked && status.problems[0].message.contains("is a link to a missing file"),
        "{status:?}"
    );
    fs::remove_file(fixture.path().join("more")).unwrap();
    symlink("more", fixture.path().join("more")).unwrap();
    let status = source.sync_now().await;
    assert!(status.blocked && status.problems[0].message.contains("cannot be read"), "{status:?}");
    assert_eq!((fixture.served().len(), fixture.head().await), (2, 1));
}
