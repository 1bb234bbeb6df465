//! The app of the tests as a process: `double FILE --ready-file READY` reads the file, again on SIGHUP and SIGUSR1, and
//! says what became of it at the URL that it writes to the other file.
#![expect(clippy::unwrap_used, reason = "it is a part of the tests, and what does not work fails them")]

#[path = "../tests/it/double.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod double;
#[path = "../tests/it/support.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use signal_hook::consts::{SIGHUP, SIGUSR1};
use signal_hook::iterator::Signals;

use double::Double;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let file = PathBuf::from(arguments.next().unwrap());
    assert!(arguments.next().is_some_and(|flag| flag == "--ready-file"));
    let ready = PathBuf::from(arguments.next().unwrap());
    // Whoever reads that it is ready may signal it.
    let mut signals = Signals::new([SIGHUP, SIGUSR1]).unwrap();
    let double = Double::start(&file);
    write_ready(&ready, &format!("http://{}\n", double.address()));
    for _ in signals.forever() {
        double.reload();
    }
}

fn write_ready(file: &Path, url: &str) {
    let beside = file.with_extension("new");
    fs::write(&beside, url).unwrap();
    fs::rename(beside, file).unwrap();
}
