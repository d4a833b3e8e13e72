//! The Envoys that are compared: the same listener and the same answer, and one thing each in
//! between.
//!
//! Nothing stands behind them: the router itself answers 200, so no upstream costs anything. It answers
//! as an MCP server would, because that is what Deputy reads on the way back. The buffer filter before it takes in the body, as an upstream would; without it Envoy would close the
//! connection of every POST it has answered early.

use anyhow::Result;
use serde_json::{Value, json};

use super::http::at;
use super::world::World;

/// The whole configuration of one Envoy.
pub(super) fn document(port: u16, admin: u16, filters: &[Value]) -> Value {
    let answer = json!({
        "match": {"prefix": "/"},
        "direct_response": {"status": 200, "body": {"inline_string": ANSWER}},
        "response_headers_to_add": [{
            "header": {"key": "content-type", "value": "application/json"},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }],
    });
    let mut filters = filters.to_vec();
    filters.push(filter("buffer", "buffer.v3.Buffer", json!({"max_request_bytes": 1_048_576})));
    filters.push(filter("router", "router.v3.Router", json!({})));
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": STAT_PREFIX,
        "normalize_path": true,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [answer]}]},
        "http_filters": filters,
    });
    let chain = json!({"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]});
    json!({
        "admin": {"address": address(admin)},
        "static_resources": {
            "listeners": [{"name": at(port), "address": address(port), "filter_chains": [chain]}],
        },
    })
}

fn address(port: u16) -> Value {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

fn filter(name: &str, kind: &str, mut configuration: Value) -> Value {
    if let Some(members) = configuration.as_object_mut() {
        members.insert(
            "@type".to_owned(),
            format!("type.googleapis.com/envoy.extensions.filters.http.{kind}").into(),
        );
    }
    json!({"name": format!("envoy.filters.http.{name}"), "typed_config": configuration})
}

/// Deputy, as examples/envoy-mcp/envoy.yaml has it.
pub(super) fn deputy(world: &World) -> Result<Vec<Value>> {
    Ok(vec![wasm("deputy", &world.module.display().to_string(), &world.read("deputy.json")?)])
}

/// A module that does nothing.
pub(super) fn empty(world: &World) -> Vec<Value> {
    vec![wasm("empty", &world.file("empty.wasm").display().to_string(), "")]
}

/// Cedar and next to nothing around it.
pub(super) fn cedar_alone(world: &World) -> Result<Vec<Value>> {
    Ok(vec![wasm(
        "cedar-alone",
        &world.cedar_alone.display().to_string(),
        &world.read("policies.cedar")?,
    )])
}

fn wasm(name: &str, module: &str, configuration: &str) -> Value {
    let text =
        json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration});
    let vm = json!({"runtime": "envoy.wasm.runtime.v8", "vm_id": name, "code": {"local": {"filename": module}}});
    let plugin = json!({
        "name": name, "root_id": name, "failure_policy": "FAIL_RELOAD", "allow_on_headers_stop_iteration": true,
        "vm_config": vm, "configuration": text,
    });
    filter("wasm", "wasm.v3.Wasm", json!({"config": plugin}))
}

/// What Envoy itself has for this: the token's signature, issuer, audience and time; then one claim.
pub(super) fn jwt_rbac(world: &World, cached: bool) -> Result<Vec<Value>> {
    let mut provider = json!({
        "issuer": "https://idp.acme.example",
        "audiences": ["https://gateway.acme.example"],
        "local_jwks": {"inline_string": world.read("jwks.json")?},
        "payload_in_metadata": PAYLOAD,
    });
    if cached && let Some(members) = provider.as_object_mut() {
        members.insert("jwt_cache_config".to_owned(), json!({"jwt_cache_size": 1000}));
    }
    let rule = json!({"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}});
    let authentication = json!({"providers": {"idp": provider}, "rules": [rule]});
    let reads = json!({"and_rules": {"rules": [
        {"header": {"name": ":method", "string_match": {"exact": "GET"}}},
        {"url_path": {"path": {"prefix": "/v1/orders/"}}},
    ]}});
    let claim = json!({"metadata": {
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{"key": PAYLOAD}, {"key": "act"}, {"key": "sub"}],
        "value": {"string_match": {"exact": "refund-bot"}},
    }});
    let policy = json!({"permissions": [reads], "principals": [claim]});
    let rules = json!({"action": "ALLOW", "policies": {"refund-bot-reads-orders": policy}});
    Ok(vec![
        filter("jwt_authn", "jwt_authn.v3.JwtAuthentication", authentication),
        filter("rbac", "rbac.v3.RBAC", json!({"rules": rules})),
    ])
}

/// The answer to the `tools/call` that is measured, by its id.
pub(super) const ANSWER: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"refunded 40 EUR"}],"isError":false}}"#;
const STAT_PREFIX: &str = "bench";
const PAYLOAD: &str = "payload";
/// Requests that each of them has let through, by its own count.
pub(super) const ALLOWED_BY_RBAC: &str = "http.bench.rbac.allowed";
pub(super) const ALLOWED_BY_DEPUTY: &str = "wasmcustom.deputy.decision.allow";
