//! A watch: nothing missed and nothing twice, also when the server was restarted meanwhile.

use midflight_client::{Precondition, RevisionWatch, WatchEvent, WriteOptions};

use crate::support::{body, client, id, port, server, soon};

/// The events up to a revision, in words.
async fn events_up_to(watch: &mut RevisionWatch, last: u64) -> Vec<String> {
    let mut seen = Vec::new();
    while watch.position() != Some(last) || seen.is_empty() {
        let event = soon("an event of a watch", watch.next()).await.unwrap().unwrap();
        seen.push(match event {
            WatchEvent::Revision(revision) => revision.revision.number.to_string(),
            WatchEvent::Disconnected { after } => format!("disconnected after {}", after.unwrap()),
            WatchEvent::Reconnected => "reconnected".to_owned(),
            other => format!("{other:?}"),
        });
    }
    seen
}

#[tokio::test]
async fn a_watch_continues_after_a_restart_of_the_server() {
    let (mut server, network) = server();
    let client = client(&network);
    let options = WriteOptions::default();
    let put = async |name, constant| {
        client.put_document(&id(name), &body(constant), Precondition::None, &options).await.unwrap()
    };
    put("a", 1).await;
    let mut watch = client.watch(Some(0), None);
    assert_eq!(events_up_to(&mut watch, 1).await, ["1"]);
    put("a", 2).await;
    assert_eq!(events_up_to(&mut watch, 2).await, ["2"]);

    server.restart();
    network.move_to(port(&server));
    put("a", 3).await;
    put("a", 4).await;
    let seen = events_up_to(&mut watch, 4).await;
    assert_eq!(seen, ["disconnected after 2", "reconnected", "3", "4"]);

    // One that begins where another one ended.
    let mut later = client.watch(watch.position(), None);
    put("b", 1).await;
    assert_eq!(events_up_to(&mut later, 5).await, ["5"]);
}

#[tokio::test]
async fn a_watch_of_a_kind_skips_the_others_and_ends_when_it_cannot_continue() {
    let (_server, network) = server();
    let client = client(&network);
    let options = WriteOptions::default();
    client.put_document(&id("a"), &body(1), Precondition::None, &options).await.unwrap();
    let mut watch = client.watch(Some(0), Some("rules".parse().unwrap()));
    assert_eq!(events_up_to(&mut watch, 1).await, ["1"]);
    let mut ahead = client.watch(Some(99), None);
    let refused = soon("a refusal", ahead.next()).await.unwrap_err();
    assert!(refused.problem().is_some_and(|problem| problem.status < 500), "{refused:?}");
}
