//! A port of this process, for servers that a test writes itself.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Accepts connections and serves each on a thread of its own. It ends with its value; what is served then sees that
/// it has to stop.
#[derive(Debug)]
pub struct Acceptor {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Acceptor {
    /// Listens at an address; port 0 takes a free one. `serve` gets each connection, and a flag that is set when it
    /// has to stop.
    pub fn start(
        address: SocketAddr,
        serve: impl Fn(TcpStream, &AtomicBool) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (stopped, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let stopping = Arc::clone(&stopped);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopping.load(Ordering::SeqCst) {
                    return;
                }
                let (stopping, serve) = (Arc::clone(&stopping), Arc::clone(&serve));
                thread::spawn(move || serve(stream, &stopping));
            }
        });
        Self { address, stopped, accepting: Some(accepting) }
    }

    /// The same at a free port of loopback.
    pub fn free(serve: impl Fn(TcpStream, &AtomicBool) + Send + Sync + 'static) -> Self {
        Self::start(SocketAddr::from(([127, 0, 0, 1], 0)), serve)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Frees the port.
    pub fn stop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, so that it sees the end.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            accepting.join().unwrap();
        }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop();
    }
}
