//! A gateway to throw things at: the engine as a host uses it, and keys that the targets have as well.
//!
//! Nothing of the engine is open here that is not open to every host. Whatever a target throws, the
//! engine must not panic, must come to an end, and must write a receipt that is JSON; what nobody with
//! a key has signed is never allowed.

use std::cell::RefCell;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deputy_engine::engine::Engine;
use deputy_engine::evidence::{Attribute, Head};
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, Disposition, Fetch, FetchReply, ReplyHeaders, Step};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::new(sound());
    /// And what it wants to fetch.
    static LEARNER: RefCell<(Engine, Vec<Fetch>)> = {
        let mut engine = sound();
        let fetches = engine.due(now());
        assert!(!fetches.is_empty());
        RefCell::new((engine, fetches))
    };
}

/// Judges a request of these headers, to a route that the agent may use; whether it is allowed.
pub fn allows(headers: &[(&str, &[u8])], attributes: Vec<(Attribute, Vec<u8>)>) -> bool {
    ENGINE.with_borrow_mut(|engine| judge(engine, headers, attributes))
}

/// One that allows what is good; or a target would only ever see how the first check refuses.
fn sound() -> Engine {
    let mut engine = engine();
    let bearer = format!("Bearer {}", token(&claims(&json!({}))));
    assert!(judge(&mut engine, &[("authorization", bearer.as_bytes())], Vec::new()));
    let (bound, proof) = (format!("DPoP {}", bound_token()), proof(&good_proof()));
    let headers = [("authorization", bound.as_bytes()), ("dpop", proof.as_bytes())];
    assert!(judge(&mut engine, &headers, Vec::new()));
    let element = format!("Hash={DIGEST};URI={WORKLOAD}");
    let header = [("x-forwarded-client-cert", element.as_bytes())];
    assert!(judge(&mut engine, &header, certificate_of(WORKLOAD)));
    engine
}

/// What the host says of a connection with a certificate of that URI.
pub fn certificate_of(uri: &str) -> Vec<(Attribute, Vec<u8>)> {
    let uri = uri.as_bytes().to_vec();
    let digest = (Attribute::CertificateDigest, DIGEST.into());
    vec![(Attribute::Mtls, vec![1]), digest, (Attribute::FirstUri, uri)]
}

/// Gives the gateway an answer of an issuer's server, and judges a good request of another afterwards.
pub fn learns(body: &[u8]) {
    LEARNER.with_borrow_mut(|(engine, fetches)| {
        for fetch in fetches.iter() {
            let (headers, body) = (ReplyHeaders::default(), body.to_vec());
            let reply = FetchReply::Answered { status: 200, headers, body };
            engine.absorb(fetch.clone(), reply, now());
            engine.finish_work(now());
        }
        let bearer = format!("Bearer {}", token(&claims(&json!({}))));
        assert!(judge(engine, &[("authorization", bearer.as_bytes())], Vec::new()));
    });
}

fn judge(
    engine: &mut Engine,
    headers: &[(&str, &[u8])],
    attributes: Vec<(Attribute, Vec<u8>)>,
) -> bool {
    let line: [(&str, &[u8]); 3] =
        [(":method", b"GET"), (":path", b"/v1/orders"), (":authority", b"gateway.acme.example")];
    let pairs = line.iter().chain(headers).map(|(n, v)| (n.as_bytes().to_vec(), v.to_vec()));
    let head = Head::from_pairs(pairs.collect()).with_attributes(attributes);
    let mut step = engine.begin(head, Arrival { now: now(), entropy: [7; 10] });
    for _ in 0..MOST_STEPS {
        step = match step {
            Step::Fetch(need) => need.give_up(now()),
            Step::Body(need) => need.provide(engine, Vec::new(), now()),
            Step::Recall(need) => need.provide(engine, None, now()),
            Step::Remember(need) => need.stored(engine, now()),
            Step::Publish(_) => return false,
            Step::Decided(outcome) => {
                let receipt: Value = serde_json::from_str(&outcome.receipt.to_json()).unwrap();
                assert_eq!(receipt["verdict"], outcome.verdict);
                let forwarded = matches!(outcome.disposition, Disposition::Forward(_));
                assert_eq!(forwarded, outcome.verdict == "allow");
                return forwarded;
            }
        };
    }
    panic!("no end after {MOST_STEPS} steps");
}

