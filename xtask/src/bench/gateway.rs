//! The Envoys that are compared: the same listener and the same answer, and one thing each in
//! between.
//!
//! Nothing stands behind them: the router itself answers 200, so no upstream costs anything. It answers
//! as an MCP server would, because that is what Deputy reads on the way back. The buffer filter before it takes in the body, as an upstream would; without it Envoy would close the
//! connection of every POST it has answered early.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::http::at;
use super::world::World;
use crate::envoy::{self, Envoy};
use crate::{place, progress};

/// The Envoy to measure.
pub(super) fn envoy() -> Result<Envoy> {
    progress::step("envoy", |running| {
        let envoy = envoy::obtain(running)?;
        let said = format!("{} at {}", envoy.version, place::shown(&envoy.program));
        Ok((envoy, said))
    })
}

/// The filters of an Envoy, and what it answers besides.
pub(super) type Setting<'s> = (&'s [Value], Beside<'s>);

/// What an Envoy answers besides [`ANSWER`].
#[derive(Clone, Copy)]
pub(super) enum Beside<'s> {
    Nothing,
    /// Keys, as an issuer would: to itself.
    Keys(&'s str),
    /// That, to `tools/list`.
    List(&'s str),
    /// Nothing; but bundles are at this port.
    Bundles(u16),
}

/// The whole configuration of one Envoy.
pub(super) fn document(port: u16, admin: u16, (filters, beside): Setting<'_>) -> Value {
    let all = json!({"prefix": "/"});
    let (routes, clusters) = match beside {
        Beside::Nothing => (vec![answering(&all, ANSWER)], Vec::new()),
        Beside::Keys(keys) => {
            (vec![published(keys), answering(&all, ANSWER)], vec![cluster("idp", port)])
        }
        Beside::Bundles(at) => (vec![answering(&all, ANSWER)], vec![cluster("bundles", at)]),
        Beside::List(list) => {
            let listing = json!({"name": "mcp-method", "string_match": {"exact": "tools/list"}});
            let listing = json!({"prefix": "/", "headers": [listing]});
            (vec![answering(&listing, list), answering(&all, ANSWER)], Vec::new())
        }
    };
    let mut filters = filters.to_vec();
    filters.push(filter("buffer", "buffer.v3.Buffer", json!({"max_request_bytes": 1_048_576})));
    filters.push(filter("router", "router.v3.Router", json!({})));
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": STAT_PREFIX,
        "normalize_path": true,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "route_config": {
            "max_direct_response_body_size_bytes": 1_048_576,
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
        },
        "http_filters": filters,
    });
    let chain = json!({"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]});
    json!({
        "admin": {"address": address(admin)},
        "static_resources": {
            "listeners": [{"name": at(port), "address": address(port), "filter_chains": [chain]}],
            "clusters": clusters,
        },
    })
}

fn answering(matched: &Value, body: &str) -> Value {
    json!({
        "match": matched,
        "direct_response": {"status": 200, "body": {"inline_string": body}},
        "response_headers_to_add": [{
            "header": {"key": "content-type", "value": "application/json"},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }],
    })
}

/// Deputy does not stand before the keys.
fn published(keys: &str) -> Value {
    let off = json!({"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": true});
    let mut route = answering(&json!({"path": "/jwks"}), keys);
    if let Some(members) = route.as_object_mut() {
        let off = json!({"envoy.filters.http.wasm": off});
        members.insert("typed_per_filter_config".to_owned(), off);
    }
    route
}

fn cluster(name: &str, port: u16) -> Value {
    let endpoint = json!({"endpoint": {"address": address(port)}});
    json!({
        "name": name,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
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

/// Deputy, as examples/envoy-mcp/envoy.yaml has it, with one of the world's configurations.
pub(super) fn deputy(world: &World, configuration: &str) -> Result<Vec<Value>> {
    let module = world.module.display().to_string();
    Ok(vec![wasm("deputy", &module, &world.read(configuration)?, None)])
}

/// The same on a host that has no function to verify signatures with.
pub(super) fn deputy_alone(world: &World, configuration: &str) -> Result<Vec<Value>> {
    let module = world.module.display().to_string();
    let functions = CAPABILITIES.iter().map(|name| ((*name).to_owned(), json!({})));
    let allowed = Value::Object(functions.collect());
    Ok(vec![wasm("deputy", &module, &world.read(configuration)?, Some(&allowed))])
}

/// A module that does nothing.
pub(super) fn empty(world: &World) -> Vec<Value> {
    vec![wasm("empty", &world.file("empty.wasm").display().to_string(), "", None)]
}

/// Cedar and next to nothing around it.
pub(super) fn cedar_alone(world: &World, module: &Path) -> Result<Vec<Value>> {
    let policies = world.read("policies.cedar")?;
    Ok(vec![wasm("cedar-alone", &module.display().to_string(), &policies, None)])
}

fn wasm(name: &str, module: &str, configuration: &str, allowed: Option<&Value>) -> Value {
    let text =
        json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": configuration});
    let vm = json!({"runtime": "envoy.wasm.runtime.v8", "vm_id": name, "code": {"local": {"filename": module}}});
    let mut plugin = json!({
        "name": name, "root_id": name, "failure_policy": "FAIL_RELOAD", "allow_on_headers_stop_iteration": true,
        "vm_config": vm, "configuration": text,
    });
    if let (Some(allowed), Some(members)) = (allowed, plugin.as_object_mut()) {
        let restriction = json!({"allowed_capabilities": allowed});
        members.insert("capability_restriction_config".to_owned(), restriction);
    }
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

/// What Deputy and Envoy call of each other, but for `proxy_call_foreign_function`.
const CAPABILITIES: [&str; 42] = [
    "proxy_log",
    "proxy_get_current_time_nanoseconds",
    "proxy_set_tick_period_milliseconds",
    "proxy_set_effective_context",
    "proxy_get_property",
    "proxy_set_property",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_remove_header_map_value",
    "proxy_get_buffer_bytes",
    "proxy_set_buffer_bytes",
    "proxy_continue_stream",
    "proxy_send_local_response",
    "proxy_http_call",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "random_get",
    "proxy_on_context_create",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_tick",
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
    "proxy_on_http_call_response",
    "proxy_on_done",
    "proxy_on_log",
    "proxy_on_delete",
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_write",
    "proc_exit",
    "args_get",
    "args_sizes_get",
];

/// The answer to the `tools/call` that is measured, by its id.
pub(super) const ANSWER: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"refunded 40 EUR"}],"isError":false}}"#;
const STAT_PREFIX: &str = "bench";
const PAYLOAD: &str = "payload";
/// Requests that each of them has let through, by its own count.
pub(super) const ALLOWED_BY_RBAC: &str = "http.bench.rbac.allowed";
pub(super) const ALLOWED_BY_DEPUTY: &str = "wasmcustom.deputy.decision.allow";
pub(super) const REFUSED_BY_DEPUTY: &str = "wasmcustom.deputy.decision.deny";
/// Signatures that the host has verified for Deputy.
pub(super) const VERIFIED_BY_HOST: &str = "wasmcustom.deputy.signature.host";
