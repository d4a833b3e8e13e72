//! What was taken once is not undone by a document from before: not after the VM is replaced, and not on
//! the worker that asks last. Which documents are good is for the cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::sync::LazyLock;

use host_tests::cases::{self, Case, Exchange, FetchAnswer};
use host_tests::runner::{Order, ProxyWasm, Seen};
use host_tests::vm::{CalloutReply, Gateway, Options, SharedStore};
use serde_json::Value;

/// First a document of one revision, then one of an older one.
fn case(name: &str) -> &'static Case {
    cases::all().iter().find(|case| case.name() == name).expect("the case is there")
}

const BUNDLE: &str = "bundle/a_bundle_that_is_no_good_replaces_nothing/an older revision";
const OTHER: &str =
    "bundle/a_bundle_that_is_no_good_replaces_nothing/the same revision with other contents";
const FEED: &str = "revocation/a_list_that_is_no_good_replaces_nothing/an older revision";

/// Compiled once for all tests here.
fn host() -> &'static ProxyWasm {
    static HOST: LazyLock<ProxyWasm> = LazyLock::new(|| ProxyWasm::load(Order::ReplyFirst));
    &HOST
}

/// A new VM on that store.
fn start(case: &Case, shared: &SharedStore) -> Gateway {
    let shared = shared.clone();
    host().start_with(Options { shared, ..ProxyWasm::options(&case.resolved) }).unwrap()
}

/// The first request of a case, so many seconds later, while there is the document of its exchange `n`.
fn offered(case: &Case, n: usize, seconds: u64) -> Exchange {
    let mut exchange = case.resolved.exchanges[0].clone();
    exchange.documents = case.resolved.exchanges[n].documents.clone();
    for moment in [
        &mut exchange.arrives,
        &mut exchange.fetched,
        &mut exchange.complete,
        &mut exchange.answered,
    ] {
        *moment += seconds * 1000;
    }
    exchange
}

/// What came of it: the revision that decided and the reason, if it was refused.
fn decided(gateway: &Gateway, exchange: &Exchange) -> (u64, Option<String>, Seen) {
    let (seen, faults) = host().exchange(gateway, exchange);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(gateway.death(0), None);
    let receipt: Value = serde_json::from_str(&seen.receipts[0]).unwrap();
    (receipt["revision"].as_u64().unwrap(), receipt["reason"].as_str().map(str::to_owned), seen)
}

fn said(seen: &Seen, what: &str) -> bool {
    seen.logs.iter().any(|line| line.contains(what))
}

fn name(shared: &SharedStore) -> Vec<u8> {
    let ours = |name: &&Vec<u8>| name.starts_with(b"deputy/newest/");
    shared.snapshot().keys().find(ours).expect("the newest is kept").clone()
}

#[test]
fn an_older_bundle_is_refused_by_a_new_vm_and_nothing_is_permitted_without_one() {
    let (case, shared) = (case(BUNDLE), SharedStore::default());
    let before = start(case, &shared);
    let (revision, reason, _) = decided(&before, &offered(case, 0, 0));
    assert_eq!((revision, reason), (7, None));
    drop(before);
    let after = start(case, &shared);
    let (_, reason, seen) = decided(&after, &offered(case, 1, 1));
    assert_eq!(reason.as_deref(), Some("bundle_unavailable"), "{seen:?}");
    assert_eq!(seen.client.as_ref().map(|answer| answer.status), Some(503));
    assert!(seen.upstream.is_none());
    assert!(said(&seen, "revision 6 is older than revision 7"), "{:?}", seen.logs);
    // The one that was taken before is as good as ever.
    let (revision, reason, _) = decided(&after, &offered(case, 0, 5));
    assert_eq!((revision, reason), (7, None));
}

#[test]
fn a_revision_that_is_now_another_document_is_refused_by_a_new_vm() {
    let (case, shared) = (case(OTHER), SharedStore::default());
    decided(&start(case, &shared), &offered(case, 0, 0));
    let (_, reason, seen) = decided(&start(case, &shared), &offered(case, 1, 1));
    assert_eq!(reason.as_deref(), Some("bundle_unavailable"), "{seen:?}");
    assert!(said(&seen, "revision 7 is another document"), "{:?}", seen.logs);
}

