//! WebSockets and tunnels: a connection becomes something else only where a route names that, and what is
//! opened is decided like any other request. Envoy itself lets upgrades through here, and CONNECT.

use host_tests::envoy::{Answer, Plan, Request};
use serde_json::{Value, json};

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
    let early = b"GET /inside HTTP/1.1\r\nhost: gateway.acme.example\r\n\r\n".to_vec();
    client.send_bytes(&[request.writes().concat(), early].concat()).unwrap();
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
            Plan { manager: json!({"upgrade_configs": kinds}), routes: vec![tunnel], ..plan }
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
