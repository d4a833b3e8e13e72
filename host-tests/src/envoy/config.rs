//! Envoy configuration, written as JSON: listeners with the plugin, clusters, bootstrap.

use std::net::SocketAddr;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::journal::ACCESS;

/// One gateway to be: a plugin configuration, and what is around it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The plugin configuration.
    pub configuration: Vec<u8>,
    /// Clusters by the names the configuration gives them. These names are made the listener's own.
    pub clusters: Vec<(String, SocketAddr)>,
    /// `per_connection_buffer_limit_bytes`.
    pub buffer_limit: u32,
    /// What Envoy itself does to a request before any filter.
    pub front: Front,
    /// The listener's transport socket; none: no TLS.
    pub transport: Option<Value>,
    /// Members of the connection manager, over those it has here.
    pub manager: Value,
    /// HTTP filters before the plugin.
    pub before: Vec<Value>,
    /// Where permitted requests go, instead of the listener's own recording upstream.
    pub upstream: Option<SocketAddr>,
    /// Where it listens; none: at a port that nobody has.
    pub port: Option<u16>,
    /// Routes before the one that takes everything; they lead where it does.
    pub routes: Vec<Value>,
}

/// How much Envoy itself does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// As `examples/envoy-mcp/envoy.yaml` recommends.
    Recommended,
    /// As little as possible, so that the plugin gets what was sent; and requests count as https.
    Bare,
}

impl Plan {
    /// For that configuration, with the example's settings of Envoy.
    pub fn new(configuration: impl Into<Vec<u8>>) -> Self {
        let (configuration, buffer_limit) = (configuration.into(), 1024 * 1024);
        Self {
            configuration,
            clusters: Vec::new(),
            buffer_limit,
            front: Front::Recommended,
            transport: None,
            manager: json!({}),
            before: Vec::new(),
            upstream: None,
            port: None,
            routes: Vec::new(),
        }
    }

    /// With a cluster.
    #[must_use]
    pub fn cluster(mut self, name: &str, address: SocketAddr) -> Self {
        self.clusters.push((name.to_owned(), address));
        self
    }

    /// The configuration as the plugin gets it: with the listener's own cluster names. One that is
    /// not even JSON stays as it is.
    fn configuration_of(&self, name: &str) -> Vec<u8> {
        let mut text = match serde_json::from_slice::<Value>(&self.configuration) {
            Ok(_) => String::from_utf8_lossy(&self.configuration).into_owned(),
            Err(_) => return self.configuration.clone(),
        };
        for (cluster, _) in &self.clusters {
            for gap in ["", " "] {
                let (old, new) = (json!(cluster), json!(own(name, cluster)));
                text =
                    text.replace(&format!("\"cluster\":{gap}{old}"), &format!("\"cluster\":{new}"));
            }
        }
        text.into_bytes()
    }
}

/// The clusters of a listener.
pub(super) fn clusters(plan: &Plan, name: &str, recorder: SocketAddr) -> Vec<(String, Value)> {
    let mut all = vec![(own(name, UPSTREAM), plan.upstream.unwrap_or(recorder))];
    all.extend(plan.clusters.iter().map(|(cluster, address)| (own(name, cluster), *address)));
    all.into_iter().map(|(name, address)| (name.clone(), cluster(&name, address))).collect()
}

fn cluster(name: &str, address: SocketAddr) -> Value {
    let address = json!({
        "socket_address": {"address": address.ip().to_string(), "port_value": address.port()}
    });
    let options = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http_protocol_options": {"enable_trailers": true}},
    });
    json!({
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        // A test may have more requests under way than a gateway should.
        "circuit_breakers": {"thresholds": [
            {"max_connections": 4096, "max_pending_requests": 4096, "max_requests": 4096}
        ]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options
        },
        "load_assignment": {"cluster_name": name, "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": address}}]}
        ]},
    })
}

