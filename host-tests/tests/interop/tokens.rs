//! Tokens of other libraries, in every algorithm.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use deputy_engine::engine::Engine;
use deputy_engine::evidence::Head;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, Step};
use serde_json::{Value, json};

use crate::{example, made_by, peers, python, script};

const ISSUER: &str = "https://idp.acme.example";
const ALGORITHMS: [&str; 4] = ["ES256", "RS256", "PS256", "Ed25519"];

#[test]
fn tokens_of_jose_verify_and_nothing_close_to_them_does() {
    judge(&minted(Command::new("node").arg(script("mint.mjs")).arg(peers())), false);
}

#[test]
fn tokens_of_joserfc_verify_and_nothing_close_to_them_does() {
    judge(&minted(&mut python("mint.py", "joserfc")), false);
}

/// It writes `EdDSA` for Ed25519, as most do that are older than RFC 9864.
#[test]
fn tokens_of_authlib_verify_and_nothing_close_to_them_does() {
    judge(&minted(&mut python("mint.py", "authlib")), true);
}

fn minted(command: &mut Command) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": ISSUER, "sub": "dana", "aud": "https://gateway.acme.example",
        "client_id": "refund-bot", "iat": now - 5, "exp": now + 295, "jti": "of a peer",
        "scope": "orders", "act": {"iss": ISSUER, "sub": "refund-bot"},
    });
    made_by(command, &claims)
}

fn judge(made: &Value, eddsa_alias: bool) {
    let mut document = example();
    document["issuers"][0]["algorithms"] = json!(ALGORITHMS);
    document["issuers"][0]["eddsa_alias"] = json!(eddsa_alias);
    document["issuers"][0]["keys"] = json!({"inline": {"keys": made["keys"]}});
    let mut engine = Engine::new(document.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    for algorithm in ALGORITHMS {
        let token = made["tokens"][algorithm].as_str().unwrap();
        let receipt = decided(&mut engine, token);
        assert_eq!(receipt["verdict"], "allow", "{algorithm}: {receipt}");
        assert_eq!(receipt["agent"]["id"], format!("{ISSUER}#refund-bot"));
        for (forged, reason) in forgeries(token, made) {
            let receipt = decided(&mut engine, &forged);
            assert_eq!(receipt["reason"], reason, "{algorithm}: {receipt}");
            assert_eq!(receipt["agent"], Value::Null);
        }
    }
}

/// A flipped bit in the signature, another claim, and another key's signature.
fn forgeries(token: &str, made: &Value) -> Vec<(String, &'static str)> {
    let parts: Vec<&str> = token.split('.').collect();
    let flip = |text: &str| {
        let other = if text.starts_with('A') { "B" } else { "A" };
        format!("{other}{}", text.get(1..).unwrap())
    };
    let others = ALGORITHMS.iter().filter_map(|name| made["tokens"][name].as_str());
    let foreign = others.filter(|other| *other != token).map(|other| {
        let signature = other.rsplit('.').next().unwrap();
        (format!("{}.{}.{signature}", parts[0], parts[1]), "signature_invalid")
    });
    let flipped = format!("{}.{}.{}", parts[0], parts[1], flip(parts[2]));
    foreign.chain([(flipped, "signature_invalid")]).collect()
}

fn decided(engine: &mut Engine, token: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = Timestamp::from_unix_millis(u64::try_from(now).unwrap());
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"name": "get_order", "arguments": {"id": 1042}, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let authorization = format!("Bearer {token}");
    let headers = [
        (":method", "POST"),
        (":path", "/mcp"),
        (":authority", "gateway.acme.example"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "get_order"),
        ("authorization", authorization.as_str()),
    ];
    let pairs = headers.map(|(name, value)| (name.into(), value.into())).to_vec();
    let step = match engine.begin(Head::from_pairs(pairs), Arrival { now, entropy: [7; 10] }) {
        Step::Body(need) => need.provide(engine, body.to_string().into_bytes(), now),
        step => step,
    };
    let Step::Decided(outcome) = step else { panic!("not decided: {step:?}") };
    serde_json::from_str(&outcome.receipt.to_json()).unwrap()
}
