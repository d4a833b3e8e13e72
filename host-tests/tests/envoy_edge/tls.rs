//! Certificates over real TLS: what Envoy tells the plugin of them, and what a client can't make it
//! believe.
//!
//! The certificates and the client are openssl's (`certificates`). What is made of a certificate that
//! was told of is for the cases.

use host_tests::envoy::Request;
use serde_json::{Value, json};

use crate::certificates::{self, Authority, Certificate};
use crate::front::Front;
use crate::secured::{
    AGENT, FRONT, GATEWAY, OTHER, REPORT, Scene, Told, bound_claims, bound_to, claiming, identify,
    report,
};
use crate::world::{World, call};

#[test]
fn a_certificate_identifies_its_workload_by_each_way_of_telling() {
    for told in
        [Told::ByFilterState, Told::ByHeader("SANITIZE_SET"), Told::ByHeader("APPEND_FORWARD")]
    {
        let scene = Scene::open(told);
        let receipt = scene.allows(&scene.agent, &report());
        assert_eq!(receipt["agent"]["id"], REPORT, "{told:?}");
        assert_eq!(receipt["credential"]["kind"], "x509-svid", "{told:?}");
        let thumbprint = format!("sha-256:{}", scene.agent.thumbprint());
        assert_eq!(receipt["credential"]["thumbprint"], thumbprint, "{told:?}");
        scene.still_works();
    }
}

#[test]
fn a_certificate_with_two_uris_is_refused_by_each_way_of_telling() {
    for told in
        [Told::ByFilterState, Told::ByHeader("SANITIZE_SET"), Told::ByHeader("APPEND_FORWARD")]
    {
        let scene = Scene::open(told);
        let orders = [[AGENT, OTHER], [OTHER, AGENT], [AGENT, "https://acme.example/"]];
        for (i, uris) in orders.iter().enumerate() {
            let two = scene.authority.issue(&format!("two-{i}"), uris);
            scene.refuses(Some(&two), &report(), (401, "certificate_refused"));
        }
        scene.still_works();
    }
}

#[test]
fn a_certificate_of_an_unknown_authority_gets_no_further_than_the_handshake() {
    let scene = Scene::open(Told::ByHeader("SANITIZE_SET"));
    let mark = scene.world.mark();
    let rogue = Authority::new().issue("rogue", &[AGENT]);
    assert!(scene.send(Some(&rogue), &report()).is_err(), "there is nobody to answer");
    assert!(scene.send(None, &report()).is_err(), "there is nobody to answer");
    assert_eq!(scene.world.listener.refused_handshakes(), (1, 1));
    scene.world.upstream_saw_nothing(&mark);
    assert_eq!(scene.world.listener.receipts().len(), mark.receipts, "nothing was decided");
    assert_eq!(scene.world.listener.accesses().len(), mark.accesses);
    scene.still_works();
}

/// What the operator asserts by `mtls_validated` is all there is: nothing in Envoy tells a plugin
/// whether a chain was verified.
#[test]
fn a_listener_that_accepts_any_chain_makes_anybody_whom_they_say() {
    let scene = Scene::unverified(Told::ByFilterState);
    let rogue = Authority::new().issue("rogue", &[AGENT]);
    let receipt = scene.allows(&rogue, &report());
    assert_eq!(receipt["agent"]["id"], REPORT, "asserted, and wrong");
    let thumbprint = format!("sha-256:{}", rogue.thumbprint());
    assert_eq!(receipt["credential"]["thumbprint"], thumbprint, "the record has the certificate");
}

/// Then a certificate is a key to which a token may be bound, for which no chain is needed (RFC 8705
/// §3).
#[test]
fn without_the_operators_word_no_certificate_identifies_anybody() {
    let scene = Scene::unverified(Told::Not);
    let rogue = Authority::new().issue("rogue", &[AGENT]);
    scene.refuses(Some(&rogue), &report(), (401, "no_credential"));
    scene.allows(&rogue, &bound_to(&scene, &rogue));
}

/// `require_client_certificate` without a `validation_context`.
#[test]
fn of_a_listener_that_does_not_say_whom_it_trusts_envoy_tells_no_certificate() {
    let told = Told::ByFilterState;
    let nothing = Value::Null;
    let scene = Scene::with(Authority::new(), &told.uris(), |plan| told.on(plan), &nothing);
    scene.refuses(Some(&scene.agent), &report(), (401, "no_credential"));
    let bound = bound_to(&scene, &scene.agent);
    scene.refuses(Some(&scene.agent), &bound, (401, "proof_of_possession_missing"));
    scene.still_works_with_a_token();
}

