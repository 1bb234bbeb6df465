//! Who serves what: every replica says so, of edits by the API and by hand.

use midflight_testkit::Postgres;
use serde_json::{Value, json};

use crate::harness::{Fleet, Hints, adults, condition, until};

fn acks(said: &Value) -> Vec<bool> {
    said["acks"].as_array().unwrap().iter().map(|ack| ack["ack"] == true).collect()
}

async fn everybody_acknowledges(hints: Hints) {
    let fleet = Fleet::start(3, hints);
    let (ask, url) = (&fleet.ask, |replica| fleet.url(replica));
    adults(ask, url(0)).await;
    // Every replica has said that it is there.
    until(|| async {
        let said = ask.get(url(0), "/api/v1/replicas").await.ok()?;
        (said["items"].as_array()?.len() == 3).then_some(())
    })
    .await;
    for (age, replica) in [(19, 0), (20, 1), (21, 2)] {
        let body = condition(age);
        let put = ask.put(url(replica), "conditions/old", &body, "?wait=all&timeout_ms=60000");
        let (status, said) = put.await.unwrap();
        assert_eq!(
            (status, &said["outcome"], acks(&said)),
            (200, &json!("success"), vec![true; 3]),
            "{said}"
        );
        let revision = said["revision"].as_u64().unwrap();
        for other in 0..3 {
            let answer = ask.recommended(url(other), age - 1).await.unwrap();
            assert_eq!(answer, (revision, json!("send home")), "what was acknowledged is what answers");
        }
    }

    let body = condition(30);
    let by_hand = format!("SELECT midflight_put('rules', 'conditions/old', '{body}', 'anna', 'by hand')");
    let revision = Postgres::psql(&fleet.log, &by_hand).unwrap().parse().unwrap();
    for replica in 0..3 {
        ask.until_served(url(replica), revision).await;
        assert_eq!(ask.recommended(url(replica), 29).await.unwrap(), (revision, json!("send home")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgres_every_replica_acknowledges() {
    everybody_acknowledges(Hints::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_every_replica_acknowledges() {
    everybody_acknowledges(Hints::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nats_every_replica_acknowledges() {
    everybody_acknowledges(Hints::Nats).await;
}
