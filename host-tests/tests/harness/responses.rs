//! Responses: streaming, editing, pausing, limits.

use host_tests::vm::{Options, pairs};

use crate::guest::{CONTINUE, Guest, PAUSE, PAUSE_UNTIL_END, get, ok, post};

#[test]
fn each_event_of_a_stream_reaches_the_client_as_it_comes_with_its_edit() {
    let edit =
        "(drop (call $set_body (i32.const 1) (i32.const 0) (local.get $1) 'event')) (i32.const 0)";
    let gateway = Guest::default().on("proxy_on_response_body", edit).start(Options::default());
    let exchange = get(&gateway);
    exchange.response_headers(ok(), false);
    exchange.response_data("data: 1\n\n", false);
    assert_eq!(exchange.received().body(), b"event");
    assert!(!exchange.received().is_complete());
    exchange.response_data("data: 2\n\n", true);
    assert_eq!(exchange.received().body(), b"eventevent");
    assert!(exchange.is_finished());
}

#[test]
fn a_buffered_response_over_the_limit_is_cut_off_after_its_headers() {
    let gateway = Guest::default()
        .on("proxy_on_response_body", PAUSE_UNTIL_END)
        .start(Options { buffer_limit: 10, ..Options::default() });
    let exchange = get(&gateway);
    exchange.response_headers(ok(), false);
    exchange.response_data([b'a'; 11], false);
    let received = exchange.received();
    assert_eq!(received.status(), Some(200));
    assert!(received.was_reset());
    assert_eq!(exchange.details(), "response_payload_too_large");
}

#[test]
fn a_held_response_over_the_limit_is_500() {
    let gateway = Guest::default()
        .on("proxy_on_response_headers", PAUSE)
        .on("proxy_on_response_body", PAUSE_UNTIL_END)
        .start(Options { buffer_limit: 10, ..Options::default() });
    let exchange = get(&gateway);
    exchange.response_headers(ok(), false);
    exchange.response_data([b'a'; 11], false);
    assert_eq!(exchange.received().status(), Some(500));
}

#[test]
fn a_response_ends_with_trailers_or_with_its_last_data() {
    let gateway =
        Guest::default().on("proxy_on_response_trailers", CONTINUE).start(Options::default());
    let exchange = get(&gateway);
    exchange.response_headers(ok(), false);
    exchange.response_data("1", false);
    assert!(!exchange.is_finished());
    exchange.response_trailers(pairs([("grpc-status", "0")]));
    assert!(exchange.received().is_complete());
    assert!(exchange.is_finished());
}

#[test]
fn an_upstream_may_answer_before_the_request_ends() {
    let gateway = Guest::default().start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.response_headers(ok(), true);
    assert_eq!(exchange.received().status(), Some(200));
    assert!(exchange.forwarded().was_reset(), "the rest of the request is not wanted");
}

#[test]
fn an_upstream_that_fails_before_its_headers_is_503_and_after_them_a_cut_off() {
    let gateway = Guest::default().start(Options::default());
    let early = get(&gateway);
    early.upstream_fails();
    assert_eq!(early.received().status(), Some(503));
    let late = get(&gateway);
    late.response_headers(ok(), false);
    late.upstream_fails();
    assert!(late.received().was_reset());
}
