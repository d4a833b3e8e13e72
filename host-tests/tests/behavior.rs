//! Counts are exact with workers that race, and nobody is let through where they can't be had.
//!
//! What a count means is for the cases and for the engine's own tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use std::sync::LazyLock;

use deputy_engine::decision::Reason;
use deputy_engine::engine::Engine;
use deputy_engine::evidence::Head;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, FetchReply, Held, Outcome, ReplyHeaders, Step};
use host_tests::cases::{self, Case, Exchange, FetchAnswer, plain};
use host_tests::runner::{Order, ProxyWasm, Seen};
use host_tests::vm::{Gateway, Options, SharedStore, Status};
use serde_json::{Value, json};

/// Three calls a minute pass.
fn case() -> &'static Case {
    named("behavior/of_calls_at_a_limit_so_many_pass_and_no_more")
}

fn named(name: &str) -> &'static Case {
    cases::all().iter().find(|case| case.name() == name).expect("the case is there")
}

fn exchange() -> &'static Exchange {
    &case().resolved.exchanges[0]
}

fn now() -> Timestamp {
    Timestamp::from_unix_millis(exchange().arrives)
}

/// One engine with the keys, as a worker has it.
fn worker() -> Engine {
    worker_of(case())
}

fn worker_of(case: &Case) -> Engine {
    let mut engine = Engine::new(&case.resolved.configuration.0).unwrap();
    let FetchAnswer::Answered { status, body, .. } = &exchange().fetches[0] else { panic!("keys") };
    for fetch in engine.due(now()) {
        let (headers, body) = (ReplyHeaders::default(), body.0.clone());
        let reply = FetchReply::Answered { status: *status, headers, body };
        engine.absorb(fetch, reply, now());
    }
    engine
}

fn begin(engine: &mut Engine) -> Step {
    let head = Head::from_pairs(plain(&exchange().headers));
    engine.begin(head, Arrival { now: now(), entropy: [7; 10] })
}

/// One step further, as a host goes.
fn further(engine: &mut Engine, step: Step, store: &SharedStore) -> Step {
    match step {
        Step::Body(need) => need.provide(engine, exchange().whole_body(), now()),
        Step::Recall(need) => {
            let held = store.data(need.name().as_bytes());
            let held = held.map(|(value, version)| Held { value, version });
            need.provide(engine, held, now())
        }
        Step::Remember(need) => {
            let cas = need.version().unwrap_or(u32::MAX);
            match store.set(need.name().as_bytes(), need.value(), cas) {
                Status::Ok => need.stored(engine, now()),
                _ => need.lost(now()),
            }
        }
        other => panic!("{other:?}"),
    }
}

fn whole(engine: &mut Engine, store: &SharedStore) -> Box<Outcome> {
    let mut step = begin(engine);
    loop {
        match step {
            Step::Decided(outcome) => return outcome,
            other => step = further(engine, other, store),
        }
    }
}

/// As many requests at once, each at a worker of three, going on in an order that the seed gives.
fn race(requests: usize, mut seed: u64) -> (Vec<Outcome>, SharedStore) {
    let (mut workers, store) = ([worker(), worker(), worker()], SharedStore::default());
    let mut steps: Vec<_> = (0..requests).map(|n| Some(begin(&mut workers[n % 3]))).collect();
    let mut outcomes = Vec::new();
    while outcomes.len() < requests {
        // Knuth's MMIX generator: any order will do, and the same one each time.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let n = usize::try_from(seed >> 33).unwrap() % requests;
        match steps[n].take() {
            None => {}
            Some(Step::Decided(outcome)) => outcomes.push(*outcome),
            Some(step) => steps[n] = Some(further(&mut workers[n % 3], step, &store)),
        }
    }
    (outcomes, store)
}

/// S5: HTTP/2 need not say how long a body is, and any method may have one.
#[test]
fn a_body_that_nothing_announces_counts_where_the_host_knows_of_it() {
    let case = named(
        "behavior/an_http_body_counts_as_long_as_it_says_and_one_that_says_nothing_as_more_than_any_limit/said",
    );
    for (ends, reason) in
        [(None, None), (Some(true), None), (Some(false), Some(Reason::RateLimited))]
    {
        let (mut engine, store) = (worker_of(case), SharedStore::default());
        let mut headers = plain(&case.resolved.exchanges[0].headers);
        headers.retain(|(name, _)| !name.starts_with(b"content-"));
        for (name, value) in &mut headers {
            match name.as_slice() {
                b":method" => *value = b"GET".to_vec(),
                b":path" => *value = b"/v1/orders/7".to_vec(),
                _ => {}
            }
        }
        let head = Head::from_pairs(headers);
        let head = match ends {
            Some(ends) => head.ending(ends),
            None => head,
        };
        let mut step = engine.begin(head, Arrival { now: now(), entropy: [7; 10] });
        let outcome = loop {
            match step {
                Step::Decided(outcome) => break outcome,
                other => step = further(&mut engine, other, &store),
            }
        };
        assert_eq!(outcome.reason, reason, "{ends:?}");
    }
}

