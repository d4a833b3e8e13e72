//! The harness against the real thing: the same small guests and the same events in the harness and
//! in an Envoy, and both must have seen, said, forwarded and answered the same.
//!
//! `DEPUTY_ENVOY` names the Envoy; without it these tests fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "envoy/gateway.rs"]
mod gateway;
#[allow(dead_code, reason = "shared with the harness's own tests, which use all of it")]
#[path = "harness/guest.rs"]
mod guest;
#[path = "envoy/scene.rs"]
mod scene;

use Step::{Abort, Data, End, Headers, HeadersAndEnd, Reply, Rest, Trailers};
use guest::{CONTINUE, Guest, PAUSE, PAUSE_UNTIL_END, REFUSE, read, write};
use host_tests::vm::{FailurePolicy, Profile};
use scene::{Scene, Step};

const SIZE_AND_END: &str = "(call $say 'size' (local.get $1)) (call $say 'end' (local.get $2))";

/// `:method GET`, `:path /keys`, `:authority a`, in the form of the ABI.
const CALL_HEADERS: &str = "\x03\0\0\0\x07\0\0\0\x03\0\0\0\x05\0\0\0\x05\0\0\0\x0a\0\0\0\x01\0\0\0:method\0GET\0:path\0/keys\0:authority\0a\0";

fn call() -> String {
    format!(
        "(global.set $state (local.get $0))
        (call $say 'dispatch' (call $http_call 'idp' '{CALL_HEADERS}' (i32.const 0) (i32.const 0) (i32.const 0)
          (i32.const 0) (i32.const 5000) (i32.const 32)))"
    )
}

/// Every probe of the status table, in one callback.
fn probe(callback: &str) -> String {
    [
        read(&format!("{callback} request get"), 0),
        write(&format!("{callback} request set"), 0),
        read(&format!("{callback} response get"), 2),
        write(&format!("{callback} response set"), 2),
        write(&format!("{callback} trailers set"), 1),
        format!("(call $say '{callback} property' (call $property 'request\0method' (i32.const 16) (i32.const 20)))"),
        format!("(call $say '{callback} pairs' (call $pairs (i32.const 0) (i32.const 16) (i32.const 20)))"),
        "(call $say 'none' (i32.eqz (i32.load (i32.const 20))))".to_owned(),
        format!("(call $say '{callback} body' (call $body (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 16) (i32.const 20)))"),
        format!("(call $say '{callback} state' (call $set_property 's' 'v'))"),
    ]
    .concat()
}

fn probing(headers: &str, body: &str) -> Guest {
    let with = |callback: &str, result: &str| probe(callback) + result;
    Guest::default()
        .on("proxy_on_request_headers", &with("headers", headers))
        .on("proxy_on_request_body", &with("body", body))
        .on("proxy_on_request_trailers", &with("trailers", CONTINUE))
        .on("proxy_on_response_headers", &with("response", CONTINUE))
        .on("proxy_on_response_body", &with("reply", CONTINUE))
        .on("proxy_on_log", &probe("log"))
        .on("proxy_on_done", &with("done", "(i32.const 1)"))
}

#[test]
fn statuses_of_a_request_that_is_streamed() {
    Scene::new(probing(CONTINUE, CONTINUE)).profile(Profile::Envoy).play(&[
        Headers,
        Data("01"),
        End,
    ]);
}

#[test]
fn statuses_of_a_request_with_trailers() {
    Scene::new(probing(CONTINUE, CONTINUE)).play(&[Headers, Data("01"), Trailers]);
}

#[test]
fn statuses_of_a_request_that_is_held() {
    Scene::new(probing(PAUSE, PAUSE_UNTIL_END)).play(&[Headers, Data("01"), Data("23"), End]);
}

#[test]
fn statuses_of_a_held_request_with_trailers() {
    Scene::new(probing(PAUSE, PAUSE)).play(&[Headers, Data("01"), Trailers]);
}

#[test]
fn statuses_of_a_held_request_that_is_aborted() {
    Scene::new(probing(PAUSE, PAUSE)).play(&[Headers, Data("01"), Abort]);
}

#[test]
fn a_held_body_is_accumulated() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE_UNTIL_END)
        .on("proxy_on_request_body", &format!("{SIZE_AND_END} {PAUSE_UNTIL_END}"));
    Scene::new(guest).play(&[Headers, Data("0123"), Data("45"), End]);
}

