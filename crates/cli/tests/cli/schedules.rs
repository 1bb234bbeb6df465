//! What waits for its time: scheduled, listed, cancelled, done.

use serde_json::Value;

use crate::harness::{Ran, Server, condition, wait_for};

#[test]
fn changes_and_reloads_wait_are_listed_cancelled_and_done() {
    let server = Server::with_loans();
    assert!(Ran::of(server.command(&["schedules"]).output().unwrap()).stderr.contains("no schedules"));
    server.write("c.yaml", &condition("earns-enough", 25000));
    let later = ["--not-before", "2200-01-01T00:00:00Z", "--reason", "in the next century"];
    let apply = [&["apply", "-f", "c.yaml"], &later[..]].concat();
    let scheduled = Ran::of(server.command(&apply).output().unwrap());
    assert_eq!(scheduled.code, Some(0), "{}", scheduled.stderr);
    assert_eq!(scheduled.stdout, "rules/conditions/earns-enough will be changed\n");
    assert!(scheduled.stderr.contains("scheduled for 2200-01-01T00:00:00"), "{}", scheduled.stderr);
    let nightly =
        ["--window", "0 3 * * *", "--time-zone", "Europe/Rome", "--window-length", "30m", "--repeat"];
    server.run(&[&["reload"], &nightly[..]].concat());

    let table = server.run(&["schedules"]);
    assert!(table.contains("put rules/conditions/earns-enough") && table.contains("next century"), "{table}");
    assert!(table.contains("reload, repeated"), "{table}");
    let list = || -> Value { serde_json::from_str(&server.run(&["schedules", "-o", "json"])).unwrap() };
    let ids: Vec<_> =
        list().as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(list()[1]["window"]["length_ms"], 1_800_000);
    let over = server.refused(&["apply", "-f", "c.yaml", "--not-before", "2020-01-01T00:00:00Z"]);
    assert!(over.contains("not_before 2020-01-01T00:00:00Z is in the past"), "{over}");
    let cancelled = server.run(&["schedules", "cancel", &ids[0], &ids[1], "--reason", "not after all"]);
    assert_eq!(cancelled, format!("schedules/{} cancelled\nschedules/{} cancelled\n", ids[0], ids[1]));
    assert!(server.refused(&["schedules", "cancel", "nobody"]).contains("does not exist"));
    assert!(server.refused(&["apply", "-f", "c.yaml", "--window", "0 0 31 2 *"]).contains("never occurs"));
    assert!(server.run(&["get", "rules/conditions/earns-enough"]).contains("30000"), "not yet");

    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300)).to_string();
    server.run(&["apply", "-f", "c.yaml", "--not-before", &soon]);
    let in_a_year = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(8760)).to_string();
    server.run(&["reload", "--not-before", &in_a_year]);
    let id = list()
        .as_array()
        .unwrap()
        .iter()
        .find_map(|it| (it["what"] == "reload").then(|| it["id"].as_str().unwrap().to_owned()));
    let message: Value =
        serde_json::from_str(&server.run(&["schedules", "cancel", &id.unwrap(), "-o", "json"])).unwrap();
    assert_eq!(message[0]["outcome"], "success");
    wait_for("the change to be made", || {
        server.run(&["get", "rules/conditions/earns-enough"]).contains("25000").then_some(())
    });
    assert!(server.run(&["history", "--limit", "1"]).contains("delete schedules/"));
}
