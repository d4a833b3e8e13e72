//! Calls out of the plugin.

use host_tests::vm::{CalloutOwner, CalloutReply, Delivery, Gateway, Options, Profile, pairs};

use crate::guest::{CONTINUE, Guest, PAUSE, PAUSE_UNTIL_END, REFUSE, get, post, said};

/// `:method GET`, `:path /`, `:authority a`, in the form of the ABI.
const CALL_HEADERS: &str = "\x03\0\0\0\x07\0\0\0\x03\0\0\0\x05\0\0\0\x01\0\0\0\x0a\0\0\0\x01\0\0\0:method\0GET\0:path\0/\0:authority\0a\0";

fn dispatch(cluster: &str) -> String {
    format!(
        "(call $say 'dispatch' (call $http_call '{cluster}' '{CALL_HEADERS}' (i32.const 0) (i32.const 0)
          (i32.const 0) (i32.const 0) (i32.const 500) (i32.const 32)))"
    )
}

/// Asks `idp` in the headers callback, remembers the stream, pauses; on the reply it logs what came,
/// turns to the stream and lets it go on.
fn asking() -> Guest {
    let ask = format!("(global.set $state (local.get $0)) {} {PAUSE}", dispatch("idp"));
    let hear = "(call $say 'headers' (local.get $2)) (call $say 'body' (local.get $3))
        (drop (call $get (i32.const 6) ':status' (i32.const 16) (i32.const 20))) (call $tell)
        (drop (call $body (i32.const 4) (i32.const 0) (i32.const 99) (i32.const 16) (i32.const 20))) (call $tell)
        (call $say 'effective' (call $become (global.get $state)))
        (call $say 'edit' (call $set (i32.const 0) 'x' 'new'))
        (drop (call $continue (i32.const 0)))
        (call $say 'late edit' (call $set (i32.const 0) 'x' 'newer'))";
    Guest::default().on("proxy_on_request_headers", &ask).on("proxy_on_http_call_response", hear)
}

fn start() -> Gateway {
    asking().start(Options::default().cluster("idp"))
}

#[test]
fn a_reply_reaches_the_plugin_and_the_stream_goes_on_with_its_edit() {
    let gateway = start();
    let exchange = get(&gateway);
    assert!(exchange.is_held());
    let callouts = gateway.callouts();
    let [callout] = callouts.as_slice() else { panic!("{callouts:?}") };
    assert_eq!(
        (callout.cluster.as_str(), callout.timeout_ms, callout.context),
        ("idp", 500, exchange.context())
    );
    assert_eq!(
        callout.headers.pairs(),
        pairs([(":method", "GET"), (":path", "/"), (":authority", "a")])
    );
    let reply = CalloutReply::Answered {
        status: 200,
        headers: pairs([("a", "b")]),
        body: b"keys".to_vec(),
    };
    assert_eq!(gateway.reply(callout.id, reply), Delivery::Delivered);
    let heard = [
        "dispatch=0",
        "headers=2",
        "body=4",
        "200",
        "keys",
        "effective=0",
        "edit=0",
        "late edit=2",
    ];
    assert_eq!(said(&gateway), heard);
    assert_eq!(exchange.forwarded().header("x"), Some(&b"new"[..]));
    assert!(gateway.callouts().is_empty());
}

#[test]
fn the_callback_comes_for_the_root_context() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", &(dispatch("idp") + PAUSE))
        .on("proxy_on_http_call_response", "(call $say 'context' (local.get $0))");
    let gateway = guest.start(Options::default().cluster("idp"));
    let _held = get(&gateway);
    gateway.reply(gateway.callouts()[0].id, CalloutReply::answer(200, ""));
    assert_eq!(said(&gateway), ["dispatch=0", "context=1"]);
}

#[test]
fn failures_look_like_answers_with_503_and_504() {
    for (reply, status) in [
        (CalloutReply::Refused503, "503"),
        (CalloutReply::Timeout504, "504"),
        (CalloutReply::Reset, "503"),
    ] {
        let gateway = start();
        let _held = get(&gateway);
        gateway.reply(gateway.callouts()[0].id, reply);
        let said = said(&gateway);
        assert_eq!((said[1].as_str(), said[3].as_str()), ("headers=3", status));
    }
}

#[test]
fn an_unknown_cluster_or_incomplete_headers_are_refused_at_dispatch() {
    let guest = Guest::default().on("proxy_on_request_headers", &(dispatch("other") + CONTINUE));
    let gateway = guest.start(Options::default().cluster("idp"));
    let _stream = get(&gateway);
    assert_eq!(said(&gateway), ["dispatch=2"]);
    assert!(gateway.callouts().is_empty());
}

