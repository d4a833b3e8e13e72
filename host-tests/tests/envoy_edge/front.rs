//! An Envoy of its own in front of the gateway: it ends the clients' TLS, tells of their certificates,
//! and speaks TLS with a certificate of its own to the gateway.

use std::net::SocketAddr;
use std::path::Path;

use host_tests::envoy::{Admin, ONE_WORKER, Process, wait};
use serde_json::{Value, json};

use crate::certificates::Certificate;
use crate::secured::forwarding;

/// The process, until it is dropped.
pub(crate) struct Front {
    address: SocketAddr,
    _process: Process,
}

impl Front {
    pub(crate) fn before(gateway: SocketAddr, own: &Certificate, root: &Path) -> Self {
        let context = json!({
            "tls_certificates": [{
                "certificate_chain": {"filename": own.chain}, "private_key": {"filename": own.key},
            }],
            "validation_context": {"trusted_ca": {"filename": root}},
        });
        let resources = json!({
            "listeners": [listener(&context)],
            "clusters": [cluster(gateway, &context)],
        });
        let bootstrap = json!({
            "admin": {"address": at("127.0.0.1", 0)},
            "static_resources": resources,
        });
        let folder = tempfile::tempdir().unwrap();
        let mut process = Process::start(folder, &bootstrap, &ONE_WORKER);
        let admin = Admin::at(&process.admin());
        let words = || process.last_words();
        let listening = || admin.listener(NAME);
        let address = wait::until("the front", wait::PATIENCE, words, listening);
        Self { address, _process: process }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn listener(context: &Value) -> Value {
    let mut http = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": NAME,
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        }}],
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": NAME}}],
        }]},
    });
    for (member, value) in forwarding("SANITIZE_SET").as_object().unwrap() {
        http[member] = value.clone();
    }
    json!({
        "name": NAME,
        "address": at("127.0.0.1", 0),
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager", "typed_config": http,
            }],
            "transport_socket": tls("DownstreamTlsContext", &json!({
                "require_client_certificate": true, "common_tls_context": context,
            })),
        }],
    })
}

fn cluster(gateway: SocketAddr, context: &Value) -> Value {
    json!({
        "name": NAME,
        "type": "STATIC",
        "load_assignment": {"cluster_name": NAME, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": at(&gateway.ip().to_string(), gateway.port())}},
        ]}]},
        "transport_socket": tls("UpstreamTlsContext", &json!({"common_tls_context": context})),
    })
}

fn tls(side: &str, context: &Value) -> Value {
    let mut context = context.clone();
    context["@type"] =
        json!(format!("type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.{side}"));
    json!({"name": "envoy.transport_sockets.tls", "typed_config": context})
}

fn at(host: &str, port: u16) -> Value {
    json!({"socket_address": {"address": host, "port_value": port}})
}

const NAME: &str = "front";
