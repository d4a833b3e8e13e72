//! What is used once is used once: with workers that race, and with stores that are none.
//!
//! Whether a proof is a good one is for the cases; here everybody has a good one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use deputy_engine::engine::Engine;
use deputy_engine::evidence::Head;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{
    Arrival, FetchReply, Held, NeedRecall, NeedRemember, Outcome, ReplyHeaders, Step,
};
use host_tests::cases::{self, Case, Exchange, FetchAnswer, plain};
use host_tests::runner::{Order, ProxyWasm, Seen};
use host_tests::vm::{Options, SharedStore, Status};

/// A `tools/call` with a bound token and its proof.
fn case() -> &'static Case {
    let name = "binding/a_bound_token_with_a_proof_for_the_request_is_allowed/another algorithm";
    cases::all().iter().find(|case| case.name() == name).expect("the case is there")
}

fn exchange() -> &'static Exchange {
    &case().resolved.exchanges[0]
}

/// One engine with the keys, as a worker has it.
fn worker() -> Engine {
    let mut engine = Engine::new(&case().resolved.configuration.0).unwrap();
    let FetchAnswer::Answered { status, body, .. } = &exchange().fetches[0] else { panic!("keys") };
    for fetch in engine.due(now()) {
        let (headers, body) = (ReplyHeaders::default(), body.0.clone());
        let reply = FetchReply::Answered { status: *status, headers, body };
        engine.absorb(fetch, reply, now());
        engine.finish_work(now());
    }
    engine
}

fn now() -> Timestamp {
    Timestamp::from_unix_millis(exchange().arrives)
}

fn begin(engine: &mut Engine) -> Step {
    let head = Head::from_pairs(plain(&exchange().headers));
    engine.begin(head, Arrival { now: now(), entropy: [7; 10] })
}

fn asked(engine: &mut Engine) -> NeedRecall {
    match begin(engine) {
        Step::Recall(need) => need,
        other => panic!("{other:?}"),
    }
}

fn read(engine: &mut Engine, need: NeedRecall, store: &SharedStore) -> Step {
    let held = store.data(need.name().as_bytes());
    need.provide(engine, held.map(|(value, version)| Held { value, version }), now())
}

fn write(engine: &mut Engine, need: NeedRemember, store: &SharedStore) -> Step {
    let cas = need.version().unwrap_or(u32::MAX);
    match store.set(need.name().as_bytes(), need.value(), cas) {
        Status::Ok => need.stored(engine, now()),
        _ => need.lost(now()),
    }
}

fn decided(engine: &mut Engine, mut step: Step) -> Box<Outcome> {
    loop {
        step = match step {
            Step::Body(need) => need.provide(engine, exchange().whole_body(), now()),
            Step::Decided(outcome) => return outcome,
            other => panic!("{other:?}"),
        };
    }
}

fn reason(step: Step) -> &'static str {
    let Step::Decided(outcome) = step else { panic!("{step:?}") };
    outcome.reason.unwrap().code()
}

/// Whatever the order in which workers read and write, one proof passes once.
#[test]
fn of_workers_that_see_one_proof_at_once_one_goes_on() {
    let mut workers: Vec<Engine> = (0..5).map(|_| worker()).collect();
    for seed in 0..200 {
        let store = SharedStore::default();
        let mut steps: Vec<Option<Step>> = workers.iter_mut().map(|w| Some(begin(w))).collect();
        // Some order first, then everybody to the end.
        for turn in turns(seed).take(40).chain((0..5).cycle().take(5 * 20)) {
            let step = steps[turn].take().unwrap();
            steps[turn] = Some(match step {
                Step::Recall(need) => read(&mut workers[turn], need, &store),
                Step::Remember(need) => write(&mut workers[turn], need, &store),
                other => other,
            });
        }
        let ends = steps.into_iter().zip(&mut workers);
        let reasons: Vec<_> = ends
            .map(|(step, worker)| decided(worker, step.unwrap()).reason.map(|r| r.code()))
            .collect();
        let passed = reasons.iter().filter(|reason| reason.is_none()).count();
        let replayed = reasons.iter().filter(|reason| **reason == Some("dpop_replayed")).count();
        assert_eq!((passed, replayed), (1, 4), "order {seed}: {reasons:?}");
    }
}

/// An order of five workers, made from a number (a linear congruential generator, Knuth's).
fn turns(seed: u64) -> impl Iterator<Item = usize> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    let states = std::iter::successors(Some(seed), next);
    states.skip(1).map(|state| (state >> 33) as usize % 5)
}

#[test]
fn a_store_that_keeps_changing_ends_in_a_refusal() {
    let mut engine = worker();
    let mut step = begin(&mut engine);
    let mut tries = 0;
    let reason = loop {
        step = match step {
            Step::Recall(need) => need.provide(&mut engine, None, now()),
            Step::Remember(need) => {
                tries += 1;
                need.lost(now())
            }
            step => break reason(step),
        };
        assert!(tries < 100, "no end");
    };
    assert_eq!(reason, "state_contended");
}

