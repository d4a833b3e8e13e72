//! What the real module does where no case can say it: requests that end before they are decided,
//! a host without a clock, a configuration in the wrong form.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use host_tests::cases::{self, Case, FetchAnswer, plain};
use host_tests::runner::{Order, ProxyWasm};
use host_tests::vm::{CalloutReply, Clock, Exchange, ForeignFunction, Gateway, Options};
use serde_json::Value;

/// A case whose first request is allowed, and needs keys and a body.
fn ordinary() -> &'static Case {
    let ordinary = |case: &&Case| {
        let first = case.expected.first();
        first.is_some_and(|first| first.expect.verdict == "allow")
            && case.resolved.exchanges[0].body.is_some()
            && !case.resolved.clusters.is_empty()
    };
    cases::all().iter().find(ordinary).expect("most cases are like that")
}

/// Compiled once for all tests here.
fn host() -> &'static ProxyWasm {
    static HOST: LazyLock<ProxyWasm> = LazyLock::new(|| ProxyWasm::load(Order::ReplyFirst));
    &HOST
}

/// Sends the head of an ordinary request.
fn begin(gateway: &Gateway) -> Exchange {
    let stream = gateway.exchange(0);
    stream.headers(plain(&ordinary().resolved.exchanges[0].headers), false);
    stream
}

fn keys() -> CalloutReply {
    let jwks = ordinary().resolved.exchanges[0].fetches.first().expect("it has keys");
    let FetchAnswer::Answered { status, body, .. } = jwks else { panic!("{jwks:?}") };
    CalloutReply::answer(*status, body.0.clone())
}

fn give_keys(gateway: &Gateway) {
    for call in gateway.callouts() {
        gateway.reply(call.id, keys());
    }
}

/// Exactly one, in the log and in what the access log prints.
fn receipt(gateway: &Gateway, stream: &Exchange) -> Value {
    let lines = gateway.take_logs().into_iter().map(|line| line.message);
    let receipts: Vec<_> =
        lines.filter_map(|line| line.strip_prefix("deputy-receipt ").map(str::to_owned)).collect();
    assert_eq!(receipts.len(), 1, "{receipts:?}");
    assert_eq!(stream.filter_state(&["deputy"]), Some(receipts[0].clone().into_bytes()));
    serde_json::from_str(&receipts[0]).unwrap()
}

/// K6: the answer finds nobody who waits for it.
#[test]
fn a_request_whose_client_leaves_while_it_waits_for_keys_leaves_one_receipt() {
    let gateway = host().start(&ordinary().resolved).unwrap();
    let stream = begin(&gateway);
    stream.abort();
    let receipt = receipt(&gateway, &stream);
    assert_eq!(
        (&receipt["verdict"], &receipt["reason"]),
        (&"deny".into(), &"request_abandoned".into())
    );
    // What it waited for comes all the same, and changes nothing.
    give_keys(&gateway);
    assert!(gateway.take_logs().iter().all(|line| !line.message.starts_with("deputy-receipt ")));
    assert!(stream.forwarded().is_empty());
    assert!(gateway.death(0).is_none() && gateway.crashed().is_none());
}

/// R12, with the one before and the one after it.
#[test]
fn a_request_whose_client_leaves_while_its_body_comes_says_whose_it_was() {
    let gateway = host().start(&ordinary().resolved).unwrap();
    let stream = begin(&gateway);
    give_keys(&gateway);
    stream.data(b"{\"jsonrpc\"".to_vec(), false);
    stream.abort();
    let receipt = receipt(&gateway, &stream);
    assert_eq!(receipt["reason"], "request_abandoned", "{receipt}");
    assert!(receipt["agent"]["id"].is_string(), "{receipt}");
    assert!(stream.forwarded().is_empty());
    assert!(gateway.death(0).is_none() && gateway.crashed().is_none());
}

#[test]
fn a_request_that_the_host_answers_in_our_place_leaves_one_receipt() {
    let options = ProxyWasm::options(&ordinary().resolved);
    let gateway = host().start_with(Options { buffer_limit: 1000, ..options }).unwrap();
    let stream = begin(&gateway);
    give_keys(&gateway);
    stream.data(vec![b' '; 2000], false);
    assert_eq!(stream.received().status(), Some(413));
    let receipt = receipt(&gateway, &stream);
    assert_eq!(receipt["reason"], "request_abandoned", "{receipt}");
    assert!(stream.forwarded().is_empty());
}

