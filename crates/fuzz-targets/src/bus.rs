//! Messages of a bus.

use midflight_bus::fuzzing::receive;

/// A message as a hint, as a number, and as an order of a program that Midflight replaces, with and without the key of the
/// log.
pub fn hints(bytes: &[u8]) {
    receive(bytes);
}