#[test]
fn a_held_body_over_the_limit() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE_UNTIL_END)
        .on(
            "proxy_on_request_body",
            &format!(
                "(call $say 'over' (i32.gt_u (local.get $1) (i32.const 50))) {PAUSE_UNTIL_END}"
            ),
        )
        .on("proxy_on_response_headers", &format!("{} {CONTINUE}", read("status", 2)));
    Scene::new(guest).limit(50).play(&[
        Headers,
        Data("0123456789012345678901234567890123456789"),
        Data("0123456789012345678901234567890123456789"),
    ]);
}

#[test]
fn plain_envoy_hangs_on_paused_headers() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE)
        .on("proxy_on_request_body", SIZE_AND_END_CONTINUE);
    Scene::new(guest).profile(Profile::Envoy).play(&[Headers, Data("0123"), End]);
}

const SIZE_AND_END_CONTINUE: &str =
    "(call $say 'size' (local.get $1)) (call $say 'end' (local.get $2)) (i32.const 0)";

#[test]
fn a_request_resumed_by_a_callout_after_its_body() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", &format!("{} {PAUSE}", call()))
        .on("proxy_on_request_body", &format!("{SIZE_AND_END} {PAUSE}"))
        .on("proxy_on_http_call_response", &resume());
    Scene::new(guest).play(&[Headers, Data("0123"), End, Reply]);
}

/// Says what can be reached from the reply, then lets the stream go on.
fn resume() -> String {
    format!(
        "(call $say 'root' (i32.ne (local.get $0) (global.get $state))) (call $say 'body' (local.get $3))
        {} (call $say 'become' (call $become (global.get $state))) {}
        (call $say 'call status' (call $get (i32.const 6) ':status' (i32.const 16) (i32.const 20))) (call $tell)
        (drop (call $set (i32.const 0) 'x' 'resumed')) (drop (call $continue (i32.const 0))) {}",
        read("before", 0),
        read("as stream", 0),
        write("after", 0)
    )
}

#[test]
fn a_request_resumed_by_a_callout_in_the_middle_of_a_paused_body() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", &format!("{} {PAUSE}", call()))
        .on("proxy_on_request_body", &format!("{SIZE_AND_END} (i32.eqz (global.get $free))"))
        .on("proxy_on_http_call_response", &resume());
    Scene::new(guest).play(&[Headers, Data("0123"), Reply, Data("456789"), End]);
}

#[test]
fn a_body_paused_piece_by_piece_and_resumed_in_its_middle() {
    // Pauses while the call is out (state is the stream), goes on after it (state is 0).
    let guest = Guest::default()
        .on("proxy_on_request_headers", &format!("{} {PAUSE}", call()))
        .on(
            "proxy_on_request_body",
            &format!("{SIZE_AND_END} (i32.ne (global.get $state) (i32.const 0))"),
        )
        .on(
            "proxy_on_http_call_response",
            &format!("{} (global.set $state (i32.const 0))", resume()),
        );
    Scene::new(guest).play(&[Headers, Data("0123"), Reply, Data("456789"), End]);
}

/// Says how much of a body can be reached.
fn reach(label: &str, kind: u32) -> String {
    format!(
        "(drop (call $body (i32.const {kind}) (i32.const 0) (i32.const 99) (i32.const 16) (i32.const 20)))
        (call $say '{label}' (i32.load (i32.const 20)))"
    )
}

#[test]
fn what_can_be_reached_of_a_paused_request_body() {
    let hear = format!(
        "(drop (call $become (global.get $state))) {} (drop (call $continue (i32.const 0))) {}
        (call $say 'set' (call $set_body (i32.const 0) (i32.const 0) (i32.const 99) 'NEW')) (global.set $state (i32.const 0))",
        reach("before", 0),
        reach("after", 0)
    );
    let guest = Guest::default()
        .on("proxy_on_request_headers", &format!("{} {PAUSE}", call()))
        .on(
            "proxy_on_request_body",
            &format!(
                "{SIZE_AND_END} {} (i32.ne (global.get $state) (i32.const 0))",
                reach("reach", 0)
            ),
        )
        .on("proxy_on_http_call_response", &hear);
    Scene::new(guest).play(&[Headers, Data("0123"), Reply, Data("456789"), Data("ab"), End]);
}

