//! Traps and limits: what the crashed request, those in flight and later ones get.

use std::time::Duration;

use host_tests::vm::{FailurePolicy, Gateway, Options};

use crate::guest::{CONTINUE, Guest, PAUSE, get, ok, post, said};

/// Traps on a request with a body; pauses one without.
const TRAP_ON_BODY: &str = "(if (i32.eqz (local.get $2)) (then unreachable)) (i32.const 0)";

fn start(failure: FailurePolicy) -> Gateway {
    let guest = Guest::default().on("proxy_on_request_headers", TRAP_ON_BODY);
    guest.start(Options { failure, ..Options::default() })
}

fn crash(gateway: &Gateway) -> Option<u16> {
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    assert!(exchange.forwarded().is_empty());
    exchange.received().status()
}

#[test]
fn a_trap_is_503_for_the_request_and_for_those_in_flight() {
    let gateway = start(FailurePolicy::Closed);
    let in_flight = get(&gateway);
    let answering = get(&gateway);
    answering.response_headers(ok(), false);
    assert_eq!(crash(&gateway), Some(503));
    assert_eq!(in_flight.received().status(), Some(503));
    assert_eq!(in_flight.details(), "wasm_fail_stream");
    assert!(answering.received().was_reset());
    assert!(gateway.death(0).unwrap().contains("unreachable"));
}

#[test]
fn fail_closed_refuses_on_that_worker_for_ever() {
    let gateway = start(FailurePolicy::Closed);
    crash(&gateway);
    gateway.advance(Duration::from_secs(3600));
    let later = get(&gateway);
    assert_eq!(later.received().status(), Some(503));
    assert!(later.forwarded().is_empty());
}

#[test]
fn fail_open_lets_later_requests_through_without_the_plugin() {
    let gateway = start(FailurePolicy::Open);
    assert_eq!(crash(&gateway), Some(503));
    let later = get(&gateway);
    assert!(later.forwarded().is_complete());
    later.response_headers(ok(), true);
    assert_eq!(later.received().status(), Some(200));
}

#[test]
fn fail_reload_refuses_during_the_back_off_and_then_runs_a_new_vm() {
    let gateway = start(FailurePolicy::Reload { backoff: Duration::from_secs(1) });
    gateway.shared().set(b"kept", b"yes", 0);
    crash(&gateway);
    assert_eq!(get(&gateway).received().status(), Some(503));
    gateway.advance(Duration::from_secs(1));
    assert!(get(&gateway).forwarded().is_complete());
    assert_eq!(gateway.death(0), None);
    assert_eq!(gateway.shared().data(b"kept").unwrap().0, b"yes");
}

#[test]
fn a_new_configuration_heals_a_dead_worker() {
    let gateway = start(FailurePolicy::Closed);
    crash(&gateway);
    gateway.reconfigure(b"new").unwrap();
    assert!(get(&gateway).forwarded().is_complete());
}

#[test]
fn other_workers_do_not_notice() {
    let guest = Guest::default().on("proxy_on_request_headers", TRAP_ON_BODY);
    let gateway = guest.start(Options { workers: 2, ..Options::default() });
    crash(&gateway);
    let exchange = gateway.exchange(1);
    exchange.headers(post(), true);
    assert!(exchange.forwarded().is_complete());
}

#[test]
fn an_endless_callback_runs_out_of_fuel() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", "(loop $for_ever (br $for_ever)) (i32.const 0)");
    let gateway = guest.start(Options { fuel: 100_000, ..Options::default() });
    assert_eq!(get(&gateway).received().status(), Some(503));
    assert!(gateway.death(0).unwrap().contains("fuel"));
}

#[test]
fn memory_beyond_the_limit_is_not_given() {
    let guest = Guest::default().on(
        "proxy_on_request_headers",
        "(call $say 'grown' (i32.eq (memory.grow (i32.const 10)) (i32.const -1))) (i32.const 0)",
    );
    let gateway = guest.start(Options { memory_pages: 8, ..Options::default() });
    let _stream = get(&gateway);
    assert_eq!(said(&gateway), ["grown=1"]);
    assert_eq!(gateway.memory_pages(0), 4);
}

#[test]
fn a_trap_in_a_response_body_leaves_a_broken_response() {
    let guest = Guest::default().on("proxy_on_response_body", "unreachable");
    let gateway = guest.start(Options::default());
    let exchange = get(&gateway);
    exchange.response_headers(ok(), false);
    exchange.response_data("secret", true);
    let received = exchange.received();
    assert_eq!(received.status(), Some(200));
    assert!(received.was_reset());
    assert!(received.body().is_empty());
}

#[test]
fn a_local_reply_before_the_trap_does_not_count() {
    let body = format!("{} unreachable", crate::guest::REFUSE.replace("403", "200"));
    let gateway = Guest::default().on("proxy_on_request_headers", &body).start(Options::default());
    assert_eq!(get(&gateway).received().status(), Some(503));
}

#[test]
fn a_trap_drops_the_calls_of_its_vm_and_continues_nothing() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", &format!("(global.set $state (local.get $0)) {PAUSE}"))
        .on("proxy_on_request_body", CONTINUE)
        .on("proxy_on_configure", "(i32.eqz (call $tick_every (i32.const 1)))")
        .on("proxy_on_tick", "(drop (call $become (global.get $state))) (drop (call $continue (i32.const 0))) unreachable");
    let gateway = guest.start(Options::default());
    let exchange = get(&gateway);
    gateway.tick();
    assert!(exchange.forwarded().is_empty());
    assert_eq!(exchange.received().status(), Some(503));
}

#[test]
fn every_callback_has_its_price() {
    let gateway = start(FailurePolicy::Closed);
    gateway.take_fuel();
    let _stream = get(&gateway);
    let fuel = gateway.take_fuel();
    assert_eq!(fuel[0].callback, "proxy_on_request_headers");
    assert!(fuel[0].fuel > 0);
}
