//! Claims that an issuer has signed. Without being meant for this gateway they allow nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let authorization = format!("Bearer {}", deputy_fuzz::token(data));
    let allowed = deputy_fuzz::allows(&[("authorization", authorization.as_bytes())], Vec::new());
    // The URI may be written with escapes.
    assert!(!allowed || data.contains("gateway") || data.contains('\\'), "{data}");
});