/// ENV-4: other filters may write the filter state while the body comes.
#[test]
fn who_is_at_the_other_end_is_asked_once_with_the_head() {
    const NAME: &str = "workload/a_certificate_is_the_agent_that_lists_its_id";
    let case = cases::all().iter().find(|case| case.name() == NAME).expect("that case");
    let gateway = host().start(&case.resolved).unwrap();
    let (stream, exchange) = (gateway.exchange(0), &case.resolved.exchanges[0]);
    for (name, value) in plain(&exchange.attributes) {
        let name = String::from_utf8(name).unwrap();
        stream.property(&name.splitn(2, '.').collect::<Vec<_>>(), value);
    }
    stream.headers(plain(&exchange.headers), false);
    stream.property(&["filter_state", "deputy.uris"], "spiffe://acme.example/other");
    stream.property(&["connection", "mtls"], [0]);
    stream.data(exchange.whole_body(), true);
    let receipt = receipt(&gateway, &stream);
    assert_eq!(receipt["verdict"], "allow", "{receipt}");
    assert_eq!(receipt["agent"]["id"], "https://idp.acme.example#nightly-report");
}

#[test]
fn a_host_without_a_clock_is_refused_at_the_start() {
    let options = ProxyWasm::options(&ordinary().resolved);
    let refused = host().start_with(Options { clock: Clock::Absent, ..options }).err().unwrap();
    assert!(format!("{refused:#}").contains("clock: the host answered"), "{refused:#}");
}

/// S7: every other plugin that left it empty would share what is counted and what was used.
#[test]
fn a_vm_without_a_name_of_its_own_is_refused() {
    let options = ProxyWasm::options(&ordinary().resolved);
    let refused = host().start_with(Options { vm_id: String::new(), ..options }).err().unwrap();
    assert!(format!("{refused:#}").contains("vm_id: is empty; fix: set"), "{refused:#}");
}

#[test]
fn a_clock_that_is_lost_lets_nothing_through() {
    let gateway = host().start(&ordinary().resolved).unwrap();
    let waiting = begin(&gateway);
    gateway.take_clock();
    gateway.tick();
    give_keys(&gateway);
    let body = ordinary().resolved.exchanges[0].whole_body();
    waiting.data(body, true);
    let new = begin(&gateway);
    for stream in [waiting, new] {
        assert_eq!(stream.received().status(), Some(503));
        assert!(stream.forwarded().is_empty());
    }
    assert!(gateway.death(0).is_none() && gateway.crashed().is_none());
}

/// What Envoy hands over for `{"version": 1}` as a `google.protobuf.Struct`.
#[test]
fn a_configuration_in_protobufs_form_is_refused_with_what_to_do() {
    let fields =
        [&b"\x0a\x07version"[..], b"\x12\x09\x11\x00\x00\x00\x00\x00\x00\xf0\x3f"].concat();
    let long =
        [vec![0x0a, 0x06], b"policy".to_vec(), vec![0x12, 0x80, 0x01], vec![b'x'; 128]].concat();
    let entry = |entry: &[u8], length: &[u8]| [b"\x0a", length, entry].concat();
    for bytes in [entry(&fields, &[fields.len() as u8]), entry(&long, &[0x8b, 0x01])] {
        let refused = host().start_with(Options::configured(bytes)).err().unwrap();
        assert!(format!("{refused:#}").contains("StringValue"), "{refused:#}");
    }
    let refused = host().start_with(Options::configured("\n{\"version\": }")).err().unwrap();
    assert!(!format!("{refused:#}").contains("StringValue"), "{refused:#}");
}

/// The first exchange of a case, and what the counters of signatures say then.
fn with_function(case: &Case, options: Options) -> (Value, [u64; 2], Vec<String>) {
    let gateway = host().start_with(options).unwrap();
    let said = gateway.take_logs().into_iter().map(|line| line.message).collect();
    let (seen, faults) = host().exchange(&gateway, &case.resolved.exchanges[0]);
    assert!(faults.is_empty(), "{faults:?}");
    let count = |event: &str| gateway.shared().metric(&format!("deputy.signature.{event}"));
    let counts = ["host", "fallback"].map(|event| count(event).unwrap_or_default());
    (serde_json::from_str(&seen.receipts[0]).unwrap(), counts, said)
}

#[test]
fn a_host_that_verifies_signatures_is_asked_and_one_that_cannot_is_not_missed() {
    let case = ordinary();
    // Each with a store of its own.
    let options = || ProxyWasm::options(&case.resolved);
    let (receipt, [host, fallback], said) = with_function(case, options());
    assert_eq!((&receipt["verdict"], fallback), (&"allow".into(), 0));
    // Three known answers of two algorithms, and the token.
    assert!(host >= 7, "{host} {said:?}");
    assert!(said.iter().any(|line| line.ends_with("the host verifies ES256, RS256")), "{said:?}");
    let without = Options { foreign: BTreeMap::new(), ..options() };
    let (receipt, [host, fallback], _) = with_function(case, without);
    assert_eq!((&receipt["verdict"], host, fallback), (&"allow".into(), 0, 6));
}

