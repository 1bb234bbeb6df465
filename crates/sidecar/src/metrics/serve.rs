//! Answers /metrics and /healthz, on one thread. Every connection has a bound in time and in bytes, and when there are
//! too many the oldest is closed, so that a slow or faulty client delays no other.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Metrics;

/// How many connections may be open.
const CONNECTIONS_MAX: usize = 32;
/// How large the head of a request may be, in bytes.
const HEAD_BYTES_MAX: usize = 8 << 10;
/// How long no connection is accepted after one could not be.
const ACCEPT_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// How long a request may take to come.
const REQUEST_MAX: Duration = Duration::from_secs(2);

/// Listens on the first of these addresses that can be had.
///
/// # Errors
/// Why the last of them cannot.
pub(crate) fn bind(addresses: &[SocketAddr]) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(addresses)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The URL under which a listener can be asked from this machine.
pub(crate) fn url(listener: &TcpListener) -> io::Result<String> {
    let mut address = listener.local_addr()?;
    if address.ip().is_unspecified() {
        // A socket for every IPv6 address takes IPv4 too.
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Ok(format!("http://{address}"))
}

struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
    until: Instant,
}

/// Answers for ever.
pub(crate) fn run(listener: &TcpListener, metrics: &Arc<Metrics>) {
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        wait(listener, &connections);
        let now = Instant::now();
        // A connection that has been answered, or that is of no use any more, goes.
        connections.retain_mut(|connection| connection.until > now && connection.is_waiting(metrics));
        accept(listener, &mut connections, now + REQUEST_MAX);
    }
}

fn accept(listener: &TcpListener, connections: &mut Vec<Connection>, until: Instant) {
    loop {
        match listener.accept() {
            Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                if connections.len() >= CONNECTIONS_MAX {
                    connections.remove(0);
                }
                connections.push(Connection { stream, head: Vec::new(), until });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => {
                // Out of file descriptors, for example: the next connection is accepted when there are some, and not
                // polled for all the time.
                poll(&mut [], Some(&ACCEPT_PAUSE)).unwrap_or_default();
                return;
            }
        }
    }
}

/// Waits for a new connection or a message, or until the wait is over.
fn wait(listener: &TcpListener, connections: &[Connection]) {
    let first = connections.iter().map(|connection| connection.until).min();
    let patience =
        first.map(|until| until.saturating_duration_since(Instant::now()) + Duration::from_millis(1));
    let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
    let streams = connections.iter().map(|connection| PollFd::new(&connection.stream, PollFlags::IN));
    let mut all: Vec<_> = std::iter::once(PollFd::new(listener, PollFlags::IN)).chain(streams).collect();
    // Interrupted, it is as if nothing had come: all connections are polled anyway.
    poll(&mut all, patience.as_ref()).unwrap_or_default();
}

impl Connection {
    /// Reads what has come, and answers when it is a whole request. Whether there is more to come.
    fn is_waiting(&mut self, metrics: &Metrics) -> bool {
        let mut piece = [0; 1024];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return false,
                Ok(read) => self.head.extend_from_slice(piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
            if self.head.len() > HEAD_BYTES_MAX {
                self.send(&answer(
                    "431 Request Header Fields Too Large",
                    "the request is too large\n",
                    false,
                ));
                return false;
            }
        }
        if !self.head.windows(4).any(|end| end == b"\r\n\r\n") {
            return true;
        }
        let answer = respond(&self.head, metrics);
        self.send(&answer);
        false
    }

    /// An answer fits into what the system takes at once; a client that does not read gets none.
    fn send(&mut self, answer: &[u8]) {
        drop(self.stream.write_all(answer));
        drop(self.stream.shutdown(std::net::Shutdown::Write));
    }
}

/// The answer to a request.
fn respond(head: &[u8], metrics: &Metrics) -> Vec<u8> {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_http = words.next().is_some_and(|version| version.starts_with(b"HTTP/1."));
    let is_head = method == b"HEAD";
    if !is_http {
        return answer("400 Bad Request", "not an HTTP/1 request\n", false);
    }
    if method != b"GET" && !is_head {
        return answer("405 Method Not Allowed", "only GET is supported\n", false);
    }
    match target.split(|byte| *byte == b'?').next().unwrap_or_default() {
        b"/metrics" => answer("200 OK", &metrics.text(), is_head),
        b"/healthz" if metrics.is_alive(Instant::now()) => answer("200 OK", "watching\n", is_head),
        b"/healthz" => answer("503 Service Unavailable", "file watching has stopped\n", is_head),
        b"/" => answer("200 OK", "midflight-sidecar: see /metrics and /healthz\n", is_head),
        _ => answer("404 Not Found", "see /metrics and /healthz\n", is_head),
    }
}

fn answer(status: &str, body: &str, is_head: bool) -> Vec<u8> {
    let bytes = body.len();
    let body = if is_head { "" } else { body };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {bytes}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn first_line(request: &str) -> String {
        let answer = respond(request.as_bytes(), &Metrics::new(Duration::from_secs(5)));
        String::from_utf8(answer).unwrap().lines().next().unwrap().to_owned()
    }

    #[test]
    fn what_is_here_is_answered_and_nothing_else() {
        for (request, status) in [
            ("GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
            ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
            ("HEAD /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
            ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
            ("GET /metrics\r\n\r\n", "HTTP/1.1 400 Bad Request"),
            ("\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ] {
            assert_eq!(first_line(request), status, "{request:?}");
        }
    }

    #[test]
    fn a_head_has_no_body_and_its_length() {
        let answer = String::from_utf8(answer("200 OK", "12345", true)).unwrap();
        assert!(answer.contains("Content-Length: 5\r\n") && answer.ends_with("\r\n\r\n"));
    }

    #[test]
    fn every_address_is_asked_for_at_one_that_can_be_asked() {
        let addresses = [(Ipv6Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::UNSPECIFIED, 0).into()];
        let url = url(&bind(&addresses).unwrap()).unwrap();
        assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with(":0"), "{url}");
    }
}
