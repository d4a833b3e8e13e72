//! Several requests on one connection, and trailers.

use host_tests::envoy::{ISSUER, Request};
use http::StatusCode;
use serde_json::{Value, json};

use crate::http2::{Http2, head, run};
use crate::world::{World, bare, call};

/// H15. Two at a time: of three that it answers itself in one go Envoy takes the third for a flood.
#[test]
fn http1_requests_in_one_segment_are_decided_one_by_one() {
    let world = World::open();
    let (good, bad) = (world.good(), world.bad());
    for (all, statuses) in [([&good, &bad], [200, 403]), ([&bad, &good], [403, 200])] {
        let mark = world.mark();
        let mut client = world.listener.connect();
        let bytes = all.map(|request| request.writes().concat()).concat();
        client.send_bytes(&bytes).unwrap();
        let responses = all.map(|request| client.response(request).unwrap().status);
        assert_eq!(responses, statuses);
        let accesses = world.listener.wait_accesses(mark.accesses + 2);
        let receipts = receipts(&world).split_off(mark.receipts);
        for (status, receipt) in statuses.iter().zip(&receipts) {
            let reason = (*status == 403).then_some("delegator_not_allowed");
            assert_eq!(receipt["reason"].as_str(), reason, "{receipts:?}");
        }
        assert_eq!((receipts.len(), accesses.len()), (2, mark.accesses + 2));
        assert_eq!(world.listener.upstream.seen().len(), mark.upstream + 1);
    }
    world.still_works();
}

#[test]
fn http1_trailers_do_not_let_a_refused_body_through() {
    let world = World::open();
    world.refuses(&world.bad().trailer("x-checksum", "1"), 403, "delegator_not_allowed");
    let long = Request { chunked: true, ..world.bad() }.in_chunks_of(9).trailer("t", "1");
    world.refuses(&long, 403, "delegator_not_allowed");
    world.still_works();
}

#[test]
fn http1_trailers_are_no_headers() {
    let world = World::open();
    let token = world.token();
    let anonymous = world.good().without("authorization");
    let request = anonymous.trailer("authorization", &format!("Bearer {token}"));
    world.refuses(&request, 401, "no_credential");
    let request = world.good().trailer("x-deputy-agent", "root").trailer("x-checksum", "1");
    world.allows(&request);
    let seen = world.listener.upstream.seen().pop().unwrap();
    assert_eq!(seen.trailers, [(b"x-checksum".to_vec(), b"1".to_vec())]);
    world.still_works();
}

#[test]
fn http2_trailers_do_not_let_a_refused_body_through() {
    let world = World::open();
    for size in [usize::MAX, 9] {
        let mark = world.mark();
        let response = run(async {
            let mut http2 = Http2::connect(&world).await;
            http2.exchange(&world.bad(), size, &[("t", "1")]).await
        });
        world.refused(&mark, &response, 403, "delegator_not_allowed");
    }
    world.still_works();
}

#[test]
fn http2_trailers_let_an_allowed_body_through_unchanged() {
    let world = World::open();
    for size in [usize::MAX, 9] {
        let mark = world.mark();
        let response = run(async {
            let mut http2 = Http2::connect(&world).await;
            http2
                .exchange(&world.good(), size, &[("x-checksum", "1"), ("x-deputy-agent", "root")])
                .await
        });
        world.allowed(&mark, &response);
        let seen = world.listener.upstream.seen().pop().unwrap();
        assert_eq!(seen.body, world.good().body.unwrap().concat());
        assert_eq!(seen.trailers, [(b"x-checksum".to_vec(), b"1".to_vec())]);
    }
    world.still_works();
}

#[test]
fn http2_headers_and_trailers_without_a_body_are_decided() {
    let world = World::open();
    for (request, reason) in [
        (bare(&world.token()).header("mcp-method", "ping"), "body_malformed"),
        (world.good().without("mcp-name"), "body_malformed"),
    ] {
        let mark = world.mark();
        let response = run(async {
            let mut http2 = Http2::connect(&world).await;
            let bodiless = Request { body: Some(Vec::new()), ..request };
            http2.exchange(&bodiless, usize::MAX, &[("authorization", "Bearer x")]).await
        });
        world.refused(&mark, &response, 400, reason);
    }
    world.still_works();
}