#[test]
fn a_reply_for_a_stream_that_is_gone_is_dropped() {
    let gateway = start();
    let exchange = get(&gateway);
    let id = gateway.callouts()[0].id;
    exchange.abort();
    assert!(gateway.callouts().is_empty());
    assert_eq!(gateway.reply(id, CalloutReply::answer(200, "")), Delivery::Dropped);
    assert_eq!(said(&gateway), ["dispatch=0"]);
    assert!(exchange.forwarded().is_empty());
}

#[test]
fn a_call_owned_by_the_root_context_outlives_its_stream() {
    let options =
        Options { callout_owner: CalloutOwner::Root, ..Options::default().cluster("idp") };
    let gateway = asking().start(options);
    get(&gateway).abort();
    assert_eq!(
        gateway.reply(gateway.callouts()[0].id, CalloutReply::answer(200, "")),
        Delivery::Delivered
    );
    assert!(said(&gateway).contains(&"effective=2".to_owned()), "the context is gone");
}

#[test]
fn a_call_is_answered_once() {
    let gateway = start();
    let _held = get(&gateway);
    let id = gateway.callouts()[0].id;
    assert_eq!(gateway.reply(id, CalloutReply::answer(200, "")), Delivery::Delivered);
    assert_eq!(gateway.reply(id, CalloutReply::answer(200, "")), Delivery::Dropped);
}

#[test]
fn a_local_reply_after_a_callout_goes_to_the_stream_the_plugin_turned_to() {
    let guest = Guest::default()
        .on(
            "proxy_on_request_headers",
            &format!("(global.set $state (local.get $0)) {} {PAUSE}", dispatch("idp")),
        )
        .on(
            "proxy_on_http_call_response",
            &format!("(drop (call $become (global.get $state))) {REFUSE}"),
        );
    let gateway = guest.start(Options::default().cluster("idp"));
    let exchange = get(&gateway);
    gateway.reply(gateway.callouts()[0].id, CalloutReply::answer(200, ""));
    assert_eq!(exchange.received().status(), Some(403));
    assert!(exchange.forwarded().is_empty());
}

#[test]
fn plain_envoy_shows_the_body_only_after_the_reply() {
    let body = "(call $say 'size' (local.get $1)) (call $say 'end' (local.get $2)) (i32.const 0)";
    let guest = asking().on("proxy_on_request_body", body);
    let gateway =
        guest.start(Options { profile: Profile::Envoy, ..Options::default().cluster("idp") });
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.body(b"0123456789", 4);
    assert_eq!(said(&gateway), ["dispatch=0"]);
    gateway.reply(gateway.callouts()[0].id, CalloutReply::answer(200, ""));
    assert_eq!(said(&gateway)[7..], ["size=10", "end=1"]);
    assert_eq!(exchange.forwarded().body(), b"0123456789");
}

#[test]
fn a_body_complete_before_the_reply_goes_on_with_the_reply() {
    let guest = asking().on("proxy_on_request_body", PAUSE);
    let gateway = guest.start(Options::default().cluster("idp"));
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.body(b"0123456789", 4);
    assert!(exchange.is_held());
    gateway.reply(gateway.callouts()[0].id, CalloutReply::answer(200, ""));
    assert_eq!(exchange.forwarded().body(), b"0123456789");
    assert!(exchange.forwarded().is_complete());
}

#[test]
fn a_body_resumed_in_its_middle_goes_on_without_loss() {
    let guest = Guest::default()
        .on(
            "proxy_on_request_headers",
            &format!("(global.set $state (local.get $0)) {} {PAUSE}", dispatch("idp")),
        )
        .on("proxy_on_request_body", "(i32.ne (global.get $state) (i32.const 0))")
        .on(
            "proxy_on_http_call_response",
            "(drop (call $become (global.get $state))) (drop (call $continue (i32.const 0)))
             (global.set $state (i32.const 0))",
        );
    let gateway = guest.start(Options::default().cluster("idp"));
    let exchange = gateway.exchange(0);
    exchange.headers(post(), false);
    exchange.data("0123", false);
    assert!(exchange.is_held());
    gateway.reply(gateway.callouts()[0].id, CalloutReply::answer(200, ""));
    exchange.data("4567", false);
    exchange.data("89", true);
    assert_eq!(exchange.forwarded().chunks(), [4, 4, 2]);
    assert_eq!(exchange.forwarded().body(), b"0123456789");
}

#[test]
fn a_tick_may_call_out_too() {
    let guest = Guest::default()
        .on("proxy_on_configure", "(i32.eqz (call $tick_every (i32.const 1000)))")
        .on("proxy_on_tick", &dispatch("idp"))
        .on("proxy_on_request_headers", PAUSE_UNTIL_END);
    let gateway = guest.start(Options::default().cluster("idp"));
    assert_eq!(gateway.tick_period_ms(0), 1000);
    assert_eq!(gateway.tick(), 1);
    assert_eq!(gateway.callouts()[0].context, 1);
}
