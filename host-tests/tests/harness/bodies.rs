//! Request bodies: holding, accumulating, limits, ends.

use host_tests::vm::{Options, Profile, Sender, pairs};

use crate::guest::{CONTINUE, Guest, PAUSE, PAUSE_UNTIL_END, post, said};

fn plain() -> Options {
    Options { profile: Profile::Envoy, ..Options::default() }
}

/// Holds everything until the end and logs the size of each body callback in tens.
fn holding() -> Guest {
    let body = format!(
        "(call $say 'size' (local.get $1)) (call $say 'end' (local.get $2)) {PAUSE_UNTIL_END}"
    );
    Guest::default()
        .on("proxy_on_request_headers", PAUSE_UNTIL_END)
        .on("proxy_on_request_body", &body)
        .on("proxy_on_request_trailers", CONTINUE)
}

#[test]
fn plain_envoy_never_calls_the_body_callback_of_paused_headers() {
    let gateway = holding().start(plain());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.body(b"0123456789", 4);
    assert!(exchange.is_held());
    assert!(said(&gateway).is_empty());
}

#[test]
fn envoy_hold_keeps_headers_back_and_shows_the_accumulated_body() {
    let gateway = holding().start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("0123", false);
    exchange.data("4567", false);
    assert!(exchange.is_held());
    exchange.data("", true);
    assert_eq!(said(&gateway), ["size=4", "end=0", "size=8", "end=0", "size=8", "end=1"]);
    let forwarded = exchange.forwarded();
    assert_eq!(forwarded.body(), b"01234567");
    assert!(forwarded.is_complete());
}

#[test]
fn continued_headers_are_upstream_before_the_body_is_judged() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", CONTINUE)
        .on("proxy_on_request_body", PAUSE_UNTIL_END);
    let gateway = guest.start(plain());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("0123", false);
    let forwarded = exchange.forwarded();
    assert!(forwarded.headers().is_some());
    assert!(forwarded.body().is_empty());
}

#[test]
fn a_held_body_over_the_limit_is_413_and_nothing_reaches_the_upstream() {
    let gateway = holding().start(Options { buffer_limit: 10, ..Options::default() });
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data([b'a'; 10], false);
    assert!(exchange.is_held());
    exchange.data([b'a'; 2], false);
    assert_eq!(exchange.received().status(), Some(413));
    assert!(exchange.forwarded().is_empty());
    let reply = exchange.local_reply().unwrap();
    assert_eq!((reply.by, reply.details.as_str()), (Sender::Host, "request_payload_too_large"));
    let sizes: Vec<String> =
        said(&gateway).into_iter().filter(|line| line.starts_with("size")).collect();
    assert_eq!(sizes, ["size=10", "size=12"], "one callback still shows the size over the limit");
}

#[test]
fn one_piece_over_the_limit_is_413_too() {
    let gateway = holding().start(Options { buffer_limit: 10, ..Options::default() });
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data([b'a'; 11], false);
    assert_eq!(exchange.received().status(), Some(413));
    assert!(exchange.forwarded().is_empty());
    assert!(exchange.is_finished());
}

#[test]
fn headers_paused_in_plain_envoy_are_under_flow_control_not_under_the_limit() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE)
        .on("proxy_on_request_body", CONTINUE)
        .on(
            "proxy_on_tick",
            "(drop (call $become (i32.const 2))) (drop (call $continue (i32.const 0)))",
        )
        .on("proxy_on_configure", "(i32.eqz (call $tick_every (i32.const 100)))");
    let gateway = guest.start(Options { buffer_limit: 10, ..plain() });
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.body(&[b'a'; 300], 100);
    assert!(exchange.is_held());
    assert_eq!(gateway.tick(), 1);
    assert_eq!(exchange.forwarded().body().len(), 300);
}

#[test]
fn a_streamed_body_passes_piece_by_piece_whatever_its_size() {
    let guest = Guest::default().on("proxy_on_request_body", CONTINUE);
    let gateway = guest.start(Options { buffer_limit: 10, ..Options::default() });
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.body(&[b'a'; 40], 16);
    assert_eq!(exchange.forwarded().chunks(), [16, 16, 8, 0]);
}

#[test]
fn with_trailers_no_body_callback_ever_carries_the_end() {
    let gateway = holding().start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("0123", false);
    assert!(exchange.is_held());
    exchange.trailers(pairs([("t", "1")]));
    assert_eq!(said(&gateway), ["size=4", "end=0"]);
    let forwarded = exchange.forwarded();
    assert_eq!(forwarded.body(), b"0123");
    assert_eq!(forwarded.trailers(), Some(&pairs([("t", "1")])[..]));
}

#[test]
fn a_plugin_without_a_trailers_callback_lets_the_held_request_through() {
    let guest =
        Guest::default().on("proxy_on_request_headers", PAUSE).on("proxy_on_request_body", PAUSE);
    let gateway = guest.start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("0123", false);
    exchange.trailers(pairs([("t", "1")]));
    assert!(exchange.forwarded().is_complete());
}

#[test]
fn replacing_the_whole_body_replaces_what_the_upstream_gets() {
    let replace = "(if (local.get $2) (then
        (call $say 'set' (call $set_body (i32.const 0) (i32.const 0) (local.get $1) 'NEW'))))
        (i32.eqz (local.get $2))";
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE_UNTIL_END)
        .on("proxy_on_request_body", replace);
    let gateway = guest.start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.body(b"0123456789", 4);
    assert_eq!(said(&gateway), ["set=0"]);
    assert_eq!(exchange.forwarded().body(), b"NEW");
}

#[test]
fn a_body_out_of_reach_reads_empty_and_cannot_be_set() {
    let look = "(call $say 'get' (call $body (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 16) (i32.const 20)))
        (call $say 'size' (i32.load (i32.const 20)))
        (call $say 'set' (call $set_body (i32.const 0) (i32.const 0) (i32.const 0) 'NEW')) (i32.const 0)";
    let gateway = Guest::default().on("proxy_on_request_headers", look).start(Options::default());
    gateway.exchange(0).headers(post(), false);
    assert_eq!(said(&gateway), ["get=0", "size=0", "set=2"]);
}

#[test]
fn reading_past_the_end_of_a_body_gives_what_is_there() {
    let look = "(drop (call $body (i32.const 0) (i32.const 2) (i32.const 999) (i32.const 16) (i32.const 20))) (call $tell)
        (call $say 'overflow' (call $body (i32.const 0) (i32.const 2) (i32.const -1) (i32.const 16) (i32.const 20)))
        (i32.const 0)";
    let gateway = Guest::default().on("proxy_on_request_body", look).start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("0123", true);
    assert_eq!(said(&gateway), ["23", "overflow=2"]);
}
