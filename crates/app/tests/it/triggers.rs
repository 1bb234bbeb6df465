//! Everything that asks for a reload goes one road, and what was there last is what is served.

use std::fs;
use std::future::{Future as _, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use midflight_app::AppBuilder;
use midflight_core::{Digest, Outcome, Problems, Trigger};
use midflight_engine::{Committed, Component, Prepared, Section};
use midflight_live::World;
use midflight_source::FileOptions;

use crate::support::{Place, SOON, Settings, shape, until};

#[tokio::test]
async fn a_hundred_triggers_back_to_back_end_on_the_last_state() {
    let place = Place::new("n: 0\n");
    let app = place.start().await;
    let mut asked = Vec::new();
    for n in 1..=100 {
        place.rename_over(&format!("n: {n}\n"));
        let app = app.clone();
        asked.push(tokio::spawn(async move { app.reload(Trigger::Webhook, "hook").await }));
    }
    for asked in asked {
        assert!(asked.await.unwrap().is_live());
    }
    assert_eq!(app.config().load().n, 100);
    let reloads = app.engine().history().statistics(|_| true).total;
    assert!(reloads < 300, "{reloads}");
    app.stop().await;
}

#[tokio::test]
async fn a_caller_that_leaves_halfway_takes_nothing_with_it() {
    let place = Place::new("n: 0\n");
    let app = place.start().await;
    place.rename_over("n: 1\n");
    let mut asked = Box::pin(app.reload(Trigger::Manual, "anna"));
    let first = poll_fn(|context| Poll::Ready(asked.as_mut().poll(context))).await;
    assert!(first.is_pending());
    drop(asked);
    until(&app, |report| report.revision.get() == 2).await;
    assert_eq!(app.config().load().n, 1);
    app.stop().await;
}

/// A component that is as large as the config says, and opens with a delay in which others may come.
struct Sized {
    place: midflight_components::SettingsSource<u64>,
    in_use: Arc<AtomicU64>,
    preparing: Arc<AtomicU64>,
}

#[async_trait]
impl Component for Sized {
    fn name(&self) -> &str {
        "sized"
    }

    fn sections(&self) -> Vec<Section> {
        self.place.sections().to_vec()
    }

    async fn prepare(&self, _: &World, new: &World) -> Result<Option<Box<dyn Prepared>>, Problems> {
        let size = self.place.read(new).unwrap_or_default();
        assert_eq!(self.preparing.fetch_add(1, Ordering::SeqCst), 0, "two reloads at once");
        tokio::task::yield_now().await;
        self.preparing.fetch_sub(1, Ordering::SeqCst);
        let is_same = self.in_use.load(Ordering::SeqCst) == size;
        let swap = || Box::new(Swap { size, old: 0, in_use: Arc::clone(&self.in_use) }) as Box<dyn Prepared>;
        Ok((!is_same).then(swap))
    }
}

struct Swap {
    size: u64,
    old: u64,
    in_use: Arc<AtomicU64>,
}

impl Prepared for Swap {
    fn commit(mut self: Box<Self>) -> Box<dyn Committed> {
        self.old = self.in_use.swap(self.size, Ordering::SeqCst);
        self
    }
}

#[async_trait]
impl Committed for Swap {
    fn rollback(self: Box<Self>) {
        self.in_use.store(self.old, Ordering::SeqCst);
    }

    async fn retire(self: Box<Self>) {}
}

#[tokio::test]
async fn components_follow_the_config_and_never_two_reloads_at_once() {
    let place = Place::new("n: 1\n");
    let in_use = Arc::new(AtomicU64::new(u64::MAX));
    let mut builder = AppBuilder::new("app", shape()).unwrap();
    let (n, preparing) = (builder.place("/n", |settings: &Settings| Some(settings.n)), Arc::default());
    builder.file(place.file()).component(Sized { place: n, in_use: Arc::clone(&in_use), preparing });
    let app = builder.start().await.unwrap();
    assert_eq!(in_use.load(Ordering::SeqCst), 1, "never on the default");
    for n in 2..20 {
        place.rename_over(&format!("n: {n}\n"));
        let both = tokio::join!(app.reload(Trigger::Manual, "a"), app.reload(Trigger::Schedule, "b"));
        assert!(both.0.is_live() && both.1.is_live());
        assert_eq!(in_use.load(Ordering::SeqCst), n);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_secret_in_a_file_that_is_rotated_is_followed() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(default)]
    struct Keyed {
        key: midflight_config::Secret,
    }
    let place = Place::new("");
    fs::write(place.at("key"), "one\n").unwrap();
    fs::write(place.file(), format!("key: ${{file:{}}}\n", place.at("key").display())).unwrap();
    let mut builder = AppBuilder::new("app", midflight_config::ConfigSchema::<Keyed>::new()).unwrap();
    let poll = Duration::from_secs(3600);
    builder.file(place.file()).file_options(FileOptions { poll, ..FileOptions::default() });
    let app = builder.start().await.unwrap();
    assert_eq!(app.config().load().key.expose(), "one");
    let mut changes = app.config().changes();
    fs::write(place.at("key"), "two\n").unwrap();
    tokio::time::timeout(SOON, async {
        while app.config().load().key.expose() != "two" {
            let next = app.next_report();
            if app.config().load().key.expose() == "two" {
                return;
            }
            next.await;
        }
    })
    .await
    .expect("the file's event is enough");
    drop(changes.changed());
    let shown = format!("{} {:?}", app.report().to_json(), app.config().entry());
    assert!(!shown.contains("two"), "{shown}");
    app.stop().await;
}

#[tokio::test]
async fn a_refusal_is_reported_until_the_file_is_fixed() {
    let place = Place::new("n: 1\n");
    let app = place.start().await;
    place.rename_over("n: x\n");
    let bad = Some(Digest::of_bytes(b"n: x\n"));
    until(&app, |report| report.hash == bad).await;
    // Asking again does not make it good.
    let report = app.reload(Trigger::Manual, "anna").await;
    assert_eq!((report.status, report.hash), (Outcome::ValidationFailed, bad));
    place.rename_over("n: 1\n");
    let report = until(&app, |report| report.hash != bad).await;
    assert_eq!((report.status, report.problems.len()), (Outcome::Unchanged, 0));
    app.stop().await;
}
