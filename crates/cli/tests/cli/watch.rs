//! `watch`, over the end of a server and the start of the next.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::harness::{Server, condition};

struct Watching {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("the watcher was gone already");
        }
    }
}

impl Watching {
    fn start(server: &Server, args: &[&str]) -> Self {
        let mut child = server.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    fn next(&self) -> u64 {
        let line = self.lines.recv_timeout(Duration::from_secs(60)).unwrap();
        let revision: serde_json::Value = serde_json::from_str(&line).unwrap();
        revision["number"].as_u64().unwrap()
    }
}

#[test]
fn no_revision_is_missed_and_none_is_shown_twice() {
    let server = Server::with_loans();
    let watching = Watching::start(&server, &["watch", "--since", "0", "-o", "json"]);
    assert_eq!(watching.next(), 1);
    let apply = |server: &Server, n: u64| {
        server.write("c.yaml", &condition("earns-enough", 20_000 + n));
        server.run(&["apply", "-f", "c.yaml"]);
    };
    apply(&server, 1);
    assert_eq!(watching.next(), 2);
    // The next server has another address only if the port is asked for anew; a watcher keeps to the one it has.
    let address = server.url.trim_start_matches("http://").to_owned();
    let (_, folder) = server.signal("-TERM");
    let server = Server::start_at(folder, &address);
    for n in 2..5 {
        apply(&server, n);
    }
    assert_eq!([watching.next(), watching.next(), watching.next()], [3, 4, 5]);
    let message = server.refused(&["watch", "--since", "99"]);
    assert!(message.contains("no revision 99"), "{message}");
}
