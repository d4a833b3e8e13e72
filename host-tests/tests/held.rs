//! What requests that wait cost the memory of a worker: their bodies, and little more.
//!
//! The same is measured for `docs/benchmarks.md` (`held_…`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use host_tests::runner::{Order, ProxyWasm, Wait};

#[test]
fn a_request_whose_body_is_with_the_host_costs_16_kb_at_most() {
    costs_little_beside_its_body(Wait::Body);
    costs_little_beside_its_body(Wait::Keys);
}

/// Its body is held once, and beside it neither what was read of it nor what is asked about it.
#[test]
fn a_request_that_waits_for_an_approval_costs_its_body_and_16_kb_at_most() {
    costs_little_beside_its_body(Wait::Approval(Order::ReplyFirst));
}

#[test]
fn so_does_one_whose_body_was_there_before_the_keys() {
    costs_little_beside_its_body(Wait::Approval(Order::BodyFirst));
}

fn costs_little_beside_its_body(wait: Wait) {
    let host = ProxyWasm::load(Order::ReplyFirst);
    for body in wait.bodies() {
        let held = host.held(wait, *body).unwrap_or_else(|problem| panic!("{problem:#}"));
        let said = format!("{wait:?}, a body of {body} bytes: {held:.0} bytes beside it");
        println!("{said}");
        // A request that costs nothing would be a measurement of nothing.
        assert!((1.0..=BAR).contains(&held), "{said}");
    }
}

const BAR: f64 = 16_000.0;