#[test]
fn a_client_that_writes_the_header_itself_speaks_for_nobody_else() {
    let unknown = (403, "agent_unknown");
    let refused = (401, "certificate_refused");
    for (mode, outcome) in [
        ("SANITIZE_SET", unknown),
        ("APPEND_FORWARD", unknown),
        ("FORWARD_ONLY", refused),
        ("ALWAYS_FORWARD_ONLY", refused),
        ("SANITIZE", (401, "no_credential")),
    ] {
        let scene = Scene::open(Told::ByHeader(mode));
        let thief = scene.authority.issue("thief", &[OTHER]);
        scene.refuses(Some(&thief), &claiming(&format!("By={GATEWAY};URI={AGENT}")), outcome);
        scene.refuses(Some(&thief), &claiming(&format!("uri=\"{AGENT}\"")), outcome);
        let open = claiming(&format!("By={GATEWAY};URI={AGENT};Subject=\""));
        // Nothing is appended to what can't be read.
        let outcome = if mode == "APPEND_FORWARD" { refused } else { outcome };
        scene.refuses(Some(&thief), &open, outcome);
        match mode {
            "SANITIZE_SET" | "APPEND_FORWARD" => scene.still_works(),
            _ => scene.still_works_with_a_token(),
        }
    }
}

#[test]
fn a_token_bound_to_a_certificate_is_worth_something_over_its_connection_only() {
    for told in [Told::Not, Told::ByFilterState] {
        let authority = Authority::new();
        let chains = json!({"trusted_ca": {"filename": authority.root()}});
        let scene = Scene::with(authority, &told.uris(), |plan| told.on(plan), &chains);
        // A certificate that names no agent, so that the token alone says who it is.
        let client = scene.authority.issue("client", &["https://client.acme.example/"]);
        let stolen = bound_to(&scene, &client);
        let receipt = scene.allows(&client, &stolen);
        assert_eq!(receipt["credential"]["bound"], "mtls", "{told:?}");
        assert_eq!(receipt["credential"]["key"], client.thumbprint(), "{told:?}");
        let thief = scene.authority.issue("thief", &["https://client.acme.example/"]);
        scene.refuses(Some(&thief), &stolen, (401, "certificate_mismatch"));
        let claimed = format!("Hash={}", "0a".repeat(32));
        let claimed = stolen.clone().header("x-forwarded-client-cert", claimed);
        scene.refuses(Some(&thief), &claimed, (401, "certificate_mismatch"));
        scene.world.still_works_by(|| {
            scene.allows(&client, &stolen);
        });
    }
}

#[test]
fn over_a_connection_without_tls_a_bound_token_is_worth_nothing() {
    let world = World::changed(|configuration| identify(configuration, &Value::Null), |plan| plan);
    let client = Authority::new().issue("client", &[OTHER]);
    let token = world.token_with(&bound_claims(&client));
    let request = call("get_order", &json!({"id": 1042}), &token);
    world.refuses(&request, 401, "proof_of_possession_missing");
    world.still_works();
}

#[test]
fn a_proxy_in_front_tells_of_its_clients_and_nobody_else_does() {
    let authority = Authority::new();
    let chains = json!({"trusted_ca": {"filename": authority.root()}});
    let uris = json!({"xfcc": "proxy", "proxy": FRONT});
    let keep = |plan| Told::ByHeader("FORWARD_ONLY").on(plan);
    let scene = Scene::with(authority, &uris, keep, &chains);
    let own = scene.authority.issue("front", &[FRONT]);
    let front = Front::before(scene.world.listener.address(), &own, &scene.authority.root());
    let through = |certificate: &Certificate, request: &Request| {
        let to = (front.address(), scene.authority.root());
        let mark = scene.world.mark();
        (mark, certificates::send((to.0, &to.1), Some(certificate), request).expect("an answer"))
    };
    let (mark, response) = through(&scene.agent, &report());
    scene.world.allowed(&mark, &response);
    let thief = scene.authority.issue("thief", &[OTHER]);
    let claimed = claiming(&format!("By={FRONT};Hash={};URI={AGENT}", "0a".repeat(32)));
    let (mark, response) = through(&thief, &claimed);
    scene.world.refused(&mark, &response, 403, "agent_unknown");
    let two = scene.authority.issue("two", &[AGENT, OTHER]);
    let (mark, response) = through(&two, &report());
    scene.world.refused(&mark, &response, 401, "certificate_refused");
    // Around the proxy, with the certificate of somebody else, and with the agent's own.
    scene.refuses(Some(&thief), &claimed, (401, "certificate_refused"));
    scene.refuses(Some(&scene.agent), &report(), (401, "no_credential"));
    let (mark, response) = through(&scene.agent, &report());
    scene.world.allowed(&mark, &response);
}
