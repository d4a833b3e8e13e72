//! `x-forwarded-client-cert` beside the certificate of somebody else, or none: it speaks for nobody.
#![no_main]

use deputy_fuzz::{allows, certificate_of};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let header = [("x-forwarded-client-cert", data)];
    assert!(!allows(&header, certificate_of("spiffe://acme.example/other")));
    assert!(!allows(&header, Vec::new()));
});
