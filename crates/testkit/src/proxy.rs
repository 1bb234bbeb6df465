//! A network between a client and a server that can be cut.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Passes connections on to a server, or does not.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: Arc<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// What is sent waits.
    Stalled,
    /// Connections are closed, and new ones at once.
    Cut,
    /// The proxy was dropped.
    Ended,
}

#[derive(Debug)]
struct Line {
    target: SocketAddr,
    state: Mutex<(State, Vec<TcpStream>)>,
    changed: Condvar,
    accepted: AtomicUsize,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, (State, Vec<TcpStream>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        let mut now = self.lock();
        now.0 = state;
        if matches!(state, State::Cut | State::Ended) {
            for stream in now.1.drain(..) {
                // It may be closed already.
                stream.shutdown(Shutdown::Both).ok();
            }
        }
        drop(now);
        self.changed.notify_all();
    }

    /// Waits while nothing passes; answers whether something does.
    fn passes(&self) -> bool {
        let stalled = self.changed.wait_while(self.lock(), |now| now.0 == State::Stalled);
        stalled.unwrap_or_else(PoisonError::into_inner).0 == State::Open
    }
}

impl Proxy {
    /// Listens on a free port and passes on to `port`.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = SocketAddr::from(([127, 0, 0, 1], port));
        let line = Arc::new(Line {
            target,
            state: Mutex::new((State::Open, Vec::new())),
            changed: Condvar::new(),
            accepted: AtomicUsize::new(0),
        });
        let of_thread = Arc::clone(&line);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if of_thread.lock().0 == State::Ended {
                    return;
                }
                of_thread.accepted.fetch_add(1, Ordering::Relaxed);
                connect(&of_thread, client);
            }
        });
        Self { address, line }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections were made so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.line.accepted.load(Ordering::Relaxed)
    }

    /// Closes every connection, and every new one at once, until [`Self::heal`].
    pub fn cut(&self) {
        self.line.set(State::Cut);
    }

    /// Holds back whatever is sent until [`Self::heal`]; connections stay open, as when packets are lost.
    pub fn stall(&self) {
        self.line.set(State::Stalled);
    }

    /// Lets everything pass again.
    pub fn heal(&self) {
        self.line.set(State::Open);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.line.set(State::Ended);
        // Wakes the thread that accepts, so that it sees the end.
        drop(TcpStream::connect(self.address));
    }
}

/// Passes one connection on, both ways.
fn connect(line: &Arc<Line>, client: TcpStream) {
    let server = (line.lock().0 != State::Cut).then(|| TcpStream::connect(line.target));
    let Some(Ok(server)) = server else {
        client.shutdown(Shutdown::Both).ok();
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).ok();
    }
    let ends = [client.try_clone(), server.try_clone()];
    line.lock().1.extend(ends.into_iter().flatten());
    for (from, to) in [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))] {
        if let (Ok(from), Ok(to)) = (from, to) {
            let line = Arc::clone(line);
            thread::spawn(move || pass(&line, from, to));
        }
    }
}

fn pass(line: &Line, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !line.passes() || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}