#[test]
fn a_list_of_revocations_from_before_brings_nobody_back() {
    let (case, shared) = (case(FEED), SharedStore::default());
    let (_, reason, _) = decided(&start(case, &shared), &offered(case, 0, 0));
    assert_eq!(reason.as_deref(), Some("agent_revoked"));
    let after = start(case, &shared);
    let (_, reason, seen) = decided(&after, &offered(case, 1, 1));
    assert_eq!(reason.as_deref(), Some("revocations_unavailable"), "{seen:?}");
    assert!(said(&seen, "revision 1 is older than revision 2"), "{:?}", seen.logs);
    let (_, reason, _) = decided(&after, &offered(case, 0, 5));
    assert_eq!(reason.as_deref(), Some("agent_revoked"));
}

/// V12: a VM that comes after it, on the same host.
#[test]
fn an_approval_that_was_used_is_used_for_a_new_vm_as_well() {
    let (case, shared) =
        (case("approval/what_a_human_has_approved_passes_once"), SharedStore::default());
    let used = |gateway: &Gateway, n: usize| {
        let (seen, faults) = host().exchange(gateway, &case.resolved.exchanges[n]);
        assert!(faults.is_empty(), "{faults:?}");
        let receipt: Value = serde_json::from_str(&seen.receipts[0]).unwrap();
        (receipt["reason"].clone(), seen.upstream.is_some())
    };
    assert_eq!(used(&start(case, &shared), 0), (Value::Null, true));
    for _ in 0..3 {
        assert_eq!(used(&start(case, &shared), 1), ("approval_used".into(), false));
    }
}

/// Answers the calls of one worker with the document of the case's exchange `n`.
fn answer(gateway: &Gateway, worker: usize, case: &Case, n: usize) -> usize {
    let calls = gateway.callouts();
    let own = calls.iter().filter(|call| call.worker == worker && call.cluster == "bundles");
    own.map(|call| {
        let answer = &case.resolved.exchanges[n].documents["bundles"];
        let FetchAnswer::Answered { status, body, .. } = answer else { panic!("{answer:?}") };
        gateway.reply(call.id, CalloutReply::answer(*status, body.0.clone()));
    })
    .count()
}

#[test]
fn what_one_worker_has_taken_no_other_falls_behind() {
    let (case, shared) = (case(BUNDLE), SharedStore::default());
    let gateway = host()
        .start_with(Options { workers: 2, shared, ..ProxyWasm::options(&case.resolved) })
        .unwrap();
    // The second worker is offered the older one first, and takes it: nobody has seen another.
    assert_eq!(answer(&gateway, 1, case, 1), 1);
    assert_eq!(answer(&gateway, 0, case, 0), 1);
    // A tick later it knows, and asks at once; the same again confirms nothing.
    let later = |gateway: &Gateway, seconds: u64| {
        gateway.set_now((case.resolved.exchanges[0].arrives + seconds * 1000) * 1_000_000);
        gateway.tick();
    };
    later(&gateway, 2);
    assert_eq!(answer(&gateway, 0, case, 0), 0, "it is not behind");
    gateway.take_logs();
    assert_eq!(answer(&gateway, 1, case, 1), 1);
    let refused = |line: &str| line.contains("revision 6 is older than revision 7");
    assert!(gateway.take_logs().iter().any(|line| line.worker == 1 && refused(&line.message)));
    later(&gateway, 5);
    assert_eq!(answer(&gateway, 1, case, 0), 1);
    later(&gateway, 8);
    assert_eq!(answer(&gateway, 1, case, 0), 0, "it has caught up");
}

#[test]
fn gauges_tell_revision_and_age_of_what_is_held_or_how_long_there_is_nothing() {
    let (case, shared) = (case(BUNDLE), SharedStore::default());
    let gateway = start(case, &shared);
    let begun = case.resolved.exchanges[0].arrives;
    let at = |seconds: u64| {
        gateway.set_now((begun + seconds * 1000) * 1_000_000);
        gateway.tick();
        ["policy.revision", "bundle.revision", "bundle.age_seconds"]
            .map(|name| shared.metric(&format!("deputy.{name}")).unwrap())
    };
    assert_eq!(at(0), [0, 0, 0]);
    // Within the time in which a call may be answered.
    assert_eq!(at(2), [0, 0, 2], "nothing for two seconds");
    assert_eq!(answer(&gateway, 0, case, 0), 1);
    assert_eq!(at(2), [7, 7, 0]);
    assert_eq!(at(27), [7, 7, 25], "25 seconds old");
    assert_eq!(shared.metric("deputy.revocations.age_seconds"), None, "there is no such source");
}

