//! DPoP proofs for a good token: claims that its key has signed, in which `$ath` stands for the hash of
//! the token, that nobody finds by chance; or, after `raw:`, the text of a proof.
#![no_main]

use deputy_fuzz::{allows, bound_token, digest, proof};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    let token = bound_token();
    let sent = match data.strip_prefix("raw:") {
        Some(raw) => raw.to_owned(),
        None => proof(&data.replace("$ath", &digest(&token))),
    };
    let authorization = format!("DPoP {token}");
    let headers = [("authorization", authorization.as_bytes()), ("dpop", sent.as_bytes())];
    let allowed = allows(&headers, Vec::new());
    assert!(!allowed || !data.starts_with("raw:") && data.contains("$ath"), "{data}");
});
