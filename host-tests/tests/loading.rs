//! A bundle of any length is taken in by small steps: until all of it is good, the one before decides, and
//! nothing that is wrong with it, however late it shows, changes that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use deputy_engine::engine::Engine;
use deputy_engine::evidence::Head;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, Fetch, FetchReply, ReplyHeaders, Step, Work};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

const NOW: u64 = 1_795_457_870_204;

fn now() -> Timestamp {
    Timestamp::from_unix_millis(NOW)
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn jwk() -> Value {
    let x = BASE64URL.encode(key().verifying_key().as_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "kid": "signer", "x": x})
}

fn engine() -> Engine {
    let configuration = json!({
        "version": 1,
        "gateway": {"audience": "https://gateway.example"},
        "issuers": [{
            "issuer": "https://idp.example", "algorithms": ["Ed25519"], "keys": {"inline": {"keys": [jwk()]}},
        }],
        "bundle": {
            "keys": {"keys": [jwk()]},
            "fetch": {"cluster": "bundles", "authority": "bundles.example", "path": "/b"},
        },
    });
    Engine::new(configuration.to_string().as_bytes()).unwrap()
}

/// Contents with that many policies, each with an agent of its own.
fn contents(revision: u64, count: usize) -> Value {
    let agents: Vec<_> = (0..count)
        .map(|n| json!({"id": format!("https://idp.example#a{n}"), "owner": "team", "status": "active"}))
        .collect();
    let policies: String = (0..count)
        .map(|n| {
            format!(
                "// one; of many\n@id(\"p{n}\") permit (principal == Agent::\"https://idp.example#a{n}\", action, \
                 resource) when {{ context.grant.scopes.contains(\"a;b\") }};\n"
            )
        })
        .collect();
    json!({
        "version": 1, "revision": revision, "issued_at": "2026-11-23T18:00:00Z", "expires": "2027-11-23T18:00:00Z",
        "agents": agents, "policies": [{"name": "many.cedar", "text": policies}],
        "http": [{"method": "GET", "path": "/orders", "action": "orders:list", "resource": "orders"}],
    })
}

fn signed(contents: &str) -> String {
    let header = json!({"alg": "Ed25519", "kid": "signer", "typ": "deputy-bundle+jwt"});
    let message =
        format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(contents));
    let signature = key().sign(message.as_bytes());
    format!("{message}.{}", BASE64URL.encode(signature.to_bytes()))
}

/// Hands a bundle to the engine without any work on it.
fn offer(engine: &mut Engine, document: String, after: u64) -> Fetch {
    let now = Timestamp::from_unix_millis(NOW + after);
    let [fetch] = &engine.due(now)[..] else { panic!("a bundle is due") };
    let body = document.into_bytes();
    let reply = FetchReply::Answered { status: 200, headers: ReplyHeaders::default(), body };
    engine.absorb(fetch.clone(), reply, now);
    fetch.clone()
}

/// Works until it is settled: how many steps that took, and what the engine says of it.
fn settle(engine: &mut Engine, fetch: &Fetch) -> (usize, Option<String>) {
    let mut steps = 0;
    while engine.is_at_work() {
        engine.work(now());
        steps += 1;
    }
    (steps, engine.fetch_error(fetch))
}

/// The revision that a request without a credential is refused by.
fn revision(engine: &mut Engine) -> u64 {
    let pairs = [(":method", "GET"), (":path", "/orders"), (":authority", "gateway.example")];
    let head = Head::from_pairs(pairs.map(|(name, value)| (name.into(), value.into())).to_vec());
    let step = engine.begin(head, Arrival { now: now(), entropy: [7; 10] });
    let Step::Decided(outcome) = step else { panic!("{step:?}") };
    let receipt: Value = serde_json::from_str(&outcome.receipt.to_json()).unwrap();
    assert_eq!(receipt["reason"], "no_credential");
    receipt["revision"].as_u64().unwrap()
}

fn with_first() -> Engine {
    let mut engine = engine();
    let fetch = offer(&mut engine, signed(&contents(1, 2).to_string()), 0);
    assert_eq!(settle(&mut engine, &fetch).1, None);
    engine.finish_work(now());
    engine
}

#[test]
fn until_all_of_a_bundle_is_good_the_one_before_decides() {
    let mut engine = with_first();
    let fetch = offer(&mut engine, signed(&contents(2, 400).to_string()), 60_000);
    let mut steps = 0;
    loop {
        assert_eq!(revision(&mut engine), 1);
        steps += 1;
        match engine.work(now()) {
            Work::More => assert!(engine.is_at_work()),
            Work::Settled => break,
            Work::Nothing => panic!("it was not settled"),
        }
    }
    assert!(steps > 50, "{steps}");
    assert_eq!(revision(&mut engine), 2);
    assert_eq!(engine.fetch_error(&fetch), None);
    // What was in force before is given up bit by bit; then there is nothing left to do.
    let bits = (0..100).take_while(|_| engine.work(now()) == Work::More).count();
    assert!((1..100).contains(&bits), "{bits}");
    assert_eq!(engine.work(now()), Work::Nothing);
}

