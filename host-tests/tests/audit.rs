//! One line for each decision, whatever is written into a request: what it may hold, that there is exactly one,
//! and that no two are taken for one. What a receipt says is for the cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[path = "audit/naughty.rs"]
mod naughty;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use host_tests::cases::{self, Case, Exchange};
use host_tests::runner::{AtOnce, Order, ProxyWasm};
use host_tests::vm::{Entropy, Options};
use serde_json::{Value, json};

fn case(name: &str) -> &'static Case {
    cases::all().iter().find(|case| case.name() == name).expect("the case is there")
}

/// Compiled once for all tests here.
fn module() -> &'static ProxyWasm {
    static MODULE: LazyLock<ProxyWasm> = LazyLock::new(|| ProxyWasm::load(Order::ReplyFirst));
    &MODULE
}

/// An ordinary call, with everything in it that a receipt could be written from.
const CALL: &str = "token/a_token_names_the_agent_the_human_and_the_grant";
const TRANSACTION: &str = "token/a_transaction_is_context_for_policy_and_goes_on/with";
const RESOURCE: &str =
    "mcp-modern/a_resource_is_read_by_its_declared_uri_or_below_a_declared_prefix/in 2025-11-25";

/// Bytes as cases write them.
fn raw(text: &str) -> Value {
    use base64::Engine as _;
    json!({"base64": base64::engine::general_purpose::STANDARD.encode(text)})
}

/// Every place of a request that somebody else fills, with that text in it.
fn places(text: &str) -> Vec<(&'static str, &'static str, Value)> {
    let claim = |name: &str| json!({"token": {"claims": {name: text}}});
    let header = |name: &str| json!({"request": {"headers": {name: raw(text)}}});
    let message = |message: Value| json!({"request": {"call": null, "mcp": message}});
    let path = |before: &str| json!([before, raw(text)]);
    vec![
        ("sub", CALL, claim("sub")),
        ("iss", CALL, claim("iss")),
        ("client_id", CALL, claim("client_id")),
        ("jti", CALL, claim("jti")),
        ("scope", CALL, claim("scope")),
        ("acr", CALL, claim("acr")),
        ("act", CALL, json!({"token": {"claims": {"act": {"sub": text}}}})),
        (
            "an earlier actor",
            CALL,
            json!({"token": {"claims": {"act": {"act": {"iss": "https://idp.acme.example", "sub": text}}}}}),
        ),
        ("kid", CALL, json!({"token": {"header": {"kid": text}}})),
        ("txn", TRANSACTION, json!({"tokens": {"txn": {"base": "txn", "claims": {"txn": text}}}})),
        (
            "req_wl",
            TRANSACTION,
            json!({"tokens": {"txn": {"base": "txn", "claims": {"req_wl": text}}}}),
        ),
        ("a tool", CALL, json!({"request": {"call": [text, {}]}})),
        (
            "an argument",
            CALL,
            json!({"request": {"call": ["refund", {"id": 1, "amount": 5, "note": text}]}}),
        ),
        (
            "an argument's name",
            CALL,
            json!({"request": {"call": ["refund", {"id": 1, "amount": 5, text: 1}]}}),
        ),
        ("a method", CALL, message(json!({"method": text}))),
        ("a message's id", CALL, json!({"request": {"mcp": {"id": text}}})),
        ("a uri", RESOURCE, message(json!({"params": {"uri": format!("orders://items/{text}")}}))),
        ("a path", CALL, json!({"request": {"call": null, "path": path("/v1/orders/")}})),
        ("a query", CALL, json!({"request": {"call": null, "path": path("/v1/orders/7?q=")}})),
        ("user-agent", CALL, header("user-agent")),
        ("traceparent", CALL, header("traceparent")),
        ("x-request-id", CALL, header("x-request-id")),
        ("mcp-session-id", CALL, header("mcp-session-id")),
        ("mcp-name", CALL, header("mcp-name")),
        ("authorization", CALL, header("authorization")),
        ("origin", CALL, header("origin")),
    ]
}

/// What is wrong with what was written about it.
fn wrong(receipts: &[String], logs: &[String]) -> Option<String> {
    let [line] = receipts else { return Some(format!("{} receipts", receipts.len())) };
    if !serde_json::from_str::<Value>(line).is_ok_and(|receipt| receipt["v"] == 1) {
        return Some(format!("no JSON: {line}"));
    }
    let lines = || receipts.iter().chain(logs);
    let hidden = lines().flat_map(|line| line.chars()).find(|c| naughty::is_hidden(*c));
    let long = lines().map(String::len).max().filter(|length| *length > LONGEST);
    hidden
        .map(|c| format!("{c:?} in {receipts:?} {logs:?}"))
        .or(long.map(|length| format!("{length} bytes")))
}

