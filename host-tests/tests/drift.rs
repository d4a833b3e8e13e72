//! A tool that one worker has seen drift is refused by all of them. When a tool has drifted is for the
//! cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use host_tests::cases::{self, Case};
use host_tests::runner::{Order, ProxyWasm};
use host_tests::vm::{Gateway, Options, SharedStore};
use serde_json::Value;

/// First a list in which a tool has drifted, then a call of it.
fn case() -> &'static Case {
    let drifts = |case: &&Case| {
        let mut expected = case.expected.iter().skip(1);
        expected.any(|e| e.expect.reason.as_deref() == Some("tool_drifted"))
    };
    cases::all().iter().find(drifts).expect("the case is there")
}

fn reason(host: &ProxyWasm, gateway: &Gateway, worker: usize, exchange: usize) -> Option<String> {
    let (seen, faults) = host.exchange_on(gateway, worker, &case().resolved.exchanges[exchange]);
    assert!(faults.is_empty(), "{faults:?}");
    let receipt: Value = serde_json::from_str(&seen.receipts[0]).unwrap();
    receipt["reason"].as_str().map(str::to_owned)
}

#[test]
fn a_tool_that_one_worker_saw_drift_is_refused_by_all_and_by_a_new_vm() {
    let (host, shared) = (ProxyWasm::load(Order::ReplyFirst), SharedStore::default());
    let call = case().expected.iter().position(|e| e.expect.reason.is_some()).unwrap();
    let options =
        || Options { workers: 3, shared: shared.clone(), ..ProxyWasm::options(&case().resolved) };
    let gateway = host.start_with(options()).unwrap();
    assert_eq!(reason(&host, &gateway, 1, 0), None, "the list");
    // One tick to write it, one to read it; every exchange begins with one.
    gateway.tick();
    for worker in [0, 1, 2] {
        let reason = reason(&host, &gateway, worker, call);
        assert_eq!(reason.as_deref(), Some("tool_drifted"), "worker {worker}");
    }
    drop(gateway);
    let after = host.start_with(options()).unwrap();
    assert_eq!(reason(&host, &after, 0, call).as_deref(), Some("tool_drifted"));
    assert_eq!(after.death(0), None);
}
