//! Arbitrary bytes as a model of this format: always a model or an error, never a panic, a hang or boundless memory.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pipeline_fuzz::read("catboost", bytes));
