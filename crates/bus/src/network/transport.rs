//! What a server must offer for a bus to go over it.

use std::future::Future;

use super::message_filter::ReceivedMessage;
use super::outbound::Edited;

/// How to reach a server. The driver is in control: it sets the deadlines, and reconnects when any of this fails.
pub(crate) trait Transport: Send + Sync + 'static {
    /// Receives messages.
    type Incoming: Incoming;
    /// Sends what goes out.
    type Outgoing: Outgoing;

    /// Connects and subscribes. The server has confirmed the subscription when this returns: what is published
    /// afterwards is received.
    fn connect(&self) -> impl Future<Output = Result<(Self::Incoming, Self::Outgoing), String>> + Send;
}

/// The half of a connection that receives.
pub(crate) trait Incoming: Send {
    /// Waits for what comes in. Cancelling the wait loses nothing.
    fn next(&mut self) -> impl Future<Output = Result<ReceivedMessage, String>> + Send;

    /// Asks whether the server is there; answers once it has answered.
    fn ping(&mut self) -> impl Future<Output = Result<(), String>> + Send;
}

/// The half of a connection that sends.
pub(crate) trait Outgoing: Send {
    /// The longest message that can be sent, in bytes.
    fn bytes_max(&self) -> usize;

    /// Sends a message; answers once the server has taken it, since one that was only written may be lost. `edited` is
    /// what it is about, for servers on which other programs receive that too.
    fn send(&mut self, message: Vec<u8>, edited: &Edited) -> impl Future<Output = Result<(), String>> + Send;

    /// Asks whether the server is there; answers once it has answered.
    fn ping(&mut self) -> impl Future<Output = Result<(), String>> + Send;
}
