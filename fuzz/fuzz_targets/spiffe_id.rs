//! SPIFFE ids: what is one has one spelling, and its parts are those of it.
#![no_main]

use deputy_engine::model::{PrincipalId, WorkloadId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &str| {
    // What it says of a text that is no identity at all is not looked at: it must not panic.
    let _ = PrincipalId::parse(data);
    let Ok(id) = WorkloadId::spiffe(data) else { return };
    assert_eq!(id.as_str(), data);
    let path = data.strip_prefix("spiffe://").and_then(|rest| rest.strip_prefix(id.trust_domain()));
    let path = path.expect("scheme, then trust domain");
    assert!(path.starts_with('/') && !path.ends_with('/') && !path.contains(['%', '?', '#', ',']));
    let principal = id.principal();
    assert_eq!((principal.as_str(), principal.issuer()), (data, id.domain_issuer().as_str()));
    assert_eq!(PrincipalId::parse(data).as_ref(), Ok(&principal));
});