/// A value with so many uses of each of these users, all of them still of importance.
fn used(users: impl Iterator<Item = (u16, u128)>) -> Held {
    let until = exchange().arrives + 60_000;
    let mut value = b"deputy1o\0\0\0\0\0\0\0\0".to_vec();
    for (i, user) in users.flat_map(|(user, times)| (0..times).map(move |_| user)).enumerate() {
        value.extend((i as u128).to_le_bytes());
        value.extend((until | u64::from(user) << 48).to_le_bytes());
    }
    Held { value, version: 7 }
}

#[test]
fn a_store_without_room_refuses_what_it_can_not_remember() {
    let mut engine = worker();
    let need = asked(&mut engine);
    let full = used((0..8).map(|user| (user, 24)));
    assert_eq!(reason(need.provide(&mut engine, Some(full), now())), "state_full");
}

#[test]
fn an_agent_without_room_of_its_own_is_refused_and_no_other_is() {
    let mut engine = worker();
    let need = asked(&mut engine);
    let Step::Remember(first) = need.provide(&mut engine, None, now()) else { panic!("a write") };
    // The last two bytes of an entry name the user by a hash.
    let ours = u16::from_le_bytes(*first.value().last_chunk().unwrap());
    let need = asked(&mut engine);
    let alone = used([(ours, 48)].into_iter());
    assert_eq!(reason(need.provide(&mut engine, Some(alone), now())), "agent_state_full");
    let need = asked(&mut engine);
    let others = used([(ours, 47), (ours ^ 1, 48), (ours ^ 2, 48)].into_iter());
    let step = need.provide(&mut engine, Some(others), now());
    assert!(matches!(step, Step::Remember(_)), "{step:?}");
}

#[test]
fn without_a_store_nothing_is_taken_for_unused() {
    let mut engine = worker();
    assert_eq!(reason(asked(&mut engine).fault(now())), "state_unavailable");
    let store = SharedStore::default();
    let need = asked(&mut engine);
    let Step::Remember(need) = read(&mut engine, need, &store) else { panic!("a write") };
    assert_eq!(reason(need.fault(now())), "state_unavailable");
    assert!(store.snapshot().is_empty());
}

fn module() -> ProxyWasm {
    ProxyWasm::load(Order::ReplyFirst)
}

fn options() -> Options {
    ProxyWasm::options(&case().resolved)
}

fn reason_of(seen: &Seen) -> Option<String> {
    let receipt: serde_json::Value = serde_json::from_str(&seen.receipts[0]).unwrap();
    receipt["reason"].as_str().map(str::to_owned)
}

#[test]
fn workers_of_the_module_know_of_each_others_proofs() {
    let module = module();
    let gateway = module.start_with(Options { workers: 3, ..options() }).expect("it starts");
    let mut reasons = Vec::new();
    for worker in [1, 0, 2, 1] {
        let (seen, faults) = module.exchange_on(&gateway, worker, exchange());
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(seen.upstream.is_some(), reason_of(&seen).is_none());
        reasons.push(reason_of(&seen));
    }
    let replayed = Some("dpop_replayed".to_owned());
    assert_eq!(reasons, [None, replayed.clone(), replayed.clone(), replayed]);
}

#[test]
fn a_host_that_only_pretends_to_share_data_is_found_out() {
    let module = module();
    let shared = SharedStore::pretending();
    let gateway = module.start_with(Options { shared, ..options() }).expect("it starts");
    for _ in 0..2 {
        let (seen, _) = module.exchange(&gateway, exchange());
        assert_eq!(reason_of(&seen).as_deref(), Some("state_unavailable"), "{seen:?}");
        assert_eq!(seen.client.map(|answer| answer.status), Some(503));
        assert!(seen.upstream.is_none());
    }
    assert_eq!(gateway.death(0), None);
}

/// S6.
#[test]
fn what_another_plugin_wrote_is_replaced_and_counted() {
    for foreign in [&b""[..], b"\0", b"deputy1o", &[0xff; 5000], b"{\"not\":\"ours\"}"] {
        let module = module();
        let gateway = module.start_with(options()).expect("it starts");
        for name in 0..1024 {
            gateway.shared().set(format!("deputy/once/{name:03x}").as_bytes(), foreign, 0);
        }
        let (seen, _) = module.exchange(&gateway, exchange());
        assert_eq!(reason_of(&seen), None, "{seen:?}");
        assert_eq!(gateway.shared().metric("deputy.state.foreign"), Some(1));
        assert!(seen.logs.iter().any(|line| line.contains("was not Deputy's")), "{:?}", seen.logs);
        let (seen, _) = module.exchange(&gateway, exchange());
        assert_eq!(reason_of(&seen).as_deref(), Some("dpop_replayed"));
        assert_eq!(gateway.death(0), None);
    }
}

#[test]
fn a_thousand_proofs_use_a_fixed_number_of_names() {
    let store = SharedStore::default();
    let mut names = std::collections::BTreeSet::new();
    let mut engine = worker();
    let need = asked(&mut engine);
    names.insert(need.name());
    let Step::Remember(need) = read(&mut engine, need, &store) else { panic!("a write") };
    assert!(names.contains(&need.name()), "read and write are of one name");
    assert!(need.name().starts_with("deputy/once/") && need.name().len() == 15);
}
