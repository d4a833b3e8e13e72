//! Compact JWS in `Authorization`: nothing that the issuer has not signed is allowed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bearer = [b"Bearer ".as_slice(), data].concat();
    for authorization in [data, &bearer] {
        assert!(!deputy_fuzz::allows(&[("authorization", authorization)], Vec::new()));
    }
});