/// The claims of a token that is allowed, with these over them.
fn claims(over: &Value) -> String {
    let mut all = json!({
        "iss": ISSUER, "sub": "bot", "aud": "https://gateway.acme.example", "client_id": "bot",
        "iat": NOW - 10, "exp": NOW + 290, "jti": "1", "scope": "orders",
    });
    for (name, value) in over.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    all.to_string()
}

/// An access token with these claims, whatever they are, and a good signature.
pub fn token(claims: &str) -> String {
    let header = json!({"alg": "Ed25519", "typ": "at+jwt", "kid": "1"});
    signed(&key("issuer"), &header.to_string(), claims)
}

/// One that is bound to the client's key.
pub fn bound_token() -> String {
    let x = jwk("client")["x"].clone();
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{x}}}"#);
    token(&claims(&json!({"cnf": {"jkt": URL_SAFE_NO_PAD.encode(Sha256::digest(members))}})))
}

fn good_proof() -> String {
    let uri = "https://gateway.acme.example/v1/orders";
    let ath = digest(&bound_token());
    json!({"jti": "1", "htm": "GET", "htu": uri, "iat": NOW, "ath": ath}).to_string()
}

/// A DPoP proof with these claims, whatever they are, by the client's key.
pub fn proof(claims: &str) -> String {
    let header = json!({"alg": "Ed25519", "typ": "dpop+jwt", "jwk": jwk("client")});
    signed(&key("client"), &header.to_string(), claims)
}

fn jwk(name: &str) -> Value {
    let x = URL_SAFE_NO_PAD.encode(key(name).verifying_key().to_bytes());
    json!({"kty": "OKP", "crv": "Ed25519", "x": x})
}

/// SHA-256 of a token, as `ath` has it.
pub fn digest(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}

fn signed(key: &SigningKey, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes());
    format!("{message}.{signature}")
}

/// A key made from a name: the same everywhere, and nobody's.
fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(name).into())
}

fn now() -> Timestamp {
    Timestamp::from_unix_millis(NOW * 1000)
}

fn engine() -> Engine {
    let mut keys = jwk("issuer");
    keys["kid"] = json!("1");
    let agent = |id: &str| json!({"id": id, "owner": "team", "status": "active"});
    let mut bot = agent(&format!("{ISSUER}#bot"));
    bot["spiffe"] = json!(WORKLOAD);
    let document = json!({
        "version": 1,
        "gateway": {"audience": "https://gateway.acme.example"},
        "issuers": [
            {"issuer": ISSUER, "algorithms": ["Ed25519"], "keys": {"inline": {"keys": [keys]}}},
            {"issuer": "https://fetched.example", "algorithms": ["Ed25519", "ES256", "RS256", "PS256"],
             "keys": {"fetch": {"cluster": "idp", "authority": "idp.example", "path": "/jwks"}}},
        ],
        "proofs": {"origins": ["https://gateway.acme.example"], "dpop": {}},
        "client_certificates": {"mtls_validated": true, "uris": {"xfcc": "listener"}},
        "trust_domains": [{"name": "acme.example", "accepts": ["x509-svid"]}],
        "bot_directories": [{"signature_agent": BOTS, "keys": {"keys": [jwk("bot")]}}],
        "authorization_details_types": ["orders"],
        "agents": [bot],
        "http": [{"method": "GET", "path": "/v1/orders", "action": "orders:read", "resource": "orders"}],
        "policy": {"revision": 1, "files": [{"name": "all", "text": "@id(\"all\") permit (principal, action, resource);"}]},
    });
    Engine::new(document.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

const ISSUER: &str = "https://idp.acme.example";
const WORKLOAD: &str = "spiffe://acme.example/bot";
const BOTS: &str = "https://bots.example";
/// What the clock says, always: on 2026-11-23.
const NOW: u64 = 1_795_457_870;
/// Of a certificate.
const DIGEST: &str = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
const MOST_STEPS: u32 = 64;
