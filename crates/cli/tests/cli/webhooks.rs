//! Deliveries of webhooks by the command line: listed, and sent again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::harness::{Ran, Server, wait_for};

/// Takes events, and answers 503 until it is up.
struct Receiver {
    address: String,
    is_up: Arc<AtomicBool>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let is_up = Arc::new(AtomicBool::new(false));
        let state = Arc::clone(&is_up);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), state.load(Ordering::SeqCst));
            }
        });
        Self { address, is_up }
    }
}

/// Reads one request, and answers it.
fn answer(stream: TcpStream, is_up: bool) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        // A connection that was opened and not used.
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
    let status = if is_up { "200 OK" } else { "503 Service Unavailable" };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
}

/// The deliveries of a server in a state, newest first.
fn deliveries(server: &Server, more: &[&str]) -> Vec<Value> {
    let listed = server.run(&[&["webhook", "deliveries", "-o", "json"], more].concat());
    serde_json::from_str::<Value>(&listed).unwrap().as_array().unwrap().clone()
}

#[test]
fn deliveries_are_listed_and_dead_letters_are_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = folder.path().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    let secret = secrets.join("hook");
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let server = Server::start_in(folder, &["--reference-dir", secrets.to_str().unwrap()]);
    let receiver = Receiver::start();
    let hook = |name: &str, url: &str| {
        let secret = secret.display();
        format!(
            "kind: webhooks\nname: {name}\nbody: {{url: \"http://{url}/\", secret: \"${{file:{secret}}}\", events: \
             [revision.live], documents: [rules], attempts_max: 1}}\n"
        )
    };
    let none = Ran::of(server.command(&["webhook", "deliveries"]).output().unwrap());
    assert_eq!((none.code, &*none.stderr), (Some(0), "no deliveries\n"));
    let nothing = Ran::of(server.command(&["webhook", "retry", "--all"]).output().unwrap());
    assert_eq!((nothing.code, &*nothing.stderr), (Some(0), "no dead letters\n"));

    server.write("a.yaml", &hook("operations", &receiver.address));
    server.write("b.yaml", &hook("audit", &receiver.address));
    server.run(&["apply", "-f", "a.yaml", "-f", "b.yaml"]);
    for name in ["one", "two"] {
        server.write("rule.yaml", &format!("kind: rules\nname: {name}\nbody: {{}}\n"));
        server.run(&["apply", "-f", "rule.yaml"]);
    }
    let dead = wait_for("the dead letters", || {
        Some(deliveries(&server, &["--state", "dead"])).filter(|dead| dead.len() == 4)
    });
    let table = server.run(&["webhook", "deliveries", "operations", "--state", "dead"]);
    let title = table.lines().next().unwrap();
    assert_eq!(
        title.split_whitespace().collect::<Vec<_>>(),
        ["NUMBER", "WEBHOOK", "EVENT", "STATE", "ATTEMPTS", "CREATED", "NEXT", "ERROR"]
    );
    assert_eq!(table.matches("the receiver answered 503").count(), 2, "{table}");
    assert!(!table.contains("audit"), "{table}");
    let newest = dead[0]["number"].to_string();
    assert_eq!(server.run(&["webhook", "deliveries", "--limit", "1", "-o", "name"]), format!("{newest}\n"));

    let refused = server.refused(&["webhook", "retry", "999"]);
    assert!(refused.contains("no delivery 999 that ended"), "{refused}");
    let usage = Ran::of(server.command(&["webhook", "retry"]).output().unwrap());
    assert!(usage.code == Some(2) && usage.stderr.contains("<NUMBER>"), "{}", usage.stderr);

    receiver.is_up.store(true, Ordering::SeqCst);
    assert_eq!(server.run(&["webhook", "retry", &newest]), format!("delivery {newest} is sent again\n"));
    wait_for("the delivery", || (deliveries(&server, &["--state", "delivered"]).len() == 1).then_some(()));
    let retry_all = |more: &[&str]| {
        let retried = server.run(&[&["webhook", "retry", "--all", "-o", "json"], more].concat());
        serde_json::from_str::<Value>(&retried).unwrap()
    };
    let of_one = retry_all(&["--webhook", "operations"]);
    assert_eq!((&of_one[0]["webhook"], of_one.as_array().unwrap().len()), (&"operations".into(), 1));
    let others = retry_all(&[]);
    assert_eq!((&others[0]["webhook"], others.as_array().unwrap().len()), (&"audit".into(), 1));
    assert_eq!(of_one[0]["resent"].as_u64().unwrap() + others[0]["resent"].as_u64().unwrap(), 3);
    wait_for("the deliveries", || (deliveries(&server, &["--state", "delivered"]).len() == 4).then_some(()));
}