/// H19. Three kinds of agents take turns, frame by frame, on one connection.
#[test]
fn http2_streams_of_two_agents_on_one_connection_get_their_own_decisions() {
    const STREAMS: usize = 60;
    let world = World::open();
    let orphan = world.token_with(&json!({"sub": "dana", "client_id": "orphan-bot", "act": {"iss": ISSUER, "sub": "orphan-bot"}}));
    let nightly = json!({"sub": "nightly-report", "client_id": "nightly-report"});
    let nightly = world.token_with(&nightly);
    let request = |i: usize| match i % 3 {
        0 => call("get_order", &json!({"id": i}), &world.token()),
        1 => call("get_order", &json!({"id": i}), &orphan),
        _ => call("list_orders", &json!({"customer": i}), &nightly),
    };
    let statuses = run(async {
        let mut http2 = Http2::connect(&world).await;
        let mut open = Vec::new();
        for i in 0..STREAMS {
            open.push(http2.open(&request(i)).await);
        }
        let bodies: Vec<_> = (0..STREAMS).map(|i| request(i).body.unwrap().concat()).collect();
        for part in 0..3 {
            for (body, (_, stream)) in bodies.iter().zip(&mut open) {
                let third = body.len().div_ceil(3);
                let piece = body.chunks(third).nth(part).unwrap().to_vec();
                // One that was refused at its headers takes no more.
                let _ = stream.send_data(piece.into(), part == 2);
            }
            tokio::task::yield_now().await;
        }
        let mut statuses = Vec::new();
        for (response, _) in open {
            statuses.push(response.await.unwrap().status());
        }
        statuses
    });
    for (i, status) in statuses.into_iter().enumerate() {
        let expected = if i % 3 == 1 { StatusCode::FORBIDDEN } else { StatusCode::OK };
        assert_eq!(status, expected, "stream {i}");
    }
    world.listener.wait_accesses(STREAMS);
    assert_eq!(receipts(&world).len(), STREAMS);
    each_saw_its_own_agent(&world, STREAMS);
    world.still_works();
}

fn each_saw_its_own_agent(world: &World, streams: usize) {
    let seen = world.listener.upstream.seen();
    assert_eq!(seen.len(), streams / 3 * 2);
    for request in seen {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let agent = match body["params"]["name"].as_str().unwrap() {
            "get_order" => "https://idp.acme.example#refund-bot",
            _ => "https://idp.acme.example#nightly-report",
        };
        let delegator = request.header("x-deputy-on-behalf-of");
        assert_eq!(request.header("x-deputy-agent").as_deref(), Some(agent), "{body}");
        assert_eq!(delegator.is_some(), agent.ends_with("refund-bot"), "{body}");
    }
}

#[test]
fn http2_a_byte_that_is_no_text_kills_no_worker() {
    let world = World::open();
    world.listener.on_every_worker(2, |_| {
        let mark = world.mark();
        let response = run(async {
            let mut http2 = Http2::connect(&world).await;
            http2.exchange(&world.good().header("user-agent", b"\xff\xfe"), usize::MAX, &[]).await
        });
        world.refused(&mark, &response, 400, "request_malformed");
    });
    world.still_works();
}

#[test]
fn http2_a_length_that_is_not_the_bodys_is_never_decided() {
    let world = World::open();
    let mark = world.mark();
    let reset = run(async {
        let mut http2 = Http2::connect(&world).await;
        let request = world.good().header("content-length", "5");
        assert!(head(&request).headers().contains_key("content-length"));
        let (response, mut stream) = http2.open(&request).await;
        let body = request.body.unwrap().concat();
        // The codec of this client does not count either.
        let _ = stream.send_data(body.into(), true);
        response.await.map(|response| response.status())
    });
    assert!(!matches!(reset, Ok(StatusCode::OK)), "{reset:?}");
    world.listener.wait_accesses(1);
    world.upstream_saw_nothing(&mark);
    world.still_works();
}

fn receipts(world: &World) -> Vec<Value> {
    world.listener.receipts().iter().map(|text| serde_json::from_str(text).unwrap()).collect()
}
