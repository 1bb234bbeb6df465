//! Which cryptography TLS uses.

/// Chooses ring for the whole process, unless the program has chosen. The clients of Redis and NATS ask for the
/// process's choice and panic when there is none.
pub(crate) fn choose_cryptography() {
    // One that was chosen before stays, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
}
