//! The logger: levels and formats that change between two lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use midflight_components::{LogFormat, LogOutput, LogSettings, Logger};
use midflight_core::Phase;
use midflight_engine::testing::{fail_every_step, try_component};
use midflight_engine::{Component as _, Faults};
use serde_json::{Value, json};
use tracing::subscriber::with_default;
use tracing::{Dispatch, debug, info, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{Lines, changed, engine, place, put, worlds};

impl Lines {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

fn logger() -> (Logger, Dispatch, Lines) {
    let lines = Lines::default();
    let (logger, layer) = Logger::layer::<Registry, _>(LogSettings::default(), lines.clone()).unwrap();
    (logger, Dispatch::new(tracing_subscriber::registry().with(layer)), lines)
}

fn settings(level: &str, format: &str) -> Value {
    json!({ "log": { "level": level, "format": format } })
}

/// What is logged of a line at every level.
fn logged(dispatch: &Dispatch, lines: &Lines) -> (bool, bool, bool) {
    lines.take();
    tracing::dispatcher::with_default(dispatch, || {
        info!("told at info");
        debug!("told at debug");
    });
    let text = lines.take();
    (text.contains("told at info"), text.contains("told at debug"), text.starts_with('{'))
}

#[tokio::test]
async fn what_is_dropped_or_rolled_back_logs_as_before() {
    let (logger, dispatch, lines) = logger();
    let (empty, full, slot) = worlds(settings("debug", "json"));
    let part = logger.part(place(slot, "log", |app| &app.log));
    let probe = || logged(&dispatch, &lines);
    assert!(part.prepare(&empty, &full).await.unwrap().is_some());
    try_component(&part, &empty, &full, probe).await.unwrap();
    assert_eq!(probe(), (true, false, false));
    part.prepare(&empty, &full).await.unwrap().unwrap().commit().retire().await;
    assert_eq!(probe(), (true, true, true));
    assert!(part.prepare(&empty, &full).await.unwrap().is_none(), "what is in use is what is wanted");
    try_component(&part, &full, &changed(&full, slot, settings("off", "text")), probe).await.unwrap();
    try_component(&part, &full, &changed(&full, slot, settings("debug", "text")), probe).await.unwrap();
    part.prepare(&full, &empty).await.unwrap().unwrap().commit().retire().await;
    assert_eq!(probe(), (true, false, false), "where nothing is configured it is as it was installed");
}

#[tokio::test]
async fn every_step_can_fail_and_it_logs_on() {
    let (logger, dispatch, lines) = logger();
    let faults: Arc<Faults> = Arc::default();
    let (engine, ()) = engine(|builder, slot| {
        builder.faults(Arc::clone(&faults)).component(logger.part(place(slot, "log", |app| &app.log)));
    })
    .await;
    let next = |n: usize| put(settings(["debug", "off", "info"][n % 3], ["json", "text"][n % 2]));
    fail_every_step(&engine, &faults, next, || logged(&dispatch, &lines)).await.unwrap();
    engine.apply(put(settings("debug", "json"))).await.unwrap();
    faults.fail_next(Phase::Verify);
    engine.apply(put(settings("off", "text"))).await.unwrap_err();
    assert_eq!(logged(&dispatch, &lines), (true, true, true));
}

#[tokio::test]
async fn a_bad_level_is_refused_with_its_directive() {
    let (logger, ..) = logger();
    let (empty, full, slot) = worlds(settings("info,mine=loud", "text"));
    let part = logger.part(place(slot, "log", |app| &app.log));
    let refused = part.prepare(&empty, &full).await.err().unwrap().to_string();
    let expected = "settings/app at /log/level: invalid directive \"mine=loud\": expected off, error, \
                    warn, info, debug or trace, or TARGET=LEVEL, separated by commas";
    assert_eq!(refused, expected);
    let first = LogSettings { level: "loud".to_owned(), format: LogFormat::Text };
    let refused = Logger::layer::<Registry, _>(first, Lines::default()).err().unwrap();
    assert!(refused.to_string().contains("invalid directive \"loud\""), "{refused}");
}

#[tokio::test]
async fn a_span_has_its_fields_in_every_format() {
    let (logger, dispatch, lines) = logger();
    let (empty, full, slot) = worlds(settings("info", "json"));
    let part = logger.part(place(slot, "log", |app| &app.log));
    let span = tracing::dispatcher::with_default(&dispatch, || {
        info_span!("order", number = 7, state = tracing::field::Empty)
    });
    let tell = || {
        tracing::dispatcher::with_default(&dispatch, || span.in_scope(|| info!("told")));
        lines.take()
    };
    let text = tell();
    assert!(text.contains("order{number=7}"), "{text}");
    let committed = part.prepare(&empty, &full).await.unwrap().unwrap().commit();
    tracing::dispatcher::with_default(&dispatch, || span.record("state", "paid"));
    let line: Value = serde_json::from_str(&tell()).unwrap();
    assert_eq!((&line["span"]["number"], &line["span"]["state"]), (&json!(7), &json!("paid")));
    committed.rollback();
    let text = tell();
    assert!(text.contains("number=7") && text.contains("state=\"paid\""), "{text}");
}

#[tokio::test]
async fn a_line_of_another_span_than_that_of_its_thread_has_the_fields_of_both() {
    let (logger, dispatch, lines) = logger();
    let (empty, full, slot) = worlds(settings("info", "json"));
    let part = logger.part(place(slot, "log", |app| &app.log));
    let tell = || {
        tracing::dispatcher::with_default(&dispatch, || {
            let named = info_span!("order", total = 1.5, ratio = f64::NAN, r#type = "gift", paid = true);
            info_span!("request", path = "/a\u{1b}b", way = %"in").in_scope(|| info!(parent: &named, "told"));
        });
        lines.take()
    };
    let text = tell();
    assert!(text.contains("order{total=1.5 ratio=NaN type=\"gift\" paid=true}"), "{text}");
    let _committed = part.prepare(&empty, &full).await.unwrap().unwrap().commit();
    let line: Value = serde_json::from_str(&tell()).unwrap();
    let order = json!({"name": "order", "total": 1.5, "ratio": "NaN", "type": "gift", "paid": true});
    assert_eq!(line["span"], order, "{line}");
}

#[tokio::test]
async fn no_line_is_lost_or_torn_while_level_and_format_change() {
    const THREADS: u64 = 4;
    const CHANGES: u64 = 1000;
    let (logger, dispatch, lines) = logger();
    let (empty, _, slot) = worlds(json!({}));
    let part = logger.part(place(slot, "log", |app| &app.log));
    let (stop, message) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (dispatch, stop, message) = (dispatch.clone(), Arc::clone(&stop), Arc::clone(&message));
            thread::spawn(move || {
                let mut line = 0_u64;
                tracing::dispatcher::with_default(&dispatch, || {
                    while !stop.load(Ordering::Relaxed) {
                        info!(target: "numbered", thread, line, "told");
                        debug!(target: "numbered", thread, line, "only at debug");
                        line += 1;
                        message.fetch_add(1, Ordering::Relaxed);
                    }
                });
                line
            })
        })
        .collect();
    let mut world = empty;
    for n in 0..CHANGES {
        let level = ["info", "debug", "info,numbered=trace", "warn,numbered=info"][(n % 4) as usize];
        let next = changed(&world, slot, settings(level, ["text", "json"][(n / 2 % 2) as usize]));
        if let Some(prepared) = part.prepare(&world, &next).await.unwrap() {
            let before = message.load(Ordering::Relaxed);
            prepared.commit().retire().await;
            // Every change has lines that were told under it.
            while message.load(Ordering::Relaxed) < before + 2 {
                thread::yield_now();
            }
        }
        world = next;
    }
    stop.store(true, Ordering::Relaxed);
    let counts: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    let (mut seen, mut json_lines) = (vec![0; THREADS as usize], 0);
    let text = lines.take();
    for line in text.lines().filter(|line| !line.contains("only at debug")) {
        let (thread, number) = numbered(line).unwrap_or_else(|| panic!("torn: {line}"));
        json_lines += u64::from(line.starts_with('{'));
        assert_eq!(number, seen[thread as usize], "lost before {line}");
        seen[thread as usize] += 1;
    }
    assert_eq!(seen, counts);
    let total: u64 = counts.iter().sum();
    assert!(
        (1..total).contains(&json_lines) && text.ends_with('\n'),
        "{json_lines} of {total} lines are JSON"
    );
}

/// Thread and number of a line that is whole, in either format.
fn numbered(line: &str) -> Option<(u64, u64)> {
    if line.starts_with('{') {
        let line: Value = serde_json::from_str(line).ok()?;
        let fields = &line["fields"];
        return (fields["message"] == "told")
            .then_some((fields["thread"].as_u64()?, fields["line"].as_u64()?));
    }
    let (_, message) = line.split_once("INFO numbered: told thread=")?;
    let (thread, number) = message.split_once(" line=")?;
    Some((thread.parse().ok()?, number.parse().ok()?))
}

#[test]
fn lines_go_to_the_end_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    std::fs::write(&path, "before\n").unwrap();
    let output = LogOutput::open(path.to_str().unwrap()).unwrap();
    let (_logger, layer) = Logger::layer::<Registry, _>(LogSettings::default(), output).unwrap();
    with_default(tracing_subscriber::registry().with(layer), || info!("after"));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("before\n") && text.trim_end().ends_with("after"), "{text}");
    assert!(LogOutput::open(folder.path().to_str().unwrap()).is_err(), "a folder is not a file");
    assert!(matches!(LogOutput::open("stderr").unwrap(), LogOutput::Stderr));
}
