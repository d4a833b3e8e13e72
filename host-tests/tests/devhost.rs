//! The harness as a proxy, over real sockets: small guests in front of a small upstream.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[allow(dead_code, reason = "shared with the harness's own tests, which use all of it")]
#[path = "harness/guest.rs"]
mod guest;
#[path = "devhost/world.rs"]
mod world;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Frame;

use guest::{CONTINUE, Guest, PAUSE, PAUSE_UNTIL_END, REFUSE};
use world::{World, pieces, text};

/// `:method GET`, `:path /keys`, `:authority a`, in the form of the ABI.
const CALL_HEADERS: &str = "\x03\0\0\0\x07\0\0\0\x03\0\0\0\x05\0\0\0\x05\0\0\0\x0a\0\0\0\x01\0\0\0:method\0GET\0:path\0/keys\0:authority\0a\0";

#[tokio::test]
async fn a_held_request_reaches_the_upstream_complete_and_edited() {
    let guest = Guest::default()
        .on(
            "proxy_on_request_headers",
            &format!("(drop (call $set (i32.const 0) 'x' 'edited')) {PAUSE}"),
        )
        .on("proxy_on_request_body", PAUSE_UNTIL_END);
    let world = World::start(&guest).await;
    let response = world
        .send(Request::post(world.url("/a?b=c")).header("x", "old"), "0123456789")
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(text(response).await, "POST /a?b=c 10");
    assert_eq!(world.upstream.seen()[0].headers["x"], "edited");
    assert_eq!(world.upstream.seen()[0].headers["host"], world.authority());
}

#[tokio::test]
async fn a_refused_request_never_reaches_the_upstream() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE)
        .on("proxy_on_request_body", &format!("{REFUSE} {PAUSE}"));
    let world = World::start(&guest).await;
    let response = world.send(Request::post(world.url("/")), "0123456789").await.unwrap();
    assert_eq!(response.status(), 403);
    assert_eq!(text(response).await, "no");
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn events_of_a_stream_reach_the_client_one_by_one() {
    let guest = Guest::default().on("proxy_on_response_body", CONTINUE);
    let world = World::start(&guest).await;
    let response = world.send(Request::get(world.url("/events")), "").await.unwrap();
    let mut body = response.into_body();
    for number in 1..=3 {
        world.upstream.emit(&format!("data: {number}\n\n"));
        let frame = tokio::time::timeout(Duration::from_secs(5), body.frame())
            .await
            .expect("in time")
            .unwrap()
            .unwrap();
        assert_eq!(frame.into_data().unwrap(), format!("data: {number}\n\n"));
    }
    world.upstream.end();
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn request_trailers_are_delivered_over_http2() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE)
        .on("proxy_on_request_body", PAUSE)
        .on(
            "proxy_on_request_trailers",
            &format!("(call $say 'trailers' (local.get $1)) {REFUSE} {PAUSE}"),
        );
    let world = World::start(&guest).await;
    let trailers = http::HeaderMap::from_iter([("t".parse().unwrap(), "1".parse().unwrap())]);
    let body = pieces([Frame::data(Bytes::from("01")), Frame::trailers(trailers)]);
    let response = world.send_http2(Request::post(world.url("/")), body).await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(world.upstream.seen().is_empty());
}

#[tokio::test]
async fn a_callout_is_made_to_its_cluster_and_its_reply_resumes_the_request() {
    let ask = format!(
        "(global.set $state (local.get $0))
        (drop (call $http_call 'idp' '{CALL_HEADERS}' (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
          (i32.const 5000) (i32.const 32))) {PAUSE}"
    );
    let hear = "(drop (call $body (i32.const 4) (i32.const 0) (i32.const 99) (i32.const 16) (i32.const 20)))
        (drop (call $become (global.get $state)))
        (drop (call $set (i32.const 0) 'x' (i32.load (i32.const 16)) (i32.load (i32.const 20))))
        (drop (call $continue (i32.const 0)))";
    let guest = Guest::default()
        .on("proxy_on_request_headers", &ask)
        .on("proxy_on_http_call_response", hear);
    let world = World::start(&guest).await;
    let response = world.send(Request::get(world.url("/")), "").await.unwrap();
    assert_eq!(response.status(), 200);
    let seen = world.upstream.seen();
    assert_eq!(seen[0].line, "GET /keys 0");
    assert_eq!(seen[1].headers["x"], "GET /keys 0");
}

#[tokio::test]
async fn receipts_are_kept_one_json_object_per_line() {
    let guest = Guest::default().on(
        "proxy_on_request_headers",
        "(drop (call $log (i32.const 2) 'deputy-receipt {\"v\":1}')) (i32.const 0)",
    );
    let world = World::start(&guest).await;
    for _ in 0..2 {
        world.send(Request::get(world.url("/")), "").await.unwrap();
    }
    assert_eq!(world.receipts(), "{\"v\":1}\n{\"v\":1}\n");
}

#[tokio::test]
async fn ticks_come_in_the_period_the_plugin_asked_for() {
    let guest = Guest::default()
        .on("proxy_on_configure", "(i32.eqz (call $tick_every (i32.const 20)))")
        .on("proxy_on_tick", "(drop (call $log (i32.const 2) 'deputy-receipt tick'))");
    let world = World::start(&guest).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(world.receipts().lines().count() >= 3);
}

#[tokio::test]
async fn a_client_that_goes_away_ends_the_stream_in_the_plugin() {
    let guest = Guest::default()
        .on("proxy_on_request_headers", PAUSE)
        .on("proxy_on_log", "(drop (call $log (i32.const 2) 'deputy-receipt gone'))");
    let world = World::start(&guest).await;
    let waiting = world.send(Request::get(world.url("/")), "");
    assert!(
        tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err(),
        "the plugin holds it"
    );
    world.until(|world| world.receipts() == "gone\n").await;
}

#[tokio::test]
async fn an_upstream_that_is_down_is_503() {
    let guest = Guest::default();
    let world = World::without_upstream(&guest).await;
    let response = world.send(Request::get(world.url("/")), "").await.unwrap();
    assert_eq!(response.status(), 503);
}

#[tokio::test]
async fn a_plugin_that_refuses_its_configuration_is_not_served() {
    let guest = Guest::default().on("proxy_on_configure", "(i32.const 0)");
    let error = World::try_start(&guest).await.err().unwrap();
    assert!(error.to_string().contains("proxy_on_configure answered false"), "{error}");
}
