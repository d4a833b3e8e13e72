//! DPoP proofs of other libraries, at a real gateway: taken once, and nothing close to them is.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use host_tests::envoy::{Answer, Gateway, Listener, Plan};
use serde_json::{Value, json};

use crate::{example, list_orders, made_by, peers, python, script, staying};

#[test]
fn proofs_of_jose_and_of_a_dpop_client_are_taken_once_and_nothing_close_to_them_is() {
    judge(&proofs(Command::new("node").arg(script("prove.mjs")).arg(peers())), 8, false);
}

#[test]
fn proofs_of_joserfc_are_taken_once_and_nothing_close_to_them_is() {
    judge(&proofs(&mut python("prove.py", "joserfc")), 4, false);
}

/// It writes `EdDSA` for Ed25519.
#[test]
fn proofs_of_authlib_are_taken_once_and_nothing_close_to_them_is() {
    judge(&proofs(&mut python("prove.py", "authlib")), 4, true);
}

fn proofs(command: &mut Command) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": ISSUER, "sub": "nightly-report", "aud": ORIGIN, "client_id": "nightly-report",
        "iat": now - 5, "exp": now + 295, "scope": "orders",
    });
    let uri = format!("{ORIGIN}/mcp");
    made_by(command, &json!({"claims": claims, "method": "POST", "uri": uri, "now": now}))
}

fn judge(made: &Value, rounds: usize, eddsa_alias: bool) {
    let listener = gateway(&made["keys"], eddsa_alias);
    let all = made["rounds"].as_array().unwrap();
    assert_eq!(all.len(), rounds);
    for round in all {
        let (by, token) = (&round["by"], round["token"].as_str().unwrap());
        let refused = round["refused"].as_array().unwrap();
        let good = round["good"].as_array().unwrap();
        outcome(&listener, token, &good[0], &Value::Null, by);
        outcome(&listener, token, &good[0], &json!("dpop_replayed"), by);
        for pair in refused {
            outcome(&listener, token, &pair[1], &pair[0], by);
        }
        outcome(&listener, token, &good[1], &Value::Null, by);
    }
}

/// One request: what the client and the upstream saw of it, and its one receipt.
fn outcome(listener: &Listener, token: &str, proof: &Value, reason: &Value, by: &Value) {
    let before = (listener.upstream.seen().len(), listener.accesses().len());
    let request = list_orders(&format!("DPoP {token}")).header("dpop", proof.as_str().unwrap());
    let response = listener.send(&request);
    let access = listener.wait_accesses(before.1 + 1)[before.1].clone();
    let receipts = listener.receipts();
    assert_eq!(receipts.len(), before.1 + 1, "one receipt each");
    assert_eq!(access.receipt.as_ref(), receipts.last());
    let receipt: Value = serde_json::from_str(receipts.last().unwrap()).unwrap();
    assert_eq!(&receipt["reason"], reason, "{by}: {receipt}");
    let passed = reason.is_null();
    assert_eq!(response.status, if passed { 200 } else { 401 }, "{by}: {response:?}");
    let reached = listener.upstream.seen().len() - before.0;
    assert_eq!(reached, usize::from(passed), "{by}: what reached the upstream");
    if passed {
        assert_eq!(receipt["credential"]["bound"], "dpop", "{by}: {receipt}");
        assert_eq!(listener.upstream.seen().last().unwrap().header("dpop"), None);
    }
}

/// The example with proofs in every algorithm, and an issuer with those keys.
fn gateway(keys: &Value, eddsa_alias: bool) -> Listener {
    let gateway = Gateway::start(&Plan::new(staying().to_string()));
    let mut document = example();
    document["issuers"][0]["keys"] = json!({"inline": {"keys": keys}});
    let algorithms = ["ES256", "Ed25519", "PS256", "RS256"];
    let dpop = json!({"algorithms": algorithms, "eddsa_alias": eddsa_alias});
    document["proofs"] = json!({"origins": [ORIGIN], "dpop": dpop});
    let opened = gateway.open(Plan::new(document.to_string()));
    let listener = opened.unwrap_or_else(|refused| panic!("{refused}"));
    let nothing = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": []}});
    listener.upstream.answers(Answer::json(&nothing));
    listener
}

const ISSUER: &str = "https://idp.acme.example";
const ORIGIN: &str = "https://gateway.acme.example";
