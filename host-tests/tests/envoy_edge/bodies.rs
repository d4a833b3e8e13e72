//! Bodies: too long, in pieces, none, several messages in one.

use host_tests::envoy::Request;
use serde_json::json;

use crate::world::{World, bare, call};

/// Small, so that a body at it fits one segment and one above Envoy's own limit does not take long.
const LIMIT: usize = 4096;

fn small() -> World {
    World::changed(|c| c["limits"] = json!({"body_bytes": LIMIT}), |plan| plan)
}

/// A good call whose body is exactly that long; JSON may end in white space.
fn as_long_as(world: &World, length: usize) -> Request {
    let request = world.good();
    let mut body = request.body.clone().unwrap().concat();
    body.resize(length, b' ');
    request.body(body)
}

#[test]
fn a_body_at_the_limit_passes_and_one_byte_more_does_not() {
    let world = small();
    for size in [usize::MAX, 1000, 1] {
        let framed = |length| match size {
            usize::MAX => as_long_as(&world, length),
            size => as_long_as(&world, length).in_chunks_of(size),
        };
        world.allows(&framed(LIMIT));
        let seen = world.listener.upstream.seen();
        let body = as_long_as(&world, LIMIT).body.unwrap().concat();
        assert_eq!(seen.last().unwrap().body, body, "what was decided on is what goes on");
        world.refuses(&framed(LIMIT + 1), 413, "body_too_large");
    }
    world.still_works();
}

#[test]
fn a_declared_length_above_the_limit_is_refused() {
    let world = small();
    world.refuses(&as_long_as(&world, 20 * LIMIT), 413, "body_too_large");
    world.still_works();
}

#[test]
fn a_body_above_envoys_own_limit_is_refused_by_envoy() {
    let limit = 16 * 1024;
    let world =
        World::changed(|_| (), |plan| host_tests::envoy::Plan { buffer_limit: limit, ..plan });
    for request in [as_long_as(&world, 200_000), as_long_as(&world, 200_000).in_chunks_of(5000)] {
        let mark = world.mark();
        let response = world.listener.send(&request);
        assert_eq!(response.status, 413);
        assert_eq!(world.abandoned(&mark).details, "request_payload_too_large");
    }
    world.still_works();
}

/// Threats B3 and B15: what ends early, or whose client leaves, is no request.
#[test]
fn a_request_that_announces_more_than_it_sends_is_never_decided() {
    let world = World::open();
    let mark = world.mark();
    let mut client = world.listener.connect();
    let whole = world.good().header("content-length", "9999");
    client.send(&whole);
    world.listener.wait_under_way(1);
    world.upstream_saw_nothing(&mark);
    drop(client);
    let access = world.abandoned(&mark);
    assert_eq!((access.status, access.flags.as_str()), (0, "DC"));
    world.still_works();
}

#[test]
fn a_request_without_a_body_is_decided_at_its_headers() {
    let world = World::open();
    let token = world.token();
    let without = |method: &str| Request { method: method.into(), ..bare(&token) };
    world.refuses(&without("POST"), 400, "body_malformed");
    world.refuses(&without("POST").body(""), 400, "body_malformed");
    world.refuses(&without("POST").header("mcp-method", "ping"), 400, "body_malformed");
    world.refuses(&without("GET"), 405, "method_not_served");
    world.refuses(&without("DELETE"), 405, "method_not_served");
    world.refuses(&without("HEAD"), 405, "method_not_served");
    let anonymous = without("GET").without("authorization");
    world.refuses(&anonymous, 401, "no_credential");
    world.still_works();
}

#[test]
fn a_batch_is_refused_whatever_is_in_it() {
    let world = World::open();
    let message = |tool: &str| {
        let body = call(tool, &json!({"id": 7}), "").body.unwrap().concat();
        String::from_utf8(body).unwrap()
    };
    let (good, bad) = (message("get_order"), message("delete_customer"));
    for body in
        [format!("[{good},{bad}]"), format!("[{bad}]"), format!("[{good}]"), "[]".to_owned()]
    {
        for request in [world.good().body(body.clone()), world.good().body(body).in_chunks_of(7)] {
            world.refuses(&request, 400, "batch_refused");
        }
    }
    world.still_works();
}

#[test]
fn a_request_refused_at_its_headers_is_not_waited_for() {
    let world = World::open();
    let mark = world.mark();
    let mut client = world.listener.connect();
    let request = world.good().without("authorization").in_chunks_of(10);
    // Only the head: a refusal that waited for the body would never come.
    client.send_bytes(&request.writes()[0]).unwrap();
    let response = client.response(&request).unwrap();
    world.refused(&mark, &response, 401, "no_credential");
    let expecting = world.good().without("authorization").header("expect", "100-continue");
    let mark = world.mark();
    let mut client = world.listener.connect();
    client.send_bytes(&expecting.writes()[0]).unwrap();
    let response = client.response(&expecting).unwrap();
    world.refused(&mark, &response, 401, "no_credential");
    world.still_works();
}
