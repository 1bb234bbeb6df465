//! A directory and a log in one process. Every wait is for a condition, with a deadline; the poll is an hour away
//! unless a test is about it, so what is found was told by the system.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use midflight_core::{
    Change, DocumentId, DocumentName, Edit, JsonPointer, KindName, Owner, Problem, Problems, RevisionNumber,
    Trigger,
};
use midflight_engine::{Engine, Kind, KindChange, Work};
use midflight_live::Live;
use midflight_store::{MemoryStore, RevisionQuery, Store};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;

/// Numbers by name: documents `{"n": 1}`, never negative.
struct Numbers;

impl Kind for Numbers {
    type Document = u64;
    type Snapshot = BTreeMap<String, u64>;

    fn name(&self) -> KindName {
        KindName::new("numbers").unwrap()
    }

    fn empty(&self) -> Self::Snapshot {
        BTreeMap::new()
    }

    fn validate(&self, _: &DocumentName, body: &Arc<Value>, _: &Work) -> Result<u64, Problems> {
        let wrong = || Problem::new("wrong_type", JsonPointer::root().key("n"), "write a number from 0 up");
        body.get("n").and_then(Value::as_u64).ok_or_else(|| wrong().into())
    }

    fn compile(
        &self,
        previous: &Self::Snapshot,
        changes: Vec<KindChange<u64>>,
        work: &Work,
    ) -> Result<Self::Snapshot, Problems> {
        let mut next = previous.clone();
        for change in changes {
            work.check()?;
            match change.document {
                Some(n) => next.insert(change.name.to_string(), n),
                None => next.remove(change.name.as_str()),
            };
        }
        Ok(next)
    }

    fn answer(&self, snapshot: &Self::Snapshot, input: &Value) -> Result<Value, Problem> {
        Ok(json!(input.as_str().and_then(|name| snapshot.get(name))))
    }
}

pub(super) struct TestDirectory {
    pub(super) engine: Engine,
    live: Live<BTreeMap<String, u64>>,
    dir: TempDir,
}

impl TestDirectory {
    pub(super) async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let mut builder = Engine::builder().store(store);
        let slot = builder.kind(Numbers);
        let engine = builder.start().await.unwrap();
        let live = engine.live(slot);
        Self { engine, live, dir: tempfile::tempdir().unwrap() }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).unwrap();
    }

    async fn watch(&self) -> DirectorySource {
        watch(&self.engine, self.path()).await
    }

    pub(super) fn served(&self) -> Vec<(String, u64)> {
        self.live.load().iter().map(|(name, n)| (name.clone(), *n)).collect()
    }

    pub(super) async fn apply(
        &self,
        owner: Option<&str>,
        take_over: bool,
        changes: Vec<Change>,
    ) -> RevisionNumber {
        let edit =
            Edit { owner: owner.map(Owner::new), take_over, ..Edit::new("ann", Trigger::ApiUpdate, changes) };
        self.engine.apply(edit).await.unwrap().revision.unwrap().number
    }

    pub(super) async fn head(&self) -> u64 {
        self.engine.store().head().await.unwrap().number.get()
    }
}

async fn watch(engine: &Engine, dir: &Path) -> DirectorySource {
    // Most tests delete their last document at some point; that this has to be confirmed is the subject of `loss`.
    let options = DirectoryOptions {
        poll: Duration::from_secs(3600),
        allow_empty: true,
        ..DirectoryOptions::default()
    };
    let directory = NamedDirectory::unnamed(dir).unwrap();
    DirectorySource::start(engine.clone(), directory, options).await.unwrap()
}

/// Waits until the directory stands so to the log.
pub(super) async fn until(
    source: &DirectorySource,
    what: &str,
    holds: impl FnMut(&DirectoryStatus) -> bool,
) -> DirectoryStatus {
    let mut statuses = source.statuses();
    let found = tokio::time::timeout(Duration::from_secs(20), statuses.wait_for(holds)).await;
    match found {
        Ok(status) => status.unwrap().clone(),
        Err(_) => panic!("{what}: {:?}", source.status()),
    }
}

