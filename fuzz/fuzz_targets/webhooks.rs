//! See `midflight_fuzz_targets::webhooks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| midflight_fuzz_targets::webhooks(bytes));