/// A store may take its time, and what was read before it was asked is kept: who asks is looked at again all the same.
#[test]
fn whoever_is_no_longer_good_when_the_store_answers_is_refused() {
    let decided = |later_ms: u64| {
        let (mut engine, store) = (worker(), SharedStore::default());
        let mut step = begin(&mut engine);
        let need = loop {
            match step {
                Step::Recall(need) => break need,
                other => step = further(&mut engine, other, &store),
            }
        };
        let later = Timestamp::from_unix_millis(exchange().arrives + later_ms);
        match need.provide(&mut engine, None, later) {
            Step::Remember(need) => match need.stored(&mut engine, later) {
                Step::Decided(outcome) => outcome.reason,
                // What was let is written down.
                Step::Recall(_) => None,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([decided(0), decided(1)], [None, None]);
    assert_eq!(decided(61_000), Some(Reason::RequestTooSlow));
}

/// S1: in any order, over all workers.
#[test]
fn of_many_calls_at_once_at_three_workers_exactly_as_many_pass_as_may() {
    for seed in 0..6 {
        let (outcomes, store) = race(40, seed);
        let passed = outcomes.iter().filter(|outcome| outcome.reason.is_none()).count();
        let limited =
            outcomes.iter().filter(|outcome| outcome.reason == Some(Reason::RateLimited)).count();
        assert_eq!((passed, limited), (3, 37), "seed {seed}");
        // Every refusal is counted, and once.
        let last = whole(&mut worker(), &store).receipt.to_json();
        assert!(last.contains(r#""minute":{"calls":41,"denials":37,"#), "{last}");
    }
}

/// S3: so many tries, and then no.
#[test]
fn whoever_always_comes_too_late_is_refused_in_the_end() {
    let (mut engine, store) = (worker(), SharedStore::default());
    let mut step = begin(&mut engine);
    let mut tries = 0;
    let outcome = loop {
        step = match step {
            Step::Decided(outcome) => break outcome,
            Step::Remember(need) => {
                tries += 1;
                need.lost(now())
            }
            other => further(&mut engine, other, &store),
        };
    };
    assert_eq!(outcome.reason, Some(Reason::StateContended));
    assert!(tries > 8 && tries < 100, "{tries}");
}

#[test]
fn without_a_store_what_is_counted_is_refused() {
    let (mut engine, store) = (worker(), SharedStore::default());
    let mut step = begin(&mut engine);
    let outcome = loop {
        step = match step {
            Step::Decided(outcome) => break outcome,
            Step::Recall(need) => need.fault(now()),
            other => further(&mut engine, other, &store),
        };
    };
    assert_eq!(outcome.reason, Some(Reason::StateUnavailable));
    assert!(worker().recalls(), "an operator is told at the start");
}

/// S6: here, and for what was used before in proofs.rs.
#[test]
fn a_foreign_value_is_replaced_and_the_request_goes_on() {
    let (mut engine, store) = (worker(), SharedStore::default());
    let mut step = begin(&mut engine);
    let mut foreign = 0;
    let outcome = loop {
        step = match step {
            Step::Decided(outcome) => break outcome,
            Step::Recall(need) => {
                if foreign == 0 {
                    store.set(need.name().as_bytes(), b"deputy1c\xff\xff somebody else's", 0);
                }
                further(&mut engine, Step::Recall(need), &store)
            }
            Step::Remember(need) => {
                foreign += u8::from(need.replaces_foreign());
                further(&mut engine, Step::Remember(need), &store)
            }
            other => further(&mut engine, other, &store),
        };
    };
    assert_eq!((outcome.reason, foreign), (None, 1));
}

/// The real module, compiled once for all tests here.
fn module() -> &'static ProxyWasm {
    static MODULE: LazyLock<ProxyWasm> = LazyLock::new(|| ProxyWasm::load(Order::ReplyFirst));
    &MODULE
}

/// A gateway with it on that store.
fn gateway(case: &Case, workers: usize, shared: &SharedStore) -> Gateway {
    let options = ProxyWasm::options(&case.resolved);
    let options = Options { workers, shared: shared.clone(), ..options };
    module().start_with(options).expect("it starts")
}

/// The `n`th call of the case: the reason, if it was refused, and how many calls it was told of.
fn call(gateway: &Gateway, worker: usize, n: usize) -> (Value, Value) {
    let exchange = &case().resolved.exchanges[n];
    let (seen, faults): (Seen, _) = module().exchange_on(gateway, worker, exchange);
    assert!(faults.is_empty(), "{faults:?}");
    let receipt: Value = serde_json::from_str(&seen.receipts[0]).unwrap();
    (receipt["reason"].clone(), receipt["behavior"]["minute"]["calls"].clone())
}

/// S9: two filters, of different configurations, on several workers each.
#[test]
fn two_listeners_that_share_a_vm_id_have_one_budget() {
    let shared = SharedStore::default();
    let other = case().with(&json!({"config": {"policy": {"revision": 8}}}));
    let (first, second) = (gateway(case(), 2, &shared), gateway(&other, 2, &shared));
    assert_eq!(call(&first, 0, 0), (Value::Null, 1.into()));
    assert_eq!(call(&second, 0, 1), (Value::Null, 2.into()));
    assert_eq!(call(&second, 1, 2), (Value::Null, 3.into()));
    assert_eq!(call(&first, 1, 3), ("rate_limited".into(), 4.into()));
    assert_eq!(call(&second, 0, 4), ("rate_limited".into(), 5.into()));
}

/// S5: what a host keeps for its workers outlives their VMs; what a process forgets is known to be unknown
/// (`behavior/what_was_not_watched_is_unknown_and_policy_says_what_follows`).
#[test]
fn a_new_vm_counts_on_and_a_new_process_begins_anew() {
    let shared = SharedStore::default();
    let before = gateway(case(), 1, &shared);
    for n in 0..3 {
        assert_eq!(call(&before, 0, n), (Value::Null, (n + 1).into()));
    }
    drop(before);
    let after = gateway(case(), 1, &shared);
    assert_eq!(call(&after, 0, 3), ("rate_limited".into(), 4.into()));
    let elsewhere = gateway(case(), 1, &SharedStore::default());
    assert_eq!(call(&elsewhere, 0, 3), (Value::Null, 1.into()));
}