pub(super) fn id(name: &str) -> DocumentId {
    DocumentId::new("numbers", name).unwrap()
}

pub(super) fn document(name: &str, n: u64) -> String {
    format!("kind: numbers\nname: {name}\nbody:\n  n: {n}\n")
}

pub(super) fn numbers(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect()
}

#[tokio::test]
async fn a_save_a_rename_and_a_deletion_are_one_revision_each() {
    let fixture = TestDirectory::new().await;
    fixture.write("a.yaml", &document("a", 1));
    fixture.write("README.md", "not a document");
    fs::create_dir(fixture.path().join("more")).unwrap();
    let source = fixture.watch().await;
    assert_eq!((fixture.served(), fixture.head().await), (numbers(&[("a", 1)]), 1));
    assert!(source.status().notified && source.status().problems.is_empty());

    fixture.write("a.yaml", &document("a", 2));
    until(&source, "a save in place", |status| status.revisions == 2).await;
    assert_eq!(fixture.served(), numbers(&[("a", 2)]));

    fixture.write(".a.yaml.tmp", &format!("{}---\n{}", document("a", 3), document("b", 1)));
    fs::rename(fixture.path().join(".a.yaml.tmp"), fixture.path().join("a.yaml")).unwrap();
    until(&source, "a rename over it", |status| status.revisions == 3).await;
    assert_eq!(fixture.served(), numbers(&[("a", 3), ("b", 1)]));

    // Moved to another file and another folder, a document is the same document.
    fixture.write("more/c.json", r#"{"kind": "numbers", "name": "c", "body": {"n": 7}}"#);
    until(&source, "a file in a folder", |status| status.revisions == 4).await;
    fs::rename(fixture.path().join("more"), fixture.path().join("moved")).unwrap();
    fixture.write("moved/c.json", r#"{"kind": "numbers", "name": "c", "body": {"n": 8}}"#);
    until(&source, "a save in a moved folder", |status| status.revisions == 5).await;
    assert_eq!(fixture.served(), numbers(&[("a", 3), ("b", 1), ("c", 8)]));

    fs::remove_file(fixture.path().join("a.yaml")).unwrap();
    until(&source, "a deletion", |status| status.revisions == 6).await;
    assert_eq!((fixture.served(), fixture.head().await), (numbers(&[("c", 8)]), 6));

    let newest = fixture.engine.store().revisions(RevisionQuery { limit: 1, ..RevisionQuery::default() });
    let newest = newest.await.unwrap().items.remove(0).revision;
    let owner = NamedDirectory::unnamed(fixture.path()).unwrap().owner().to_string();
    assert_eq!((newest.author, newest.trigger), (owner, Trigger::FileWatch.into()));
    assert_eq!(newest.reason, "2 deleted");
    source.stop().await;
    fixture.write("b.yaml", &document("b", 1));
    assert_eq!(fixture.head().await, 6);
}

#[tokio::test]
async fn what_has_no_consequence_is_no_revision() {
    let fixture = TestDirectory::new().await;
    fixture.write("a.yaml", &document("a", 1));
    let source = fixture.watch().await;
    fixture.write("a.yaml", &document("a", 1));
    fixture.write("a.yaml", &format!("# a comment\n{}", document("a", 1)));
    fs::rename(fixture.path().join("a.yaml"), fixture.path().join("z.yaml")).unwrap();
    let file = fs::File::options().append(true).open(fixture.path().join("z.yaml")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    source.sync_now().await;
    fixture.write("b.yaml", &document("b", 1));
    until(&source, "the next change", |status| status.documents == 2).await;
    assert_eq!(fixture.head().await, 2);
}

/// Makes what a ConfigMap holds another, the way kubelet does.
fn swap(dir: &Path, generation: u64, files: &[(&str, String)]) {
    let data = format!("..2026_11_21_{generation}");
    fs::create_dir(dir.join(&data)).unwrap();
    for (name, text) in files {
        fs::write(dir.join(&data).join(name), text).unwrap();
    }
    let old = fs::read_link(dir.join("..data")).ok();
    symlink(&data, dir.join("..data_tmp")).unwrap();
    fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    for (name, _) in files {
        if old.is_none() {
            symlink(format!("..data/{name}"), dir.join(name)).unwrap();
        }
    }
    if let Some(old) = old {
        fs::remove_dir_all(dir.join(old)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_of_a_config_map_are_a_hundred_revisions() {
    let fixture = TestDirectory::new().await;
    let files = |n: u64| [("a.yaml", document("a", n)), ("b.yaml", document("b", n))];
    swap(fixture.path(), 0, &files(0));
    let source = fixture.watch().await;
    let mut changes = fixture.engine.changes();
    for n in 1..=100 {
        swap(fixture.path(), n, &files(n));
        tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.unwrap();
        // Both files are of one generation, whenever one looks.
        assert_eq!(fixture.served(), numbers(&[("a", n), ("b", n)]));
    }
    let status = source.sync_now().await;
    assert_eq!((status.revisions, fixture.head().await), (101, 101));
    assert!(status.problems.is_empty());
}

#[tokio::test]
async fn a_broken_file_changes_nothing_until_it_is_mended() {
    let fixture = TestDirectory::new().await;
    fixture.write("a.yaml", &document("a", 1));
    fixture.write("b.yaml", &document("b", 1));
    let source = fixture.watch().await;
    for (text, place, message) in [
        ("kind: numbers\nname: b\nbody: {n: ", "b.yaml:3:7", "unclosed bracket"),
        ("kind: numbers\nname: b\nbody:\n  n: -1\n", "b.yaml:4:6", "write a number from 0 up"),
        ("kind: numbers\nname: a\nbody:\n  n: 1\n", "b.yaml:1", "is at "),
        ("kind: numbers\nname: b\nbody:\n  n: 1\n---\nkind: 1", "b.yaml:6:7", "kind is a text"),
    ] {
        fixture.write("a.yaml", &document("a", 2));
        fixture.write("b.yaml", text);
        let status = until(&source, message, |status| {
            let reported = status.problems.iter().map(ToString::to_string);
            reported.into_iter().any(|reported| reported.contains(place) && reported.contains(message))
        });
        status.await;
        assert_eq!((fixture.served(), fixture.head().await), (numbers(&[("a", 1), ("b", 1)]), 1));
    }
    fs::write(fixture.path().join("b.yaml"), b"kind: numbers\nname: \xff").unwrap();
    until(&source, "no text", |status| status.problems.iter().any(|it| it.line == Some(2))).await;
    fixture.write("b.yaml", &document("b", 3));
    until(&source, "the mended file", |status| status.revisions == 2).await;
    assert_eq!(fixture.served(), numbers(&[("a", 2), ("b", 3)]));
    assert!(source.status().problems.is_empty());
}

#[tokio::test]
async fn a_file_is_not_read_while_it_is_written() {
    use std::io::Write as _;
    let fixture = TestDirectory::new().await;
    fixture.write("a.yaml", &document("a", 1));
    let source = fixture.watch().await;
    // What is there in the middle is valid by itself, and would delete the document.
    let mut file = fs::File::create(fixture.path().join("a.yaml")).unwrap();
    file.write_all(b"# nothing yet\n").unwrap();
    let mut statuses = source.statuses();
    let quiet = Duration::from_millis(100);
    assert!(tokio::time::timeout(quiet, statuses.changed()).await.is_err());
    file.write_all(document("a", 2).as_bytes()).unwrap();
    drop(file);
    until(&source, "the whole file", |status| status.revisions == 2).await;
    assert_eq!((fixture.served(), fixture.head().await), (numbers(&[("a", 2)]), 2));
}

#[tokio::test]
async fn other_writes_beside_the_directory_do_not_delay_it() {
    use std::io::Write as _;
    let fixture = TestDirectory::new().await;
    let dir = fixture.path().join("watched");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("a.yaml"), document("a", 0)).unwrap();
    let source = watch(&fixture.engine, &dir).await;
    // A log and a database, open for writing all the time, in the folder above and in the directory itself.
    let mut others =
        [fixture.path().join("log.db"), dir.join("app.log")].map(|path| fs::File::create(path).unwrap());
    let began = std::time::Instant::now();
    for n in 1..=10 {
        for other in &mut others {
            other.write_all(b"x").unwrap();
        }
        fs::write(dir.join("a.yaml"), document("a", n)).unwrap();
        until(&source, "a save beside a writer", |status| status.revisions == n + 1).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "it waited for writers of no concern");
}

#[tokio::test]
async fn a_missing_directory_deletes_nothing() {
    let fixture = TestDirectory::new().await;
    let dir = fixture.path().join("watched");
    let source = watch(&fixture.engine, &dir).await;
    assert!(source.status().problems[0].message.contains("does not exist"));
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("a.yaml"), document("a", 1)).unwrap();
    until(&source, "it came", |status| status.revisions == 1).await;
    for n in 2..5 {
        fs::remove_dir_all(&dir).unwrap();
        until(&source, "it went", |status| !status.problems.is_empty()).await;
        assert_eq!(fixture.served(), numbers(&[("a", n - 1)]));
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("a.yaml"), document("a", n)).unwrap();
        until(&source, "it came back", |status| status.revisions == n).await;
        assert_eq!((fixture.served(), fixture.head().await), (numbers(&[("a", n)]), n));
    }
    // Also when the directory is a link, and the link is what changes.
    let (one, other) = (fixture.path().join("one"), fixture.path().join("other"));
    for (path, n) in [(&one, 10), (&other, 11)] {
        fs::create_dir(path).unwrap();
        fs::write(path.join("b.yaml"), document("b", n)).unwrap();
    }
    let link = fixture.path().join("link");
    symlink(&one, &link).unwrap();
    let linked = watch(&fixture.engine, &link).await;
    symlink(&other, fixture.path().join("tmp")).unwrap();
    fs::rename(fixture.path().join("tmp"), &link).unwrap();
    until(&linked, "the other", |status| status.revisions == 2).await;
    assert_eq!(fixture.served(), numbers(&[("a", 4), ("b", 11)]));
}

#[tokio::test]
async fn documents_of_other_owners_are_not_changed() {
    let fixture = TestDirectory::new().await;
    let put = |name: &str, n: u64| Change::put(id(name), json!({ "n": n }));
    fixture.apply(None, false, vec![put("free", 1), put("same", 1)]).await;
    fixture.apply(Some("file:/elsewhere"), false, vec![put("theirs", 1), put("also-theirs", 1)]).await;
    fixture.write("a.yaml", &[document("free", 2), document("same", 1), document("theirs", 2)].join("---\n"));
    let source = fixture.watch().await;
    let status = source.status();
    assert_eq!(status.problems.len(), 1);
    let reported = status.problems[0].to_string();
    assert!(
        reported.ends_with(
            "a.yaml:11: numbers/theirs belongs to file:/elsewhere and is not changed; \
                            remove it here or there"
        ),
        "{reported}"
    );
    assert_eq!(fixture.served(), numbers(&[("also-theirs", 1), ("free", 2), ("same", 1), ("theirs", 1)]));

    // What it owns now is nobody else's to change, until it is taken over on purpose.
    let edit = |take_over| Edit { take_over, ..Edit::new("ann", Trigger::ApiUpdate, [put("free", 3)]) };
    let refused = fixture.engine.apply(edit(false)).await.unwrap_err().to_string();
    assert!(refused.contains("belongs to file:"), "{refused}");
    fixture.engine.apply(edit(true)).await.unwrap();
    let status = source.sync_now().await;
    assert!(status.problems.iter().any(|problem| problem.message.contains("was taken over by ann")));
    assert_eq!(fixture.live.load()["free"], 3);
    // A restart does not take it back either; something new in the file does.
    source.stop().await;
    let source = fixture.watch().await;
    assert_eq!(fixture.live.load()["free"], 3);
    fixture.write("a.yaml", &[document("free", 4), document("same", 1)].join("---\n"));
    until(&source, "it is taken back", |status| status.revisions == 1).await;
    assert_eq!(fixture.served(), numbers(&[("also-theirs", 1), ("free", 4), ("same", 1), ("theirs", 1)]));
    assert!(source.status().problems.is_empty());

    // An empty directory deletes what it owns, and nothing else.
    fs::remove_file(fixture.path().join("a.yaml")).unwrap();
    until(&source, "all is gone", |status| status.revisions == 2).await;
    assert_eq!(fixture.served(), numbers(&[("also-theirs", 1), ("theirs", 1)]));
}

#[tokio::test]
async fn a_deletion_on_purpose_is_left_so() {
    let fixture = TestDirectory::new().await;
    fixture.write("a.yaml", &document("a", 1));
    let source = fixture.watch().await;
    fixture.apply(None, true, vec![Change::delete(id("a"))]).await;
    let status = source.sync_now().await;
    assert!(status.problems[0].message.contains("was taken over by ann"));
    assert_eq!(fixture.served(), []);
    fixture.write("a.yaml", &document("a", 2));
    until(&source, "it says something new", |status| status.revisions == 2).await;
    fs::remove_file(fixture.path().join("a.yaml")).unwrap();
    until(&source, "its own deletion", |status| status.revisions == 3).await;
    fixture.write("a.yaml", &document("a", 2));
    until(&source, "and what was there before", |status| status.revisions == 4).await;
    assert_eq!(fixture.served(), numbers(&[("a", 2)]));
}

#[tokio::test]
async fn two_directories_keep_to_their_own() {
    let fixture = TestDirectory::new().await;
    let dirs = ["one", "two"].map(|name| fixture.path().join(name));
    let mut sources = Vec::new();
    for (n, dir) in (1..).zip(&dirs) {
        fs::create_dir(dir).unwrap();
        fs::write(dir.join("a.yaml"), document(&format!("a{n}"), n)).unwrap();
        sources.push(watch(&fixture.engine, dir).await);
    }
    fs::remove_file(dirs[0].join("a.yaml")).unwrap();
    until(&sources[0], "its own", |status| status.revisions == 2).await;
    assert_eq!(fixture.served(), numbers(&[("a2", 2)]));
    assert_eq!(sources[1].sync_now().await.revisions, 1);
}

#[tokio::test]
async fn copies_of_a_directory_do_not_undo_each_other() {
    let fixture = TestDirectory::new().await;
    fixture.write("a.yaml", &document("a", 1));
    let source = fixture.watch().await;
    // Another replica, whose copy of the directory is ahead.
    let owner = source.status().owner;
    let mut edit = Edit {
        owner: Some(owner.clone()),
        ..Edit::new(
            owner.as_str(),
            Trigger::FileWatch,
            [Change::put(id("a"), json!({"n": 2})), Change::put(id("b"), json!({"n": 2}))],
        )
    };
    fixture.engine.apply(edit.clone()).await.unwrap();
    fixture.write("unrelated.yaml", "# a reason to look\n");
    until(&source, "it looked", |status| status.files == 2).await;
    assert_eq!(fixture.served(), numbers(&[("a", 2), ("b", 2)]));
    // When the copy here has caught up there is nothing left to do, and what goes from here on is this one's again.
    fixture.write("a.yaml", &format!("{}---\n{}", document("a", 2), document("b", 2)));
    until(&source, "it caught up", |status| status.documents == 2).await;
    assert_eq!(fixture.head().await, 2);
    edit.changes = vec![Change::put(id("a"), json!({"n": 3}))];
    fixture.engine.apply(edit).await.unwrap();
    fixture.write("a.yaml", &document("a", 2));
    until(&source, "it speaks of what changed", |status| status.revisions == 2).await;
    assert_eq!(fixture.served(), numbers(&[("a", 3)]));
}

#[tokio::test]
async fn unreported_changes_are_found_by_polling() {
    let fixture = TestDirectory::new().await;
    let options = DirectoryOptions { poll: Duration::from_millis(20), ..DirectoryOptions::default() };
    // Two links deep, where nothing is watched.
    let unavailable = tempfile::tempdir().unwrap();
    fs::create_dir_all(unavailable.path().join("v1/data")).unwrap();
    fs::create_dir_all(unavailable.path().join("v2/data")).unwrap();
    fs::write(unavailable.path().join("v1/data/a.yaml"), document("a", 1)).unwrap();
    fs::write(unavailable.path().join("v2/data/a.yaml"), document("a", 2)).unwrap();
    symlink("v1", unavailable.path().join("current")).unwrap();
    symlink(unavailable.path().join("current/data/a.yaml"), fixture.path().join("a.yaml")).unwrap();
    let source = DirectorySource::start(
        fixture.engine.clone(),
        NamedDirectory::unnamed(fixture.path()).unwrap(),
        options,
    )
    .await
    .unwrap();
    assert_eq!(fixture.served(), numbers(&[("a", 1)]));
    symlink("v2", unavailable.path().join("next")).unwrap();
    fs::rename(unavailable.path().join("next"), unavailable.path().join("current")).unwrap();
    until(&source, "the other end of the link", |status| status.revisions == 2).await;
    assert_eq!(fixture.served(), numbers(&[("a", 2)]));
}

#[tokio::test]
async fn bounds_and_broken_links_are_reported() {
    let fixture = TestDirectory::new().await;
    fixture.write("a.yaml", &document("a", 1));
    let check = async |options: DirectoryOptions, reported: &str| {
        let source = DirectorySource::start(
            fixture.engine.clone(),
            NamedDirectory::unnamed(fixture.path()).unwrap(),
            options,
        )
        .await
        .unwrap();
        let problems = source.status().problems;
        assert!(problems.iter().any(|problem| problem.to_string().contains(reported)), "{problems:?}");
        assert_eq!(fixture.head().await, 0);
    };
    let default = DirectoryOptions::default();
    check(DirectoryOptions { file_bytes_max: 10, ..default }, "more than 10 bytes; split it").await;
    check(DirectoryOptions { bytes_max: 10, ..default }, "more than 10 bytes in all files").await;
    check(DirectoryOptions { files_max: 0, ..default }, "more than 0 files").await;
    symlink("gone.yaml", fixture.path().join("link.yaml")).unwrap();
    check(default, "link.yaml: is a link to a missing file").await;
    fs::remove_file(fixture.path().join("link.yaml")).unwrap();
    symlink(".", fixture.path().join("circle")).unwrap();
    fs::create_dir(fixture.path().join("folder.yaml")).unwrap();
    fixture.write("folder.yaml/b.yaml", &document("b", 1));
    fixture.watch().await;
    assert_eq!(fixture.served(), numbers(&[("a", 1), ("b", 1)]));
    let zero = DirectoryOptions { poll: Duration::ZERO, ..default };
    let directory = NamedDirectory::unnamed(fixture.path()).unwrap();
    let refused = DirectorySource::start(fixture.engine.clone(), directory, zero).await;
    assert!(matches!(refused, Err(SourceError::Option(_))));
}
