//! The program that libFuzzer drives: plays one target, which the environment names.

#![no_main]

libfuzzer_sys::fuzz_target!(init: fuzz::begin(), |bytes: &[u8]| fuzz::play(bytes));