#[test]
fn a_damaged_value_is_replaced_and_said_once() {
    for damaged in
        [&b""[..], b"\0", b"deputy1n7", &[0xff; 5000], b"deputy1n\xff\xff\xff\xff\xff\xff\xff\xff"]
    {
        let (case, shared) = (case(BUNDLE), SharedStore::default());
        decided(&start(case, &shared), &offered(case, 0, 0));
        let name = name(&shared);
        shared.set(&name, damaged, 0);
        let gateway = start(case, &shared);
        let logs = gateway.take_logs();
        let told = logs.iter().filter(|line| line.message.contains("was not Deputy's")).count();
        assert_eq!((told, shared.metric("deputy.state.foreign")), (1, Some(1)), "{logs:?}");
        // What it said is lost, as the documents say, and what is taken from now on is kept.
        let (revision, reason, _) = decided(&gateway, &offered(case, 1, 1));
        assert_eq!((revision, reason), (6, None));
        assert_eq!(shared.metric("deputy.state.foreign"), Some(1));
        // A worker that still knows puts it right.
        shared.set(&name, damaged, 0);
        gateway.tick();
        let (_, reason, _) = decided(&start(case, &shared), &offered(case, 0, 2));
        assert_eq!((reason, shared.metric("deputy.state.foreign")), (None, Some(2)));
    }
}

#[test]
fn without_a_store_a_worker_works_and_says_what_it_lacks() {
    let case = case(BUNDLE);
    let gateway = start(case, &SharedStore::pretending());
    let lacks = |line: &str| line.contains("no shared data with compare-and-swap");
    assert!(gateway.take_logs().iter().any(|line| lacks(&line.message)));
    let (revision, reason, _) = decided(&gateway, &offered(case, 0, 0));
    assert_eq!((revision, reason), (7, None));
    let (revision, reason, _) = decided(&gateway, &offered(case, 1, 31));
    assert_eq!((revision, reason), (7, None), "what it has seen itself it does not fall behind");
}

/// Y3: 50 MB, as if there were no bound on what a host hands over.
#[test]
fn a_bundle_of_fifty_megabytes_neither_kills_the_vm_nor_replaces_the_last_one() {
    let (case, shared) = (case(BUNDLE), SharedStore::default());
    let gateway = start(case, &shared);
    let (revision, reason, _) = decided(&gateway, &offered(case, 0, 0));
    assert_eq!((revision, reason), (7, None));
    let begin = "eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiZWQtOSIsInR5cCI6ImRlcHV0eS1idW5kbGUrand0In0.";
    for (seconds, body) in [(31, String::new()), (62, begin.to_owned())] {
        gateway.set_now((case.resolved.exchanges[0].arrives + seconds * 1000) * 1_000_000);
        gateway.tick();
        let calls = gateway.callouts();
        let call = calls.iter().find(|call| call.cluster == "bundles").expect("it asks again");
        let body = body + &"x".repeat(50_000_000);
        gateway.reply(call.id, CalloutReply::answer(200, body.into_bytes()));
        assert_eq!(gateway.death(0), None);
    }
    let (revision, reason, _) = decided(&gateway, &offered(case, 0, 63));
    assert_eq!((revision, reason), (7, None));
}

/// What was acknowledged is delivered to nobody again, so it has to be kept first.
#[test]
fn an_event_is_acknowledged_by_who_has_a_store_to_keep_it_in() {
    const EVENT: &str =
        "events/what_was_issued_before_an_event_counts_no_longer/the session of whom it acts for";
    let case = case(EVENT);
    for (shared, acknowledged) in
        [(SharedStore::default(), true), (SharedStore::pretending(), false)]
    {
        let gateway = start(case, &shared);
        let lacks = |line: &str| line.contains("acknowledges no event that strikes somebody");
        let told = gateway.take_logs().iter().any(|line| lacks(&line.message));
        assert_eq!(told, !acknowledged);
        for (seconds, acks) in [(0, false), (3, acknowledged)] {
            gateway.set_now((case.resolved.exchanges[0].arrives + seconds * 1000) * 1_000_000);
            gateway.tick();
            let calls = gateway.callouts();
            let poll = calls.iter().find(|call| call.cluster == "events").expect("a poll");
            let poll_body = String::from_utf8_lossy(&poll.body).into_owned();
            assert_eq!(!poll_body.contains(r#""ack":[]"#), acks, "{poll_body}");
            let answer = &case.resolved.exchanges[0].documents["events"];
            let FetchAnswer::Answered { status, body, .. } = answer else { panic!("{answer:?}") };
            gateway.reply(poll.id, CalloutReply::answer(*status, body.0.clone()));
        }
    }
}
