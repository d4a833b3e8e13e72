//! Key sets as an issuer's server answers them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| deputy_fuzz::learns(data));
