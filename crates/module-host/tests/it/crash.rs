//! The host dies in each phase: what runs afterwards is the last commit, with its state.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use midflight_module_host::ModulePhase;
use midflight_module_host::journal::{FileJournal, Journal};
use serde_json::json;

use crate::support::{NAME, Setup, add, name, reported};
use midflight_testkit::guest::{Bad, Guest};

/// Set for the process that is to die: the folder of the journal, and the phase.
const DIES: &str = "MIDFLIGHT_TEST_DIES";

fn setup(folder: &Path) -> Setup {
    Setup::with_journal(Arc::new(FileJournal::open(folder, true).unwrap()))
}

/// Ends this process as `kill -9` does: nothing runs any more, nothing is written out.
fn die() {
    let itself = rustix::process::getpid();
    rustix::process::kill_process(itself, rustix::process::Signal::KILL).unwrap();
}

/// Runs only as the process that dies.
#[tokio::test]
async fn dies_in_a_phase() {
    let Ok(asked) = std::env::var(DIES) else { return };
    let (folder, phase) = asked.split_once('|').unwrap();
    let phase = ModulePhase::ALL.into_iter().find(|known| known.word() == phase);
    let setup = setup(Path::new(folder));
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    let handle = setup.handle(NAME);
    for _ in 0..3 {
        add(&handle).await.unwrap();
    }
    setup.host.checkpoint(&name(NAME)).await.unwrap();
    *setup.on_phase.lock().unwrap() = Some(Box::new(move |_, at| {
        if Some(at) == phase {
            die();
        }
        Ok(())
    }));
    setup.load(&Guest::new(NAME, "2.0.0", 2).step(10)).await.unwrap();
    // After the commit.
    die();
}

#[tokio::test]
async fn the_last_commit_is_what_runs_after_a_crash_in_any_phase() {
    let phases: Vec<_> = ModulePhase::ALL.into_iter().map(ModulePhase::word).chain(["after"]).collect();
    for phase in phases {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::dies_in_a_phase", "--nocapture"])
            .env(DIES, format!("{}|{phase}", folder.path().display()))
            .output()
            .unwrap();
        assert_eq!(status.status.signal(), Some(9), "{phase}: it did not die");
        let setup = setup(folder.path());
        setup.blobs.put(&Guest::new(NAME, "1.0.0", 1).build());
        setup.blobs.put(&Guest::new(NAME, "2.0.0", 2).step(10).build());
        let report = setup.host.recover(&name(NAME)).await.unwrap().unwrap();
        if phase == "after" {
            assert_eq!(report.to_version, "2.0.0");
            assert_eq!(setup.add().await, Ok(13));
        } else {
            assert_eq!(report.to_version, "1.0.0", "{phase}");
            assert_eq!(setup.state().await, (1, vec![3]), "{phase}");
            // And the reload that was interrupted is done when it is asked for again.
            let report = setup.load(&Guest::new(NAME, "2.0.0", 2).step(10)).await.unwrap();
            assert_eq!(report.migrated_from, Some(1), "{phase}");
            assert_eq!(setup.add().await, Ok(13), "{phase}");
        }
        assert!(setup.host.recover(&name(NAME)).await.unwrap().is_none(), "{phase}: it answers already");
    }
}

#[tokio::test]
async fn a_start_with_another_manifest_takes_over_the_state() {
    let folder = tempfile::tempdir().unwrap();
    let first = setup(folder.path());
    first.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    first.add().await.unwrap();
    first.host.stop().await;
    let second = setup(folder.path());
    let report = second.load(&Guest::new(NAME, "3.0.0", 3)).await.unwrap();
    assert_eq!((report.generation, report.migrated_from), (2, Some(1)));
    assert_eq!(second.add().await, Ok(2));
}

#[tokio::test]
async fn a_manifest_that_failed_on_the_state_is_not_chosen_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = setup(folder.path());
    let good = Guest::new(NAME, "1.0.0", 1);
    first.load(&good).await.unwrap();
    first.add().await.unwrap();
    let bad = Guest::new(NAME, "2.0.0", 2).bad(Bad::Fail("check"));
    let manifest = first.manifest(&bad, json!({}));
    let options = midflight_module_host::ReloadOptions::default().without_preflight();
    first.host.reload(manifest.clone(), options.clone()).await.unwrap_err();
    first.host.stop().await;

    let second = setup(folder.path());
    second.blobs.put(&good.build());
    second.blobs.put(&bad.build());
    let failure = second.host.reload(manifest.clone(), options.clone()).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare known_bad");
    let failure = second.host.reload(manifest, options.forced()).await.unwrap_err();
    assert_eq!(reported(&failure), "verify check_failed");
    let report = second.host.recover(&name(NAME)).await.unwrap().unwrap();
    assert_eq!(report.to_version, "1.0.0");
    assert_eq!(second.add().await, Ok(2));
}

#[tokio::test]
async fn a_journal_that_does_not_take_a_record_rolls_the_reload_back() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Arc::new(FileJournal::open(folder.path(), false).unwrap());
    let setup = Setup::with_journal(Arc::clone(&journal) as Arc<dyn Journal>);
    setup.load(&Guest::new(NAME, "1.0.0", 1)).await.unwrap();
    setup.add().await.unwrap();
    // A folder in the place of another module's file.
    std::fs::create_dir(folder.path().join("other.journal")).unwrap();
    let failure =
        setup.host.load(setup.manifest(&Guest::new("other", "1.0.0", 1), json!({}))).await.unwrap_err();
    assert_eq!(failure.code, "journal_failed");
    assert_eq!(setup.host.names(), [name(NAME)]);
    assert_eq!(setup.add().await, Ok(2));
}