#[test]
fn what_can_be_reached_of_a_paused_response_body() {
    let hear = format!(
        "(drop (call $become (global.get $state))) {} (drop (call $continue (i32.const 1))) {}
        (call $say 'set' (call $set_body (i32.const 1) (i32.const 0) (i32.const 99) 'NEW')) (global.set $state (i32.const 0))",
        reach("before", 1),
        reach("after", 1)
    );
    let guest = Guest::default()
        .on("proxy_on_response_headers", &format!("{} {CONTINUE}", call()))
        .on(
            "proxy_on_response_body",
            &format!(
                "{SIZE_AND_END} {} (i32.ne (global.get $state) (i32.const 0))",
                reach("reach", 1)
            ),
        )
        .on("proxy_on_http_call_response", &hear);
    Scene::new(guest).slow().play(&[HeadersAndEnd, Reply, Rest]);
}

#[test]
fn a_response_body_held_paused_and_resumed() {
    let guest = Guest::default()
        .on("proxy_on_response_headers", &format!("{} {PAUSE}", call()))
        .on("proxy_on_response_body", &format!("{SIZE_AND_END} {PAUSE}"))
        .on(
            "proxy_on_http_call_response",
            &format!("(drop (call $become (global.get $state))) {} {} (drop (call $continue (i32.const 1))) {}", write("set", 2), reach("body", 1), write("late", 2)),
        );
    Scene::new(guest).play(&[HeadersAndEnd, Reply]);
}

#[test]
fn plain_envoy_resumed_by_a_callout_shows_the_body_afterwards() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", &format!("{} {PAUSE}", call()))
        .on("proxy_on_request_body", SIZE_AND_END_CONTINUE)
        .on("proxy_on_http_call_response", &resume());
    Scene::new(guest).profile(Profile::Envoy).play(&[Headers, Data("0123"), End, Reply]);
}

#[test]
fn a_reply_that_comes_after_its_stream_has_gone() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", &format!("{} {PAUSE}", call()))
        .on("proxy_on_http_call_response", &resume());
    Scene::new(guest).callouts_of_the_root().play(&[HeadersAndEnd, Abort, Reply]);
}

#[test]
fn a_local_reply_passes_the_response_callbacks() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", &format!("{REFUSE} {CONTINUE}"))
        .on("proxy_on_response_headers", &format!("(call $say 'end' (local.get $2)) {} {CONTINUE}", read("x", 2)))
        .on("proxy_on_response_body", &format!("{SIZE_AND_END} (drop (call $set_body (i32.const 1) (i32.const 0) (i32.const 1) 'NEW')) {CONTINUE}"))
        .on("proxy_on_log", "(call $say 'log' (i32.const 1))")
        .on("proxy_on_done", "(call $say 'done' (i32.const 1)) (i32.const 1)")
        .on("proxy_on_delete", "(call $say 'delete' (i32.const 1))");
    Scene::new(guest).play(&[HeadersAndEnd]);
}

#[test]
fn a_local_reply_from_a_held_body() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE)
        .on("proxy_on_request_body", &format!("{SIZE_AND_END} {REFUSE} {PAUSE}"))
        .on(
            "proxy_on_response_headers",
            &format!("{} {} {CONTINUE}", read("request", 0), write("request", 0)),
        );
    Scene::new(guest).play(&[Headers, Data("0123")]);
}

#[test]
fn a_local_reply_from_trailers() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE)
        .on("proxy_on_request_body", &format!("{SIZE_AND_END} {PAUSE}"))
        .on(
            "proxy_on_request_trailers",
            &format!("(call $say 'trailers' (local.get $1)) {REFUSE} {PAUSE}"),
        );
    Scene::new(guest).play(&[Headers, Data("0123"), Trailers]);
}

#[test]
fn a_local_reply_from_a_callout() {
    let guest = Guest::default().on("proxy_on_request_headers", &format!("{} {PAUSE}", call())).on(
        "proxy_on_http_call_response",
        &format!("(drop (call $become (global.get $state))) {REFUSE}"),
    );
    Scene::new(guest).play(&[HeadersAndEnd, Reply]);
}

#[test]
fn a_local_reply_from_response_headers() {
    let guest = Guest::default()
        .on(
            "proxy_on_response_headers",
            &format!("(call $say 'seen' (local.get $2)) {REFUSE} {CONTINUE}"),
        )
        .on("proxy_on_response_body", &format!("{SIZE_AND_END} {CONTINUE}"));
    Scene::new(guest).play(&[HeadersAndEnd]);
}

#[test]
fn a_local_reply_before_continue_stream() {
    let body = format!("{REFUSE} (drop (call $continue (i32.const 0))) {PAUSE}");
    Scene::new(Guest::default().on("proxy_on_request_headers", &body)).play(&[HeadersAndEnd]);
}