/// R2: asked at the start what it must know.
#[test]
fn a_host_that_takes_every_signature_for_good_is_not_believed() {
    let forged = |case: &&Case| {
        let expected = case.expected.first().map(|first| &first.expect);
        case.subject() == "token"
            && expected.is_some_and(|e| e.reason.as_deref() == Some("signature_invalid"))
    };
    let forged = cases::all().iter().find(forged).expect("there is a forged token");
    for answer in [&[8, 1][..], &[], &[0xff]] {
        let function: ForeignFunction = Arc::new(move |_| Ok(answer.to_vec()));
        let foreign = BTreeMap::from([("verify_signature".to_owned(), function)]);
        let options = |case: &Case| Options {
            foreign: foreign.clone(),
            ..ProxyWasm::options(&case.resolved)
        };
        let (receipt, ..) = with_function(forged, options(forged));
        assert_eq!(receipt["reason"], "signature_invalid");
        let (receipt, [host, _], said) = with_function(ordinary(), options(ordinary()));
        assert_eq!(receipt["verdict"], "allow");
        let wrong = said.iter().any(|line| line.contains("known answers wrong"));
        assert_eq!((wrong, host), if answer == [0xff] { (false, 0) } else { (true, 6) });
    }
}

/// A5: however many requests of an agent wait, it is looked up once; and a worker has so many lookups at a time.
#[test]
fn requests_of_one_agent_share_a_lookup_and_a_worker_has_only_so_many() {
    let name = "directory/one_lookup_is_for_all_requests_of_an_agent";
    let case = cases::all().iter().find(|case| case.name() == name).expect("the case is there");
    let gateway = host().start(&case.resolved).unwrap();
    let by = |agent: &str| {
        let act = serde_json::json!({"sub": agent});
        case.with(&serde_json::json!({"token": {"claims": {"act": act}}}))
    };
    // An agent that is listed; after that the keys are there.
    let listed = by("refund-bot");
    let (seen, faults) = host().exchange(&gateway, &listed.resolved.exchanges[0]);
    assert!(faults.is_empty() && seen.upstream.is_some(), "{faults:?} {seen:?}");
    let lookups = || {
        let calls = gateway.callouts().into_iter();
        calls.filter(|call| call.cluster == "directory").collect::<Vec<_>>()
    };
    let begin = |token: &str| {
        let stream = gateway.exchange(0);
        let mut headers = plain(&case.resolved.exchanges[0].headers);
        let value = headers.iter_mut().find(|(name, _)| name == b"authorization");
        value.expect("it has a token").1 = format!("Bearer {token}").into_bytes();
        stream.headers(headers, true);
        stream
    };
    let token = &case.expected[0].tokens[0];
    let streams: Vec<_> = (0..100).map(|_| begin(token)).collect();
    let [lookup] = &lookups()[..] else { panic!("{:?}", lookups()) };
    assert_eq!(lookup.headers.first(b":method"), Some(&b"GET"[..]));
    assert_eq!(lookup.headers.first(b"accept"), Some(&b"application/scim+json"[..]));
    let answer = &case.resolved.exchanges[0].documents["directory"];
    let FetchAnswer::Answered { status, body, .. } = answer else { panic!("{answer:?}") };
    gateway.reply(lookup.id, CalloutReply::answer(*status, body.0.clone()));
    assert!(streams.iter().all(|stream| !stream.forwarded().is_empty()));
    gateway.take_logs();
    let others: BTreeMap<_, _> = (0..130)
        .map(|number| {
            let act = serde_json::json!({"sub": format!("far-bot-{number}")});
            (number.to_string(), serde_json::json!({"claims": {"act": act}}))
        })
        .collect();
    let many = case.with(&serde_json::json!({"tokens": others}));
    let waiting: Vec<_> = many.expected[0].tokens[1..].iter().map(|token| begin(token)).collect();
    assert_eq!(lookups().len(), 128);
    let refused = |stream: &&Exchange| stream.received().status() == Some(503);
    assert_eq!(waiting.iter().filter(refused).count(), 2);
    let receipts = gateway.take_logs();
    let crowded = |line: &str| line.contains(r#""reason":"too_many_waiting""#);
    assert_eq!(receipts.iter().filter(|line| crowded(&line.message)).count(), 2);
    // An agent that is known goes on meanwhile.
    assert!(!begin(token).forwarded().is_empty());
    assert!(gateway.death(0).is_none() && gateway.crashed().is_none());
}
