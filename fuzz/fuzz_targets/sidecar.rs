//! The flags of the sidecar: lines of the input are its arguments.
#![no_main]
#![allow(dead_code, reason = "its sources are compiled as they are, and only the flags are read here")]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;

#[path = "../../crates/sidecar/src/logging.rs"]
mod logging;
#[path = "../../crates/sidecar/src/options/mod.rs"]
mod options;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let arguments = bytes.split(|byte| *byte == b'\n').map(|line| OsString::from_vec(line.to_vec()));
    if let Err(problems) = options::parse(arguments, |_| None) {
        assert!(!problems.is_empty());
    }
});
