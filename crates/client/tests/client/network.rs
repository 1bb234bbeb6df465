//! A network that passes requests on and loses answers, and whose server may move to another port.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::thread;

/// Passes connections on to a server on this machine, until the test ends.
pub(crate) struct Network {
    address: SocketAddr,
    line: Arc<Line>,
}

struct Line {
    port: AtomicU16,
    /// How many of the next answers are lost.
    losses: AtomicUsize,
    lost: AtomicUsize,
}

impl Network {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let line = Arc::new(Line {
            port: AtomicU16::new(port),
            losses: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
        });
        let of_thread = Arc::clone(&line);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let port = of_thread.port.load(Ordering::Relaxed);
                // Without a server the connection is closed.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", port)) {
                    pass(&of_thread, &client, &server);
                }
            }
        });
        Self { address, line }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// New connections go to this port.
    pub(crate) fn move_to(&self, port: u16) {
        self.line.port.store(port, Ordering::Relaxed);
    }

    /// Loses so many of the next answers: the server makes them, and the connection is closed before the client has
    /// any of them.
    pub(crate) fn lose_answers(&self, count: usize) {
        self.line.losses.store(count, Ordering::Relaxed);
    }

    /// How many answers were lost.
    pub(crate) fn lost(&self) -> usize {
        self.line.lost.load(Ordering::Relaxed)
    }
}

fn pass(line: &Arc<Line>, client: &TcpStream, server: &TcpStream) {
    let (mut requests, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        drop(std::io::copy(&mut requests, &mut to_server));
        to_server.shutdown(Shutdown::Write).ok();
    });
    let (mut answers, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let line = Arc::clone(line);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = answers.read(&mut buffer) {
            let is_lost =
                line.losses.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if is_lost.is_ok() {
                line.lost.fetch_add(1, Ordering::Relaxed);
                break;
            }
            if to_client.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        answers.shutdown(Shutdown::Both).ok();
        to_client.shutdown(Shutdown::Both).ok();
    });
}
