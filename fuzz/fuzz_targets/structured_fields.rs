//! `Signature-Input`, `Signature` and `Signature-Agent` (RFC 9421, RFC 9651), a line each: no bot is ever
//! allowed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let names = ["signature-input", "signature", "signature-agent"];
    let lines = data.split(|byte| *byte == b'\n');
    let headers: Vec<_> = names.into_iter().zip(lines).collect();
    assert!(!deputy_fuzz::allows(&headers, Vec::new()));
});
