//! What a fuzzer calls: a message as a bus over a network receives it.

use tokio::time::Instant;

use crate::network::Seal;
use crate::network::message_filter::{MessageFilter, ReceivedMessage};

/// Receives bytes as each sort of message, with and without the key of the log.
pub fn receive(bytes: &[u8]) {
    let known = Seal::new();
    known.know([7; 32]);
    for seal in [Seal::new(), known] {
        let mut filter = MessageFilter::new(seal);
        let now = Instant::now();
        for received in [ReceivedMessage::Message, ReceivedMessage::Number, ReceivedMessage::Legacy] {
            filter.receive(&received(bytes.to_vec()), now);
            filter.ripe(now);
        }
    }
}