#[test]
fn the_first_of_two_local_replies() {
    let twice = format!("{REFUSE} {} {PAUSE}", REFUSE.replace("403", "401"));
    Scene::new(Guest::default().on("proxy_on_request_headers", &twice)).play(&[HeadersAndEnd]);
}

#[test]
fn a_response_that_is_held_and_replaced() {
    let guest = Guest::default()
        .on("proxy_on_response_headers", &format!("(drop (call $remove (i32.const 2) 'content-length')) {PAUSE}"))
        .on(
            "proxy_on_response_body",
            &format!(
                "{SIZE_AND_END} (if (local.get $2) (then
                (drop (call $set_body (i32.const 1) (i32.const 0) (local.get $1) 'NEW BODY')))) {PAUSE_UNTIL_END}"
            ),
        );
    Scene::new(guest).play(&[HeadersAndEnd]);
}

#[test]
fn a_request_body_that_is_replaced_while_held() {
    let guest = Guest::default().on("proxy_on_request_headers", PAUSE).on(
        "proxy_on_request_body",
        &format!(
            "{SIZE_AND_END} (if (local.get $2) (then
            (call $say 'middle' (call $set_body (i32.const 0) (i32.const 1) (i32.const 1) 'NEW'))
            (call $say 'prefix' (call $set_body (i32.const 0) (i32.const 0) (i32.const 2) 'NEW'))
            (call $say 'append' (call $set_body (i32.const 0) (i32.const 99) (i32.const 0) 'END')))) {PAUSE_UNTIL_END}"
        ),
    );
    Scene::new(guest).play(&[Headers, Data("0123"), End]);
}

/// R7.
#[test]
fn a_trap_in_each_policy() {
    let trap = "(if (i32.eqz (local.get $2)) (then unreachable)) (i32.const 0)";
    for policy in [FailurePolicy::Closed, FailurePolicy::Open] {
        let guest = Guest::default().on("proxy_on_request_headers", trap);
        Scene::new(guest).failure(policy).play_twice(&[Headers, Data("01")], &[HeadersAndEnd]);
    }
}

#[test]
fn a_local_reply_before_a_trap() {
    let body = format!("{} unreachable", REFUSE.replace("403", "200"));
    Scene::new(Guest::default().on("proxy_on_request_headers", &body)).play(&[HeadersAndEnd]);
}

#[test]
fn continue_stream_before_a_trap() {
    let body = "(drop (call $continue (i32.const 0))) unreachable";
    Scene::new(Guest::default().on("proxy_on_request_headers", body)).play(&[HeadersAndEnd]);
}

#[test]
fn a_trap_in_a_response_body() {
    let guest = Guest::default().on("proxy_on_response_body", "unreachable");
    Scene::new(guest).play(&[HeadersAndEnd]);
}

#[test]
fn a_trap_in_response_headers() {
    let guest = Guest::default().on("proxy_on_response_headers", "unreachable");
    Scene::new(guest).play(&[HeadersAndEnd]);
}

/// Which duplicates arrive joined is a property of each name.
#[test]
fn duplicate_headers_arrive_as_in_envoy() {
    const NAMES: [&str; 32] = [
        "accept",
        "accept-encoding",
        "accept-language",
        "authorization",
        "cache-control",
        "content-encoding",
        "content-type",
        "cookie",
        "date",
        "dpop",
        "etag",
        "forwarded",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "last-event-id",
        "mcp-method",
        "mcp-protocol-version",
        "mcp-session-id",
        "origin",
        "pragma",
        "range",
        "referer",
        "signature",
        "signature-input",
        "te",
        "traceparent",
        "user-agent",
        "via",
        "x-deputy-agent",
    ];
    let look = NAMES.map(|name| {
        format!(
            "(drop (call $log (i32.const 2) '{name}')) (drop (call $get (i32.const 0) '{name}' (i32.const 16) (i32.const 20)))
            (call $tell) (drop (call $property 'request\0headers\0{name}' (i32.const 16) (i32.const 20))) (call $tell)"
        )
    });
    let guest = Guest::default().on("proxy_on_request_headers", &(look.concat() + CONTINUE));
    let fields = NAMES.iter().flat_map(|name| [(*name, "a"), (*name, "b")]).collect();
    Scene::new(guest).fields(fields).play(&[HeadersAndEnd]);
}