/// A listener with the plugin, on a port of its own.
pub(super) fn listener(
    plan: &Plan,
    (name, port): (&str, u16),
    module: &Path,
    access_log: &Path,
) -> Value {
    let mut http = http(name, access_log);
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": plan.front == Front::Bare,
        },
    });
    let plugin = wasm(plan, name, module);
    http["http_filters"] = plan.before.iter().cloned().chain([plugin, router]).collect();
    for over in [&front(plan.front), &plan.manager] {
        for (member, value) in over.as_object().into_iter().flatten() {
            http[member] = value.clone();
        }
    }
    let all = &mut http["route_config"]["virtual_hosts"][0]["routes"];
    let before = plan.routes.iter().cloned().map(|mut route| {
        route["route"]["cluster"] = own(name, UPSTREAM).into();
        route
    });
    *all = before.chain(all.as_array().cloned().into_iter().flatten()).collect();
    let mut chain = json!({"filters": [{
        "name": "envoy.filters.network.http_connection_manager", "typed_config": http,
    }]});
    if let Some(transport) = &plan.transport {
        chain["transport_socket"] = transport.clone();
    }
    json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": name,
        "stat_prefix": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "per_connection_buffer_limit_bytes": plan.buffer_limit,
        "filter_chains": [chain],
    })
}

fn http(name: &str, access_log: &Path) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "http_protocol_options": {"enable_trailers": true},
        "access_log": [{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": access_log,
                "log_format": {"text_format_source": {"inline_string": ACCESS}},
            },
        }],
        "route_config": {"virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{
                "match": {"prefix": "/"},
                "route": {"cluster": own(name, UPSTREAM), "timeout": "0s"},
            }],
        }]},
    })
}

fn front(front: Front) -> Value {
    match front {
        Front::Recommended => json!({
            "normalize_path": true,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        }),
        Front::Bare => json!({
            "generate_request_id": false,
            "server_header_transformation": "PASS_THROUGH",
            "scheme_header_transformation": {"scheme_to_overwrite": "https"},
            "max_request_headers_kb": 8192,
            "common_http_protocol_options": {"max_headers_count": 1000},
        }),
    }
}

/// As in the example; but a root context of its own for every listener, even where two have the same
/// configuration, so that one can be cold while another has its keys.
fn wasm(plan: &Plan, name: &str, module: &Path) -> Value {
    let configuration = match String::from_utf8(plan.configuration_of(name)) {
        Ok(text) => {
            json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text})
        }
        Err(bytes) => json!({
            "@type": "type.googleapis.com/google.protobuf.BytesValue",
            "value": STANDARD.encode(bytes.as_bytes()),
        }),
    };
    json!({
        "name": "deputy",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": name,
                "root_id": name,
                "failure_policy": "FAIL_RELOAD",
                "allow_on_headers_stop_iteration": true,
                "vm_config": {
                    "runtime": "envoy.wasm.runtime.v8",
                    "vm_id": "deputy",
                    "code": {"local": {"filename": module}},
                },
                "configuration": configuration,
            },
        },
    })
}

/// Listeners and clusters come from files that are replaced as a whole.
pub(super) fn dynamic_bootstrap(folder: &Path) -> Value {
    let source = |name: &str| {
        let watched = json!({"path": folder});
        json!({
            "resource_api_version": "V3",
            "path_config_source": {"path": folder.join(name), "watched_directory": watched},
        })
    };
    json!({
        "node": {"id": "deputy-test", "cluster": "deputy-test"},
        "admin": admin(),
        "dynamic_resources": {"lds_config": source(LISTENERS), "cds_config": source(CLUSTERS)},
    })
}

/// One listener, there from the start.
pub(super) fn static_bootstrap(listener: &Value, clusters: &[(String, Value)]) -> Value {
    let clusters = clusters.iter().map(|(_, cluster)| untyped(cluster)).collect::<Vec<_>>();
    let resources = json!({"listeners": [untyped(listener)], "clusters": clusters});
    json!({"admin": admin(), "static_resources": resources})
}

fn admin() -> Value {
    json!({"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}})
}

fn untyped(resource: &Value) -> Value {
    let mut resource = resource.clone();
    resource.as_object_mut().map(|members| members.remove("@type"));
    resource
}

/// The name of a listener's own cluster.
pub(super) fn own(listener: &str, cluster: &str) -> String {
    format!("{listener}-{cluster}")
}

pub(super) const LISTENERS: &str = "listeners.json";
pub(super) const CLUSTERS: &str = "clusters.json";
const UPSTREAM: &str = "upstream";
