//! What waits for its time is done once by whoever leads, also when the one that leads is paused or killed.

use serde_json::json;

use crate::harness::{Fleet, Hints, adults, condition, until};

/// An edit that is due at once, made by another than the one who was asked, is live everywhere else.
async fn is_done_without(fleet: &Fleet, victim: usize, age: u64) {
    let others = [0, 1, 2].into_iter().filter(|other| *other != victim);
    let others: Vec<_> = others.map(|other| fleet.url(other)).collect();
    let due = format!("?not_before={}", jiff::Timestamp::now());
    let (status, output) = fleet.ask.put(others[0], "conditions/old", &condition(age), &due).await.unwrap();
    assert_eq!((status, &output["outcome"]), (202, &json!("scheduled")), "{output}");
    for url in others {
        until(|| async {
            let (_, answer) = fleet.ask.recommended(url, age - 1).await?;
            (answer == "send home").then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_paused_or_killed_is_replaced_and_nothing_is_done_twice() {
    let mut fleet = Fleet::start(3, Hints::Postgres);
    adults(&fleet.ask, fleet.url(0)).await;
    // Something always waits, so somebody always leads: of three that go one after the other, one is the leader.
    let waits = "?not_before=2200-01-01T00:00:00Z&schedule_id=far-off";
    let (status, output) =
        fleet.ask.put(fleet.url(0), "conditions/old", &condition(99), waits).await.unwrap();
    assert_eq!(status, 202, "{output}");
    let mut age = 18;
    for victim in 0..3 {
        age += 1;
        fleet.replicas[victim].process().pause();
        is_done_without(&fleet, victim, age).await;
        fleet.replicas[victim].process().resume();
    }
    for victim in 0..3 {
        age += 1;
        fleet.replicas[victim].process().kill();
        is_done_without(&fleet, victim, age).await;
        fleet.replicas[victim].restart();
    }
    let versions =
        fleet.ask.get(fleet.url(0), "/api/v1/documents/rules/conditions/old/versions").await.unwrap();
    assert_eq!(versions["items"].as_array().unwrap().len(), 7, "each was done once: {versions}");
    let left = fleet.ask.get(fleet.url(2), "/api/v1/schedules").await.unwrap();
    assert_eq!(left["items"].as_array().unwrap().len(), 1, "{left}");
    assert_eq!(left["items"][0]["id"], "far-off");
}
