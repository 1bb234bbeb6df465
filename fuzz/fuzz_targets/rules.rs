//! See `midflight_fuzz_targets::rules`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| midflight_fuzz_targets::rules(bytes));