#[test]
fn while_a_bundle_is_worked_on_no_other_is_asked_for() {
    let mut engine = with_first();
    let fetch = offer(&mut engine, signed(&contents(2, 50).to_string()), 60_000);
    assert_eq!(engine.work(now()), Work::More);
    assert!(engine.due(Timestamp::from_unix_millis(NOW + 3_000_000)).is_empty());
    settle(&mut engine, &fetch);
    assert_eq!(engine.due(Timestamp::from_unix_millis(NOW + 3_000_000)).len(), 1);
}

#[test]
fn a_request_that_needs_the_first_bundle_waits_for_it_while_it_is_worked_on() {
    let mut engine = engine();
    let fetch = offer(&mut engine, signed(&contents(1, 50).to_string()), 0);
    let head = || {
        let pairs = [(":method", "GET"), (":path", "/orders"), (":authority", "gateway.example")];
        Head::from_pairs(pairs.map(|(name, value)| (name.into(), value.into())).to_vec())
    };
    let step = engine.begin(head(), Arrival { now: now(), entropy: [7; 10] });
    let Step::Fetch(need) = step else { panic!("{step:?}") };
    assert_eq!(need.fetch(), &fetch);
    settle(&mut engine, &fetch);
    assert_eq!(revision(&mut engine), 1);
}

/// What is wrong, told when it is found, and nothing changed by it.
fn refused(document: String) -> String {
    let mut engine = with_first();
    let fetch = offer(&mut engine, document, 60_000);
    let (_, error) = settle(&mut engine, &fetch);
    assert_eq!(revision(&mut engine), 1);
    error.expect("it is refused")
}

#[test]
fn whatever_is_wrong_is_told_with_its_place_and_changes_nothing() {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut contents = contents(2, 30);
        change(&mut contents);
        refused(signed(&contents.to_string()))
    };
    let error = changed(&|contents| contents["agents"][29]["id"] = "https://idp.example#a3".into());
    assert!(error.contains("bundle.agents[29].id: is the id of another agent as well"), "{error}");
    let error = changed(&|contents| contents["agents"][29]["status"] = "gone".into());
    assert!(error.contains("bundle.agents[29].status: must be active"), "{error}");
    let error = changed(&|contents| contents["agents"] = json!({}));
    assert!(error.contains("bundle.agents: must be an array"), "{error}");
    let error = changed(&|contents| contents["policies"] = json!({}));
    assert!(error.contains("bundle.policies: must be an array"), "{error}");
    let error = changed(&|contents| contents["policies"][0]["text"] = "permit (".into());
    assert!(error.contains("many.cedar:1:"), "{error}");
    let error = changed(&|contents| {
        let text = contents["policies"][0]["text"].as_str().unwrap();
        let text = format!(
            "{text}\n@id(\"late\") permit (principal, action, resource) when {{ context.nothing }};"
        );
        contents["policies"][0]["text"] = text.into();
    });
    assert!(error.contains("many.cedar:62:"), "{error}");
    let error = changed(&|contents| contents["revision"] = 0.into());
    assert!(error.contains("revision 0 is older than revision 1"), "{error}");
    let error = changed(&|contents| contents["expires"] = "2026-11-23T18:00:01Z".into());
    assert!(error.contains("revision 2 has expired"), "{error}");
    let error = changed(&|contents| contents["unknown"] = 1.into());
    assert!(error.contains("bundle.unknown: is not known here"), "{error}");
}

#[test]
fn a_document_that_is_no_json_or_not_signed_is_refused() {
    let text = contents(2, 3).to_string();
    let doubled = text.replacen("\"agents\":", "\"Version\":1,\"agents\":", 1);
    assert!(refused(signed(&doubled)).contains("a parser may take for the same"));
    assert!(refused(signed(&format!("{text}}}"))).contains("is not one JSON value"));
    assert!(refused(format!("{}AAAA", signed(&text))).contains("signature"));
    let (of_other, good) = (signed(&contents(2, 4).to_string()), signed(&text));
    let (message, _) = good.rsplit_once('.').unwrap();
    let (_, signature) = of_other.rsplit_once('.').unwrap();
    assert!(refused(format!("{message}.{signature}")).contains("signature"));
}

#[test]
fn what_another_worker_has_taken_meanwhile_is_not_undone() {
    let mut engine = with_first();
    let fetch = offer(&mut engine, signed(&contents(2, 30).to_string()), 60_000);
    engine.work(now());
    // Elsewhere revision 3 has been taken.
    let mut other = with_first();
    let theirs = offer(&mut other, signed(&contents(3, 2).to_string()), 60_000);
    settle(&mut other, &theirs);
    let name = other.common().into_iter().find(|name| name.contains("newest")).unwrap();
    let written = other.join(&name, None).write.expect("it tells what it has");
    engine.join(&name, Some(&written));
    let (_, error) = settle(&mut engine, &fetch);
    assert!(error.unwrap().contains("revision 2 is older than revision 3"));
    assert_eq!(revision(&mut engine), 1);
}
