//! Who serves what: every replica says so, of edits by the API and by hand.

use midflight_testkit::{Postgres, TOKEN};
use serde_json::{Value, json};

use crate::harness::{Asker, Fleet, Hints, adults, binary, condition, flags, serve, until};

fn acks(reported: &Value) -> Vec<bool> {
    reported["acks"].as_array().unwrap().iter().map(|ack| ack["ack"] == true).collect()
}

async fn everybody_acknowledges(hints: Hints) {
    let fleet = Fleet::start(3, hints);
    let (ask, url) = (&fleet.ask, |replica| fleet.url(replica));
    adults(ask, url(0)).await;
    // Every replica has said that it is there.
    until(|| async {
        let reported = ask.get(url(0), "/api/v1/replicas").await.ok()?;
        (reported["items"].as_array()?.len() == 3).then_some(())
    })
    .await;
    for (age, replica) in [(19, 0), (20, 1), (21, 2)] {
        let body = condition(age);
        let put = ask.put(url(replica), "conditions/old", &body, "?wait=all&timeout_ms=60000");
        let (status, reported) = put.await.unwrap();
        assert_eq!(
            (status, &reported["outcome"], acks(&reported)),
            (200, &json!("success"), vec![true; 3]),
            "{reported}"
        );
        let revision = reported["revision"].as_u64().unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_refuses_a_revision_is_named_with_its_reason() {
    let postgres = Postgres::shared();
    let (ask, flags) = (Asker::new(), flags(&postgres.database(), "postgres").to_vec());
    let writer = serve(&flags);
    let narrow = serve(&[flags, ["--document-bytes-max", "100"].map(str::to_owned).to_vec()].concat());
    let first = adults(&ask, writer.url()).await;
    ask.until_served(narrow.url(), first).await;
    let long = json!({"attribute": "a".repeat(100), "operator": "equal", "constant": 1});
    let put = ask.put(writer.url(), "conditions/long", &long, "?wait=all&timeout_ms=60000").await;
    let (status, reported) = put.unwrap();
    assert_eq!((status, &reported["outcome"]), (201, &json!("partial")), "{reported}");
    let refusing = reported["acks"].as_array().unwrap().iter().find(|ack| ack["ack"] == false).unwrap();
    assert!(refusing["reason"].as_str().unwrap().contains("body_bytes_max"), "{reported}");
    assert_eq!(ask.recommended(narrow.url(), 17).await.unwrap().1, json!("send home"), "it goes on serving");

    let mut edit = std::process::Command::new(binary());
    edit.args(["edit", "rules/conditions/long", "--wait", "all"]).env("EDITOR", "sed -i s/aa/ab/");
    let message = edit.env("MIDFLIGHT_URL", writer.url()).env("MIDFLIGHT_TOKEN", TOKEN).output().unwrap();
    let reported = String::from_utf8_lossy(&message.stderr);
    assert_eq!(message.status.code(), Some(1), "{reported}");
    assert!(reported.contains("not live everywhere") && reported.contains("body_bytes_max"), "{reported}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_silent_is_named_and_not_waited_for() {
    let mut fleet = Fleet::start(2, Hints::Postgres);
    adults(&fleet.ask, fleet.url(0)).await;
    fleet.replicas[1].process().kill();
    let url = fleet.url(0).to_owned();
    let (mut age, reported) = (30, async |age: u64| {
        let body = condition(age);
        let put = fleet.ask.put(&url, "conditions/old", &body, "?wait=all&timeout_ms=60000");
        put.await.unwrap().1
    });
    let named = async {
        loop {
            let answer = reported(age).await;
            if !answer["silent"].is_null() {
                return answer;
            }
            age += 1;
        }
    };
    let answer = tokio::time::timeout(midflight_testkit::DEADLINE, named).await.unwrap();
    assert_eq!((&answer["outcome"], acks(&answer)), (&json!("success"), vec![true]), "{answer}");
    assert!(answer["silent"][0]["last_report_ms"].as_f64().unwrap() >= 7_000.0, "{answer}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.yaml");
    std::fs::write(&file, "kind: config\nname: app\nbody: {size: 1}\n").unwrap();
    let mut apply = std::process::Command::new(binary());
    apply.env("MIDFLIGHT_URL", &url).env("MIDFLIGHT_TOKEN", TOKEN);
    let applied = apply.args(["apply", "--wait", "all", "-f"]).arg(&file).output().unwrap();
    let message = String::from_utf8_lossy(&applied.stderr);
    assert!(message.contains("on the only replica that is alive; silent: "), "{message}");
}
