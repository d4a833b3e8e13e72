//! Every case, on the real module under the proxy-wasm host, in both orders of body and callout
//! reply; then all of them in a row on one VM.

use host_tests::cases::{self, Case};
use host_tests::runner::{Native, Order, ProxyWasm, report};

#[test]
fn every_case_holds_when_the_body_comes_before_the_reply() {
    report::every_case(&mut ProxyWasm::load(Order::BodyFirst), Some(&mut Native));
}

#[test]
fn every_case_holds_when_the_reply_comes_before_the_body() {
    report::every_case(&mut ProxyWasm::load(Order::ReplyFirst), Some(&mut Native));
}

/// Cases that share a configuration share a VM here, as in a gateway: each verdict is its own, the VM
/// lives, and its memory has grown to its size after the first round.
#[test]
fn one_vm_decides_every_case_as_a_vm_of_its_own_does() {
    let host = ProxyWasm::load(Order::ReplyFirst);
    let plain = cases::all().iter().find(|case| case.subject() == "registry").expect("a case");
    let shared = |case: &&Case| case.has_configuration_of(plain) && is_like(case, plain);
    let cases: Vec<_> = cases::all().iter().filter(shared).collect();
    assert!(cases.len() > 100, "most cases share the base configuration");
    let gateway = host.start(&plain.resolved).expect("the base configuration is good");
    let mut pages = Vec::new();
    let mut wrong = Vec::new();
    for _ in 0..3 {
        for case in &cases {
            let (exchange, expected) = (&case.resolved.exchanges[0], &case.expected[0].expect);
            let (seen, faults) = host.exchange(&gateway, exchange);
            let receipt: serde_json::Value = seen
                .receipts
                .first()
                .and_then(|line| serde_json::from_str(line).ok())
                .unwrap_or_default();
            let said = (receipt["verdict"].as_str(), receipt["reason"].as_str());
            if said != (Some(expected.verdict.as_str()), expected.reason.as_deref())
                || !faults.is_empty()
            {
                wrong.push(format!("{}: {said:?} {faults:?}", case.name()));
            }
        }
        pages.push(gateway.memory_pages(0));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} cases three times; pages after each round: {pages:?}", cases.len());
    assert!(pages[2] - pages[0] <= 16, "memory keeps growing: {pages:?} pages");
}

/// What a request means must not depend on what came before. The keys do, so cases with keys of their
/// own are left out.
fn is_like(case: &Case, plain: &Case) -> bool {
    let (Some(first), Some(ordinary)) =
        (case.resolved.exchanges.first(), plain.resolved.exchanges.first())
    else {
        return false;
    };
    first.fetches == ordinary.fetches && first.arrives.abs_diff(ordinary.arrives) < 60_000
}