/// L1: in all that the module logs.
#[test]
fn whatever_is_written_into_a_request_there_is_one_line_of_json_about_it() {
    let module = module();
    let bases = [CALL, TRANSACTION, RESOURCE].map(case);
    let gateways = bases.map(|case| (case.name(), module.start(&case.resolved).unwrap()));
    let (mut found, mut tried, mut allowed) = (Vec::new(), 0, 0);
    for (nth, text) in naughty::texts().into_iter().enumerate() {
        // Each in two places, in turn: all of them everywhere would take minutes.
        for (place, base, over) in places(&text).into_iter().skip(nth % 13).step_by(13) {
            let one = case(base).with(&over);
            let exchange = &one.resolved.exchanges[0];
            let (_, gateway) = gateways.iter().find(|(name, _)| *name == base).unwrap();
            let (seen, faults) = module.exchange(gateway, exchange);
            found.extend(faults.into_iter().map(|fault| format!("{place}, {text:?}: {fault}")));
            let wrong = wrong(&seen.receipts, &seen.logs);
            found.extend(wrong.map(|wrong| format!("{place}, {text:?}: {wrong}")));
            tried += 1;
            allowed += usize::from(seen.upstream.is_some());
        }
    }
    assert!(found.is_empty(), "{} of {tried}:\n{}", found.len(), found.join("\n"));
    // Neither all refused for another reason than the text, nor all let through.
    assert!(allowed > tried / 20 && allowed < tried * 19 / 20, "{allowed} of {tried}");
}

/// Cases of one configuration that happen at one moment, and about which something is decided.
fn alike() -> Vec<&'static Exchange> {
    let ordinary = case(CALL);
    let same = |case: &&Case| {
        let first = case.resolved.exchanges.first();
        case.has_configuration_of(ordinary)
            && case.expected[0].expect.verdict != "published"
            && first.is_some_and(|first| {
                first.fetches == ordinary.resolved.exchanges[0].fetches
                    && [first.arrives, first.fetched, first.answered] == [cases::NOW; 3]
            })
    };
    cases::all().iter().filter(same).map(|case| &case.resolved.exchanges[0]).collect()
}

/// L3, L8: whoever is forwarded, refused, or gone before the decision.
#[test]
fn of_thousands_of_requests_each_has_one_receipt_of_its_own() {
    let module = module();
    let options = ProxyWasm::options(&case(CALL).resolved);
    let gateway = module.start_with(Options { entropy: Entropy::System, ..options }).unwrap();
    let alike = alike();
    let (mut ids, mut sums) = (BTreeSet::new(), [0_usize; 3]);
    for _ in 0..ROUNDS {
        for some in alike.chunks(400) {
            for outcome in module.at_once(&gateway, some) {
                let (seen, gone) = match outcome {
                    AtOnce::Done(seen) => (seen, false),
                    AtOnce::Aborted(seen) => (seen, true),
                };
                let [line] = seen.receipts.as_slice() else { panic!("{seen:?}") };
                let receipt: Value = serde_json::from_str(line).unwrap();
                let allowed = receipt["verdict"] == "allow";
                assert_eq!(allowed, seen.upstream.is_some(), "{seen:?}");
                assert!(gone || allowed || seen.client.is_some(), "{seen:?}");
                assert!(ids.insert(receipt["id"].as_str().unwrap().to_owned()), "twice: {line}");
                let place = if allowed { 0 } else { 1 + usize::from(gone) };
                sums[place] += 1;
            }
        }
    }
    let [allowed, refused, gone] = sums;
    println!("{allowed} forwarded, {refused} refused, {gone} gone");
    assert_eq!(allowed + refused + gone, ROUNDS * alike.len());
    assert!(allowed > 500 && refused > 500 && gone > 300, "{sums:?}");
    assert_eq!(gateway.death(0), None);
}

/// L8: no two workers draw one id, and of one of them a later decision has a later id.
#[test]
fn ids_of_two_workers_differ_and_each_follows_the_clock() {
    let module = module();
    let options = ProxyWasm::options(&case(CALL).resolved);
    let options = Options { entropy: Entropy::System, workers: 2, ..options };
    let gateway = module.start_with(options).unwrap();
    let mut exchange = case(CALL).resolved.exchanges[0].clone();
    let (mut last, mut all) = ([String::new(), String::new()], BTreeSet::new());
    for _ in 0..200 {
        for (worker, last) in last.iter_mut().enumerate() {
            let (seen, faults) = module.exchange_on(&gateway, worker, &exchange);
            assert!(faults.is_empty(), "{faults:?}");
            let receipt: Value = serde_json::from_str(&seen.receipts[0]).unwrap();
            let id = receipt["id"].as_str().unwrap().to_owned();
            assert!(id > *last, "{id} after {last}");
            assert!(all.insert(id.clone()), "{id} twice");
            *last = id;
        }
        for moment in [
            &mut exchange.arrives,
            &mut exchange.fetched,
            &mut exchange.complete,
            &mut exchange.answered,
        ] {
            *moment += 1;
        }
    }
}

/// What the oracle of the cases holds every receipt to.
const LONGEST: usize = 8 * 1024;
const ROUNDS: usize = 6;
