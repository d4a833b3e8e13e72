//! Every case, on the real module under the proxy-wasm host, in both orders of body and callout
//! reply; then many of them in a row and at once on one VM.

use host_tests::cases::{self, Case};
use host_tests::runner::{AtOnce, Native, Order, ProxyWasm, Seen, oracle, report};

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
    let cases = alike();
    let gateway = host.start(&cases[0].resolved).expect("the base configuration is good");
    let (mut pages, mut wrong) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        for case in &cases {
            let (exchange, expected) = (&case.resolved.exchanges[0], &case.expected[0]);
            let (seen, mut found) = host.exchange(&gateway, exchange);
            found.extend(oracle::judge_exchange(exchange, expected, &seen));
            wrong.extend(found.into_iter().map(|line| format!("{}: {line}", case.name())));
        }
        pages.push(gateway.memory_pages(0));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} cases three times; pages after each round: {pages:?}", cases.len());
    assert!(pages[2] - pages[0] <= 16, "memory keeps growing: {pages:?} pages");
}

/// Hundreds of requests of several agents wait for the same keys with interleaved bodies; some
/// clients go away. Each that stays gets the decision it would have got alone.
#[test]
fn requests_that_wait_together_are_decided_each_for_itself() {
    let host = ProxyWasm::load(Order::BodyFirst);
    let cases = &alike()[..500];
    let gateway = host.start(&cases[0].resolved).expect("the base configuration is good");
    let exchanges: Vec<_> = cases.iter().map(|case| &case.resolved.exchanges[0]).collect();
    let outcomes = host.at_once(&gateway, &exchanges);
    let mut wrong: Vec<_> = gateway.death(0).into_iter().collect();
    let mut receipts = 0;
    for (case, outcome) in cases.iter().zip(&outcomes) {
        let found = match outcome {
            AtOnce::Done(seen) => {
                receipts += seen.receipts.len();
                oracle::judge_exchange(&case.resolved.exchanges[0], &case.expected[0], seen)
            }
            AtOnce::Aborted(seen) => {
                receipts += seen.receipts.len();
                let undecided = (seen.upstream.is_some() || seen.receipts.len() != 1)
                    .then(|| format!("its client left, and there is not one refusal: {seen:?}"));
                undecided.into_iter().collect()
            }
        };
        wrong.extend(found.into_iter().map(|line| format!("{}: {line}", case.name())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(ProxyWasm::receipts(&gateway), receipts, "one receipt for each decision");
}

/// A VM that holds as many waiting requests as it can says so to the next ones; those it holds are
/// served, and nothing is held against the issuer.
#[test]
fn requests_that_are_too_many_to_wait_are_refused_and_the_others_served() {
    let host = ProxyWasm::load(Order::ReplyFirst);
    let good = |case: &&Case| case.expected[0].expect.verdict == "allow";
    let case = alike().into_iter().find(good).expect("a good one");
    let exchange = &case.resolved.exchanges[0];
    let gateway = host.start(&case.resolved).expect("the base configuration is good");
    let outcomes = host.at_once(&gateway, &[exchange; 600]);
    let done = outcomes.iter().filter_map(|outcome| match outcome {
        AtOnce::Done(seen) => Some(seen),
        AtOnce::Aborted(_) => None,
    });
    let (served, refused): (Vec<&Seen>, Vec<_>) = done.partition(|seen| seen.upstream.is_some());
    assert!(served.len() > 400, "{} served", served.len());
    assert!(!refused.is_empty(), "all served: the limit is higher than this test thinks");
    for seen in refused {
        let status = seen.client.as_ref().map(|answer| answer.status);
        let reason = r#""reason":"too_many_waiting""#;
        let said = seen.receipts.iter().any(|receipt| receipt.contains(reason));
        assert!(status == Some(503) && said, "{seen:?}");
    }
    let (seen, faults) = host.exchange(&gateway, exchange);
    assert!(faults.is_empty() && seen.upstream.is_some(), "{faults:?} {seen:?}");
}

/// A case with the base configuration.
const ORDINARY: &str = "registry/an_agent_that_is_not_fit_may_do_nothing/";

/// Cases that share the base configuration and its keys, and happen at one moment: what such
/// a request means must not depend on what came before or goes on beside it.
fn alike() -> Vec<&'static Case> {
    let plain = cases::all().iter().find(|case| case.name().starts_with(ORDINARY));
    let first = |case: &'static Case| case.resolved.exchanges.first();
    let is_alike = |case: &&'static Case| {
        let (Some(plain), Some(exchange)) = (plain, first(case)) else { return false };
        case.has_configuration_of(plain)
            && first(plain).is_some_and(|ordinary| ordinary.fetches == exchange.fetches)
            && [exchange.arrives, exchange.fetched, exchange.answered] == [cases::NOW; 3]
    };
    let alike: Vec<_> = cases::all().iter().filter(is_alike).collect();
    assert!(alike.len() > 500, "most cases are alike");
    alike
}
