//! A gateway behind real TLS, and what its clients send.

use std::io;

use host_tests::envoy::{Plan, Request, Response};
use serde_json::{Value, json};

use crate::certificates::{self, Authority, Certificate};
use crate::world::{World, call};

/// Who tells of the URIs in a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// The filter state, written by a filter before the plugin.
    ByFilterState,
    /// `x-forwarded-client-cert`, in that mode of Envoy.
    ByHeader(&'static str),
    /// Nobody.
    Not,
}

/// A listener with TLS and Deputy, and an agent with a certificate.
pub(crate) struct Scene {
    pub(crate) authority: Authority,
    pub(crate) world: World,
    pub(crate) agent: Certificate,
}

impl Scene {
    /// The listener verifies chains.
    pub(crate) fn open(told: Told) -> Self {
        let authority = Authority::new();
        let chains = json!({"trusted_ca": {"filename": authority.root()}});
        Self::with(authority, &told.uris(), |plan| told.on(plan), &chains)
    }

    /// The listener has an authority, and lets anybody in.
    pub(crate) fn unverified(told: Told) -> Self {
        let authority = Authority::new();
        let root = json!({"filename": authority.root()});
        let any = json!({"trusted_ca": root, "trust_chain_verification": "ACCEPT_UNTRUSTED"});
        Self::with(authority, &told.uris(), |plan| told.on(plan), &any)
    }

    /// `validation`: the listener's `validation_context`.
    pub(crate) fn with(
        authority: Authority,
        uris: &Value,
        plan: impl FnOnce(Plan) -> Plan,
        validation: &Value,
    ) -> Self {
        let own = authority.issue("gateway", &[GATEWAY]);
        let transport = transport(&own, validation);
        let world = World::changed(
            |configuration| identify(configuration, uris),
            |made| plan(Plan { transport: Some(transport), ..made }),
        );
        let agent = authority.issue("agent", &[AGENT]);
        Self { authority, world, agent }
    }

    pub(crate) fn send(
        &self,
        certificate: Option<&Certificate>,
        request: &Request,
    ) -> io::Result<Response> {
        let root = self.authority.root();
        certificates::send((self.world.listener.address(), &root), certificate, request)
    }

    pub(crate) fn allows(&self, certificate: &Certificate, request: &Request) -> Value {
        let mark = self.world.mark();
        let response = self.send(Some(certificate), request).expect("an answer");
        self.world.allowed(&mark, &response);
        serde_json::from_str(self.world.listener.receipts().last().unwrap()).unwrap()
    }

    pub(crate) fn refuses(
        &self,
        certificate: Option<&Certificate>,
        request: &Request,
        (status, reason): (u16, &str),
    ) {
        let mark = self.world.mark();
        let response = self.send(certificate, request).expect("an answer");
        self.world.refused(&mark, &response, status, reason);
    }

    /// A good request of the agent by its certificate.
    pub(crate) fn still_works(&self) {
        self.world.still_works_by(|| {
            self.allows(&self.agent, &report());
        });
    }

    /// The same where a certificate identifies nobody.
    pub(crate) fn still_works_with_a_token(&self) {
        self.world.still_works_by(|| {
            self.allows(&self.agent, &self.world.good());
        });
    }
}

impl Told {
    pub(crate) fn uris(self) -> Value {
        match self {
            Self::ByFilterState => json!({"filter_state": "deputy.uris"}),
            Self::ByHeader(_) => json!({"xfcc": "listener"}),
            Self::Not => Value::Null,
        }
    }

    pub(crate) fn on(self, mut plan: Plan) -> Plan {
        match self {
            Self::ByFilterState => plan.before.push(uris_into_filter_state()),
            Self::ByHeader(mode) => plan.manager = forwarding(mode),
            Self::Not => {}
        }
        plan
    }
}

/// A workload that acts for itself.
pub(crate) fn report() -> Request {
    call("list_orders", &json!({"customer": 7}), "").without("authorization")
}

/// The same with a header of the client's own.
pub(crate) fn claiming(header: &str) -> Request {
    report().header("x-forwarded-client-cert", header)
}

/// A call with a token that is bound to that certificate.
pub(crate) fn bound_to(scene: &Scene, certificate: &Certificate) -> Request {
    let token = scene.world.token_with(&bound_claims(certificate));
    call("get_order", &json!({"id": 1042}), &token)
}

pub(crate) fn bound_claims(certificate: &Certificate) -> Value {
    json!({
        "sub": "dana", "client_id": "refund-bot",
        "act": {"iss": "https://idp.acme.example", "sub": "refund-bot"},
        "cnf": {"x5t#S256": certificate.thumbprint()},
    })
}

/// The trust domain, the agent of a workload, and who tells of certificates.
pub(crate) fn identify(configuration: &mut Value, uris: &Value) {
    configuration["trust_domains"] = json!([{"name": "acme.example", "accepts": ["x509-svid"]}]);
    let agents = configuration["agents"].as_array_mut().unwrap();
    agents.iter_mut().find(|agent| agent["id"] == REPORT).unwrap()["spiffe"] = json!(AGENT);
    configuration["client_certificates"] = match uris {
        Value::Null => json!({}),
        uris => json!({"mtls_validated": true, "uris": uris}),
    };
}

fn transport(own: &Certificate, validation: &Value) -> Value {
    let mut context = json!({"tls_certificates": [{
        "certificate_chain": {"filename": own.chain}, "private_key": {"filename": own.key},
    }]});
    if !validation.is_null() {
        context["validation_context"] = validation.clone();
    }
    json!({"name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": true,
        "common_tls_context": context,
    }})
}

/// As docs/configuration.md has it.
fn uris_into_filter_state() -> Value {
    json!({"name": "envoy.filters.http.set_filter_state", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
        "on_request_headers": [{
            "object_key": "deputy.uris",
            "factory_key": "envoy.string",
            "format_string": {
                "text_format_source": {"inline_string": "%DOWNSTREAM_PEER_URI_SAN%"},
                "omit_empty_values": true,
            },
        }],
    }})
}

/// As docs/configuration.md has it.
pub(crate) fn forwarding(mode: &str) -> Value {
    json!({
        "forward_client_cert_details": mode,
        "set_current_client_cert_details": {"uri": true},
    })
}

pub(crate) const REPORT: &str = "https://idp.acme.example#nightly-report";
pub(crate) const AGENT: &str = "spiffe://acme.example/nightly-report";
pub(crate) const OTHER: &str = "spiffe://acme.example/other";
pub(crate) const GATEWAY: &str = "spiffe://acme.example/gateway";
pub(crate) const FRONT: &str = "spiffe://acme.example/front";
