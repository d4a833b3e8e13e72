//! WebSockets and tunnels: a connection becomes something else only where a route names that, and what is
//! opened is decided like any other request. Envoy itself lets upgrades through here, and CONNECT.

use host_tests::envoy::{Answer, Plan, Request, Response};
use serde_json::{Value, json};

use crate::http2::{Http2, run, whole};
use crate::world::World;

/// B16. What then goes through is nobody's to read; who opened it is known.
#[test]
fn a_websocket_is_opened_where_a_route_names_it() {
    let world = opening();
    let mark = world.mark();
    let request = upgrade(&world, "/v1/orders/7/events", "websocket");
    let mut client = world.listener.connect();
    client.send(&request);
    let response = client.response(&request).unwrap();
    assert_eq!(response.status, 101, "{response:?} {:?}", world.listener.said());
    assert_eq!(response.header("upgrade").as_deref(), Some("websocket"));
    let receipts = world.listener.receipts().split_off(mark.receipts);
    let [receipt] = receipts.as_slice() else { panic!("one receipt: {receipts:?}") };
    let receipt: Value = serde_json::from_str(receipt).unwrap();
    assert_eq!(receipt["verdict"], "allow");
    assert_eq!(receipt["action"], "orders:watch");
    let seen = world.listener.upstream.seen().split_off(mark.upstream);
    let [seen] = seen.as_slice() else { panic!("the upstream saw {seen:?}") };
    assert_eq!(seen.header("upgrade").as_deref(), Some("websocket"));
    assert_eq!(json!(seen.header("x-deputy-agent")), receipt["agent"]["id"]);
    assert_eq!(seen.header("authorization"), None);

    // Both ways, more than once, and another receipt is not written for it.
    for _ in 0..2 {
        client.send(&Request::new("GET", "/inside"));
        let inside = client.response(&Request::new("GET", "/inside")).unwrap();
        assert_eq!((inside.status, inside.text().as_str()), (200, "inside"));
    }
    assert_eq!(world.listener.receipts().len(), mark.receipts + 1);
    drop(client);
    world.listener.wait_accesses(mark.accesses + 1);
    world.still_works();
}

/// B16, P13.
#[test]
fn a_connection_becomes_something_else_nowhere_else() {
    let world = opening();
    for (path, protocol, status, reason) in [
        ("/v1/orders/7", "websocket", 403, "unmapped"),
        ("/v1/orders/7/events", "other", 403, "unmapped"),
        ("/v1/orders/13/events", "websocket", 403, "agent_not_allowed"),
        ("/mcp", "websocket", 400, "request_malformed"),
    ] {
        let response = world.refuses(&upgrade(&world, path, protocol), status, reason);
        assert_eq!(response.header("upgrade"), None, "{path} {protocol}");
    }
    let nobody = upgrade(&world, "/v1/orders/7/events", "websocket").without("authorization");
    world.refuses(&nobody, 401, "no_credential");
    // Without the upgrade it is no request that the route is about.
    let plain = upgrade(&world, "/v1/orders/7/events", "websocket").without("upgrade");
    world.refuses(&plain.without("connection"), 403, "unmapped");
    world.still_works();
}

/// B17 (CVE-2025-64763): what is sent before the answer is for nobody if the answer is no.
#[test]
fn what_is_sent_before_an_upgrade_is_answered_reaches_nobody_if_it_is_refused() {
    let world = opening();
    let request = upgrade(&world, "/v1/orders/13/events", "websocket");
    let mark = world.mark();
    let mut client = world.listener.connect();
    client.send_bytes(&[request.writes().concat(), EARLY.into()].concat()).unwrap();
    let response = client.response(&request).unwrap();
    world.refused(&mark, &response, 403, "agent_not_allowed");
    drop(client);
    world.still_works();
}

/// P13: neither a tunnel to somewhere, nor one in the form of a path, whatever Envoy's routes let through.
#[test]
fn a_tunnel_is_opened_for_nobody() {
    let world = opening();
    for target in ["orders.acme.example:443", "127.0.0.1:22", "gateway.acme.example:80"] {
        let mark = world.mark();
        let token = world.token();
        let request = Request::new("CONNECT", target)
            .header("authorization", format!("Bearer {token}"))
            .without("host")
            .header("host", target);
        let mut client = world.listener.connect();
        let early = b"GET /inside HTTP/1.1\r\nhost: x\r\n\r\n".to_vec();
        client.send_bytes(&[request.writes().concat(), early].concat()).unwrap();
        let response = client.response(&request).unwrap();
        world.refused(&mark, &response, 400, "request_malformed");
    }
    world.still_works();
}

