//! Replies made in the gateway.

use host_tests::vm::{Options, Sender, pairs};

use crate::guest::{CONTINUE, Guest, PAUSE, REFUSE, get, ok, post, said};

fn refusing() -> Guest {
    Guest::default()
        .on("proxy_on_request_headers", &format!("{REFUSE} {PAUSE}"))
        .on(
            "proxy_on_response_headers",
            "(drop (call $set (i32.const 2) 'x' 'edited')) (i32.const 0)",
        )
        .on(
            "proxy_on_response_body",
            "(drop (call $set_body (i32.const 1) (i32.const 0) (i32.const 9) 'NO')) (i32.const 0)",
        )
        .on("proxy_on_log", "(drop (call $log (i32.const 2) 'log'))")
        .on("proxy_on_done", "(drop (call $log (i32.const 2) 'done')) (i32.const 1)")
        .on("proxy_on_delete", "(drop (call $log (i32.const 2) 'delete'))")
}

#[test]
fn a_local_reply_passes_the_response_callbacks_of_the_same_plugin() {
    let gateway = refusing().start(Options::default());
    let exchange = get(&gateway);
    let received = exchange.received();
    assert_eq!(received.status(), Some(403));
    assert_eq!(received.header("x"), Some(&b"edited"[..]));
    assert_eq!(received.header("content-type"), Some(&b"text/plain"[..]));
    assert_eq!(received.body(), b"NO");
    let reply = exchange.local_reply().unwrap();
    assert_eq!((reply.by, reply.status, reply.body.as_slice()), (Sender::Plugin, 403, &b"no"[..]));
    assert_eq!(exchange.details(), "refused_by_guest");
    assert!(exchange.forwarded().is_empty());
}

#[test]
fn a_stream_ends_with_log_then_done_then_delete() {
    let gateway = refusing().start(Options::default());
    let exchange = get(&gateway);
    assert!(exchange.is_finished());
    assert_eq!(said(&gateway), ["log", "done", "delete"]);
}

#[test]
fn continue_after_a_local_reply_forwards_nothing() {
    let guest = Guest::default().on("proxy_on_request_headers", &format!("{REFUSE} {CONTINUE}"));
    let gateway = guest.start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("late", true);
    assert!(exchange.forwarded().is_empty());
    assert_eq!(exchange.received().status(), Some(403));
}

#[test]
fn continue_stream_after_a_local_reply_forwards_nothing() {
    let body = format!("{REFUSE} (drop (call $continue (i32.const 0))) {PAUSE}");
    let gateway = Guest::default().on("proxy_on_request_headers", &body).start(Options::default());
    let exchange = get(&gateway);
    assert!(exchange.forwarded().is_empty());
    assert_eq!(exchange.received().status(), Some(403));
}

#[test]
fn the_first_of_two_local_replies_is_sent() {
    let twice = format!("{REFUSE} {} {PAUSE}", REFUSE.replace("403", "200"));
    let gateway = Guest::default().on("proxy_on_request_headers", &twice).start(Options::default());
    assert_eq!(get(&gateway).received().status(), Some(403));
}

#[test]
fn a_reply_from_response_headers_replaces_the_response_without_callbacks() {
    let guest = Guest::default().on(
        "proxy_on_response_headers",
        &format!("(call $say 'seen' (i32.const 1)) {REFUSE} {CONTINUE}"),
    );
    let gateway = guest.start(Options::default());
    let exchange = get(&gateway);
    exchange.response_headers(ok(), false);
    exchange.response_data("secret", true);
    assert_eq!(said(&gateway), ["seen=1"]);
    let received = exchange.received();
    assert_eq!((received.status(), received.body()), (Some(403), b"no".to_vec()));
}

#[test]
fn a_reply_from_a_response_body_breaks_the_response_off() {
    let guest = Guest::default().on("proxy_on_response_body", &format!("{REFUSE} {CONTINUE}"));
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
fn a_reply_while_the_upstream_works_resets_the_upstream() {
    let guest = Guest::default().on("proxy_on_request_body", &format!("{REFUSE} {PAUSE}"));
    let gateway = guest.start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("1", false);
    assert!(exchange.forwarded().was_reset());
    assert_eq!(exchange.received().status(), Some(403));
}

#[test]
fn a_reply_in_on_log_would_crash_envoy() {
    let gateway = Guest::default().on("proxy_on_log", REFUSE).start(Options::default());
    let exchange = get(&gateway);
    exchange.response_headers(ok(), true);
    assert!(gateway.crashed().unwrap().contains("on_log"));
}

#[test]
fn a_head_request_gets_a_reply_without_a_body() {
    let gateway = refusing().start(Options::default());
    let exchange = gateway.exchange(0);
    exchange.headers(pairs([(":method", "HEAD"), (":path", "/"), (":authority", "a")]), true);
    let received = exchange.received();
    assert_eq!((received.status(), received.body()), (Some(403), Vec::new()));
    assert!(received.is_complete());
}

#[test]
fn close_stream_resets_the_client() {
    let close = format!("(drop (call $close (i32.const 0))) {PAUSE}");
    let gateway = Guest::default().on("proxy_on_request_headers", &close).start(Options::default());
    let exchange = get(&gateway);
    assert!(exchange.received().was_reset());
    assert_eq!(exchange.details(), "wasm_close_stream");
}
