//! The binary `midflight`: the server, and the commands that talk to one.

mod cli;

use std::process::ExitCode;

/// Answers of megabytes are made on many threads at once. The allocator of glibc keeps what each thread has freed; this
/// one gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
