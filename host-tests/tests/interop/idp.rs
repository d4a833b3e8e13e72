//! A gateway that finds the keys of an identity provider by its metadata, and follows them.

use std::thread;
use std::time::{Duration, Instant};

use host_tests::envoy::{Answer, Gateway, Listener, Plan, wait};
use serde_json::json;

use crate::provider::Provider;
use crate::{example, list_orders, staying};

/// The engine's: an unknown key is looked for once a minute at most.
const FLOOR: Duration = Duration::from_secs(60);

#[test]
fn an_identity_provider_is_discovered_and_its_rotation_costs_no_good_request() {
    let mut idp = Provider::start();
    let listener = gateway(&idp);
    wait::until("keys on every worker", FLOOR, String::new, || {
        let token = idp.token();
        let mut all = true;
        listener.on_every_worker(1, |l| all &= l.send(&list_orders(&bearer(&token))).status == 200);
        all.then_some(())
    });
    let learned = Instant::now();
    let old = idp.token();
    let mut good = 0;
    while learned.elapsed() < FLOOR + Duration::from_secs(2) {
        good += served(&listener, &idp.token());
        thread::sleep(Duration::from_millis(250));
    }
    let rotated = idp.say("rotate");
    let rotation = Instant::now();
    while rotation.elapsed() < Duration::from_secs(3) {
        let token = idp.token();
        assert_eq!(key_id(&token), rotated["kid"], "the provider signs with its new key");
        // Each of two workers learns the new key from the first request that needs it.
        listener.on_every_worker(1, |l| good += served(l, &token));
        good += served(&listener, &old);
    }
    assert!(good > 100, "{good} good requests");
    let seen = idp.say("seen");
    let asked = |path: &str| seen[path].as_u64().unwrap_or_default();
    let metadata = asked("/.well-known/oauth-authorization-server")
        + asked("/.well-known/openid-configuration");
    // Two workers, the main thread, and once more each for the new key.
    assert!((2..=6).contains(&metadata) && (4..=9).contains(&asked("/jwks")), "{seen}");
}

/// Serves it, without exception.
fn served(listener: &Listener, token: &str) -> u32 {
    let response = listener.send(&list_orders(&bearer(token)));
    assert_eq!(response.status, 200, "{response:?} {:?}", listener.receipts().last());
    1
}

/// The example, with the provider for its issuer.
fn gateway(idp: &Provider) -> Listener {
    let gateway = Gateway::start(&Plan::new(staying().to_string()));
    let text = example().to_string().replace("https://idp.acme.example", &idp.issuer);
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document["issuers"][0]["algorithms"] = json!(["RS256"]);
    document["issuers"][0]["keys"] =
        json!({"discover": {"cluster": "idp", "authority": idp.authority()}});
    let plan = Plan::new(document.to_string()).cluster("idp", idp.address());
    let listener = gateway.open(plan).unwrap_or_else(|refused| panic!("{refused}"));
    let nothing = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}});
    listener.upstream.answers(Answer::json(&nothing));
    listener
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn key_id(token: &str) -> serde_json::Value {
    use base64::Engine as _;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    serde_json::from_slice::<serde_json::Value>(&header).unwrap()["kid"].clone()
}
