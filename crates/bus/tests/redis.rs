//! Hints over a real Redis.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod faults;

use std::sync::Arc;

use faults::{Server, TIMING, connect, sealed, until};
use futures_util::StreamExt as _;
use midflight_bus::conformance::{ConnectBus, heard, hint, hint_with, received_up_to};
use midflight_bus::{Bus, BusError, Hint, HintEvent, RedisBus, RedisOptions, Seal, Timing};
use midflight_core::{Appended, ChangeSummary, DocumentId, KindName};
use midflight_testkit::Redis;

async fn make() -> (ConnectBus, Arc<Redis>) {
    let server = Arc::new(Redis::start());
    (connect::<Redis>(server.url()), server)
}

midflight_bus::conformance_tests!(make());
fault_tests!(Redis);

impl Server for Redis {
    testkit_server!();

    fn url_by(&self, port: u16) -> String {
        format!("redis://127.0.0.1:{port}")
    }

    fn bus(url: String, timing: Timing, seal: &Seal) -> Result<Arc<dyn Bus>, BusError> {
        Ok(Arc::new(RedisBus::new(RedisOptions { timing, ..RedisOptions::new(url) }, seal)?))
    }

    async fn say(&self, messages: &[Vec<u8>]) -> u64 {
        say(self, "midflight", messages).await;
        messages.len() as u64
    }
}

async fn say(server: &Redis, channel: &str, messages: &[Vec<u8>]) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for message in messages {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(channel).arg(message).exec_async(&mut connection).await.unwrap();
    }
}

#[tokio::test]
async fn orders_to_reload_on_the_legacy_channel_are_looks() {
    let server = Redis::start();
    let legacy_channel = Some("reload:patterns".to_owned());
    let options = RedisOptions { legacy_channel, timing: TIMING, ..RedisOptions::new(server.url()) };
    let bus = RedisBus::new(options, &sealed()).unwrap();
    let mut hints = bus.subscribe().await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    let other = br#"{"action":"ping"}"#.to_vec();
    say(&server, "reload:patterns", &[other.clone(), other]).await;
    until("what is no order to be thrown away", || bus.status().ignored == 2).await;
    let order = br#"{"action":"reload","pattern_id":"p1"}"#.to_vec();
    say(&server, "reload:patterns", &vec![order; 1000]).await;
    until("all orders to be heard", || bus.status().heard == 1000).await;
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    // The rest of them are one look, a second later.
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    bus.publish(hint(1)).await.unwrap();
    let rest = received_up_to(&mut *hints, 1).await;
    assert!(rest.len() <= 2, "{rest:?}");
}

#[tokio::test]
async fn edits_of_the_kind_order_a_reload_and_orders_of_midflight_are_no_looks() {
    let server = Redis::start();
    let (legacy_channel, legacy_kind) = (Some("reload:patterns".to_owned()), KindName::new("patterns").ok());
    let options =
        RedisOptions { legacy_channel, legacy_kind, timing: TIMING, ..RedisOptions::new(server.url()) };
    let (one, other) =
        (RedisBus::new(options.clone(), &sealed()).unwrap(), RedisBus::new(options, &sealed()).unwrap());
    let (mut here, mut there) = (one.subscribe().await.unwrap(), other.subscribe().await.unwrap());
    assert_eq!(
        (heard(&mut *here).await, heard(&mut *there).await),
        (Some(HintEvent::Look), Some(HintEvent::Look))
    );
    let orders = other.orders();
    let before = *orders.borrow();
    let client = redis::Client::open(server.url()).unwrap();
    let mut original = client.get_async_pubsub().await.unwrap();
    original.subscribe("reload:patterns").await.unwrap();
    let mut reported = original.into_on_message();

    let mut next = async || reported.next().await.unwrap().get_payload::<String>().unwrap();
    one.publish(edit(1, "patterns", "42")).await.unwrap();
    assert_eq!(next().await, r#"{"action":"reload","pattern_id":42,"sender":"midflight"}"#);
    one.publish(edit(2, "patterns", "profiles/it")).await.unwrap();
    assert_eq!(next().await, r#"{"action":"reload","pattern_id":null,"sender":"midflight"}"#);
    one.publish(edit(3, "rules", "loans")).await.unwrap();
    received_up_to(&mut *there, 3).await;
    one.publish(edit(4, "patterns", "7")).await.unwrap();
    assert_eq!(
        next().await,
        r#"{"action":"reload","pattern_id":7,"sender":"midflight"}"#,
        "none for the rules"
    );
    one.publish(hint(5)).await.unwrap();
    assert_eq!(next().await, r#"{"action":"reload","pattern_id":null,"sender":"midflight"}"#);

    let heard = received_up_to(&mut *there, 5).await;
    assert!(!heard.contains(&HintEvent::Look), "{heard:?}");
    until("the orders to be heard", || other.status().heard == 9).await;
    assert_eq!(*orders.borrow(), before, "they are for other programs");
    say(&server, "reload:patterns", &[br#"{"action":"reload","pattern_id":42}"#.to_vec()]).await;
    until("an order of another program", || *orders.borrow() == before + 1).await;
}

/// A hint of an edit of one document.
fn edit(number: u64, kind: &str, name: &str) -> Hint {
    let mut hint = hint_with(number, serde_json::json!({}));
    let mut change = Appended::clone(hint.change.as_deref().unwrap());
    change.documents.truncate(1);
    let id = DocumentId::new(kind, name).unwrap();
    change.documents[0].id = id.clone();
    change.revision.changes = [ChangeSummary { id, ..change.revision.changes[0].clone() }].into();
    change.revision.digest = change.computed_digest(&change.parent);
    hint.announced = hint.announced.map(|announced| announced.at(hint.head, change.revision.digest));
    hint.change = Some(Arc::new(change));
    hint
}

#[tokio::test]
async fn another_server_is_used_once_it_was_seen_to_answer() {
    let (one, other) = (Redis::start(), Redis::start());
    let options = |server: &Redis| RedisOptions { timing: TIMING, ..RedisOptions::new(server.url()) };
    let bus = RedisBus::new(options(&one), &sealed()).unwrap();
    let elsewhere = RedisBus::new(options(&other), &sealed()).unwrap();
    let (mut here, mut there) = (bus.subscribe().await.unwrap(), elsewhere.subscribe().await.unwrap());
    assert_eq!(
        (heard(&mut *here).await, heard(&mut *there).await),
        (Some(HintEvent::Look), Some(HintEvent::Look))
    );

    let anonymous = RedisOptions { timing: TIMING, ..RedisOptions::new("redis://:hunter2@127.0.0.1:1") };
    let refused = bus.open_beside(anonymous).await.unwrap_err().to_string();
    assert!(refused.contains("unavailable: 127.0.0.1:1: ") && !refused.contains("hunter2"), "{refused}");
    assert!(bus.status().connected, "what is tried is tried beside");

    let server = bus.open_beside(options(&other)).await.unwrap();
    let old = bus.use_server(server);
    assert_eq!(heard(&mut *here).await, Some(HintEvent::Look), "what was said on the way was not heard");
    bus.publish(hint(7)).await.unwrap();
    received_up_to(&mut *there, 7).await;
    drop(bus.use_server(old));
    assert!(bus.status().address.ends_with(&one.port().to_string()));
    // Its own hint first, as everybody hears it, and the look once it is connected again.
    while heard(&mut *here).await != Some(HintEvent::Look) {}
}