/// B16 over HTTP/2, where it is an extended CONNECT (RFC 8441).
#[test]
fn a_websocket_is_opened_over_http2_where_a_route_names_it() {
    let world = opening();
    let mark = world.mark();
    run(async {
        let mut http2 = Http2::connect(&world).await;
        let request = extended(&world, "/v1/orders/7/events");
        let (response, mut stream) = http2.extended(&request, "websocket").await;
        let (head, mut answer) = response.await.unwrap().into_parts();
        assert_eq!(head.status, 200, "{head:?} {:?}", world.listener.said());
        // Both ways, more than once.
        let mut got = Vec::new();
        for times in 1..=2 {
            stream.send_data(EARLY.into(), false).unwrap();
            while String::from_utf8_lossy(&got).matches("inside").count() < times {
                let piece = answer.data().await.expect("it is open").unwrap();
                answer.flow_control().release_capacity(piece.len()).unwrap();
                got.extend_from_slice(&piece);
            }
        }
    });
    world.listener.wait_accesses(mark.accesses + 1);
    let receipts = world.listener.receipts().split_off(mark.receipts);
    let [receipt] = receipts.as_slice() else { panic!("one receipt: {receipts:?}") };
    let receipt: Value = serde_json::from_str(receipt).unwrap();
    assert_eq!(
        (&receipt["verdict"], &receipt["action"]),
        (&json!("allow"), &json!("orders:watch"))
    );
    let seen = world.listener.upstream.seen().split_off(mark.upstream);
    assert_eq!(seen[0].header("upgrade").as_deref(), Some("websocket"), "{seen:?}");
    assert_eq!(json!(seen[0].header("x-deputy-agent")), receipt["agent"]["id"]);
    assert_eq!(seen[0].header("authorization"), None);
    world.still_works();
}

/// B16, B17, P11, P13 over HTTP/2.
#[test]
fn an_extended_connect_is_refused_unless_a_route_names_it_and_so_is_what_is_sent_with_it() {
    let world = opening();
    for (path, protocol, status, reason) in [
        ("/v1/orders/7", "websocket", 403, "unmapped"),
        ("/v1/orders/7/events", "other", 403, "unmapped"),
        ("/v1/orders/13/events", "websocket", 403, "agent_not_allowed"),
        ("/mcp", "websocket", 400, "request_malformed"),
    ] {
        over_http2(&world, &extended(&world, path), Some(protocol), (status, reason));
    }
    let nobody = extended(&world, "/v1/orders/7/events").without("authorization");
    over_http2(&world, &nobody, Some("websocket"), (401, "no_credential"));
    over_http2(&world, &extended(&world, "/"), None, (400, "request_malformed"));
    world.still_works();
}

/// Refused, whatever is sent before the answer.
fn over_http2(world: &World, request: &Request, protocol: Option<&str>, is: (u16, &str)) {
    let mark = world.mark();
    let response: Response = run(async {
        let mut http2 = Http2::connect(world).await;
        let (response, mut stream) = match protocol {
            Some(protocol) => http2.extended(request, protocol).await,
            None => http2.tunnel(request, "orders.acme.example:443").await,
        };
        // It may be refused already.
        let _ = stream.send_data(EARLY.into(), false);
        whole(response).await
    });
    world.refused(&mark, &response, is.0, is.1);
}

fn extended(world: &World, path: &str) -> Request {
    Request::new("CONNECT", path)
        .header("authorization", format!("Bearer {}", world.token()))
        .header("sec-websocket-version", "13")
}

const EARLY: &str = "GET /inside HTTP/1.1\r\nhost: gateway.acme.example\r\n\r\n";

fn upgrade(world: &World, path: &str, protocol: &str) -> Request {
    Request::new("GET", path)
        .header("authorization", format!("Bearer {}", world.token()))
        .header("connection", "upgrade")
        .header("upgrade", protocol)
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

/// A gateway whose Envoy lets through whatever connections become, before an upstream that becomes it.
fn opening() -> World {
    let world = World::changed(
        |document| {
            document["http"] = json!([
                {"method": "GET", "path": "/v1/orders/{id}", "action": "orders:read", "resource": "orders"},
                {
                    "method": "GET", "path": "/v1/orders/{id}/events", "upgrade": "websocket",
                    "action": "orders:watch", "resource": "orders",
                },
            ]);
            let files = document["policy"]["files"].as_array_mut().unwrap();
            files.push(json!({"name": "watch.cedar", "text": POLICIES}));
        },
        |plan| {
            let kinds = ["websocket", "other", "CONNECT"];
            let kinds = kinds.map(|kind| json!({"upgrade_type": kind}));
            let tunnel = json!({
                "match": {"connect_matcher": {}},
                "route": {"upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}]},
            });
            let manager = json!({
                "upgrade_configs": kinds, "http2_protocol_options": {"allow_connect": true},
            });
            Plan { manager, routes: vec![tunnel], ..plan }
        },
    );
    world.listener.upstream.answers_by(|seen| match seen.header("upgrade") {
        Some(protocol) => Answer::ok("text/plain", "")
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", &protocol)
            .into(),
        None if seen.head.first.ends_with(b"/inside HTTP/1.1") => {
            Answer::ok("text/plain", "inside").into()
        }
        None => Answer::json(&json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}})).into(),
    });
    world
}

const POLICIES: &str = r#"
@id("everybody-reads-and-watches")
permit (principal, action in [Action::"orders:read", Action::"orders:watch"], resource == Endpoint::"orders");

@id("order-13-is-watched-by-nobody")
forbid (principal, action == Action::"orders:watch", resource) when { context.input.id == "13" };
"#;
