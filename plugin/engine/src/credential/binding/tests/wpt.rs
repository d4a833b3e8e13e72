//! Workload Proof Tokens: the vector of the draft, and one defect at a time.

use serde_json::{Value, json};

use super::super::wpt::{Request, WptRules};
use super::super::{Proven, digest};
use super::{NOW, at, jwk, patched, signed, targets, trust};
use crate::credential::jws::Jws;
use crate::decision::Reason;
use crate::json::{Limits, Object, read};
use crate::trust::testing::Signer;
use crate::trust::{Algorithm, Key};

const WIT: &str = "a.workload.token";
const ACCESS: &str = "an.access.token";
const URI: &str = "https://gateway.acme.example/mcp";

fn rules() -> WptRules {
    WptRules { audiences: vec!["urn:acme:gateway".to_owned()], max_seconds: 300 }
}

fn object(value: &Value) -> Object {
    let limits = Limits { bytes: 2000, depth: 4, items: 20 };
    read(value.to_string().as_bytes(), &limits).unwrap().as_object().unwrap().clone()
}

fn verify(proof: &str, transaction: Option<&str>, now: u64) -> Result<Proven, Reason> {
    let key = Key::of_sender(&object(&jwk(&Signer::ed25519(7))), Algorithm::Ed25519).unwrap();
    let targets = targets("https://gateway.acme.example", "/mcp");
    let request = Request {
        targets: &targets,
        identity: WIT,
        key: &key,
        alg: "Ed25519",
        access: Some(ACCESS),
        transaction,
    };
    rules().verify(proof, &request, &trust(), at(now))
}

fn proof(header: &Value, claims: &Value) -> String {
    let good = json!({"typ": "wpt+jwt", "alg": "Ed25519"});
    let said = json!({
        "aud": URI, "exp": NOW + 60, "jti": "w-1", "wth": digest(WIT), "ath": digest(ACCESS),
    });
    signed(&patched(good, header), &patched(said, claims), &Signer::ed25519(7))
}

#[test]
fn the_proof_of_the_draft_holds() {
    const WIT: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6Ikp1bmUgNSIsInR5cCI6IndpdCtqd3QifQ.eyJjbmYiOnsiandrIjp7ImFsZyI6IkVkRFNBIiwiY3J2IjoiRWQyNTUxOSIsImt0eSI6Ik9LUCIsIngiOiIxQ1hYdmZsTl9MVlZzSXNZWHNVdkIwM0ptbEdXZUNIcVFWdW91Q0Y5MmJnIn19LCJleHAiOjE3NDU1MTI1MTAsImlhdCI6MTc0NTUwODkxMCwianRpIjoieC1fMUNUTDJjY2EzQ1NFNGN3Yl9sIiwic3ViIjoid2ltc2U6Ly9leGFtcGxlLmNvbS9zcGVjaWZpYy13b3JrbG9hZCJ9.6KraSQUxWdl9dxFQ3Fj6dPY0Vi88OkwFwZpAIOhLeq6AbXAnLLQgOp8U9UDGcBuYF3KiNv6oKQD1ZWAzrMZOJw";
    const WPT: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IndwdCtqd3QifQ.eyJhdGgiOiJDTDR3amZwUm1OZi1iZFlJYllMblY5ZDVyTUFSR3dLWUUxMHdVd3pDMGpJIiwiYXVkIjoiaHR0cHM6Ly93b3JrbG9hZC5leGFtcGxlLmNvbS9wYXRoIiwiZXhwIjoxNzQ1NTEwMDE2LCJqdGkiOiJfX2J3YzRFU0MzYWNjMkxUQzEtX3giLCJ3dGgiOiJBYVlVZkMzNEQxZGkyRnhRTHBpSUpKN1NnOFZaNm84T0Nkd1NmOUlUb0xnIn0.PI7d9AcYhLoEgPgbJvcM132lkBKnM1NXU-5hZUzVTIyj2dRJaTLFs6e5NYv5gg6AqcV7NvkYCwfgMgWasWQzCA";
    const ACCESS: &str = "16_mAd0GiwaZokU26_0902100";
    assert_eq!(digest(WIT), "AaYUfC34D1di2FxQLpiIJJ7Sg8VZ6o8OCdwSf9IToLg");
    assert_eq!(digest(ACCESS), "CL4wjfpRmNf-bdYIbYLnV9d5rMARGwKYE10wUwzC0jI");
    let identity = Jws::parse(WIT).unwrap();
    let jwk = identity.claims.get("cnf").unwrap().as_object().unwrap().get("jwk").unwrap();
    let key = Key::of_sender(jwk.as_object().unwrap(), Algorithm::Ed25519).unwrap();
    let targets = targets("https://workload.example.com", "/path");
    let request = Request {
        targets: &targets,
        identity: WIT,
        key: &key,
        alg: "EdDSA",
        access: Some(ACCESS),
        transaction: None,
    };
    assert!(rules().verify(WPT, &request, &trust(), at(1_745_509_900)).is_ok());
}

#[test]
fn a_proof_for_this_request_and_its_tokens_holds() {
    assert!(verify(&proof(&json!({}), &json!({})), None, NOW).is_ok());
    assert!(verify(&proof(&json!({}), &json!({"aud": "urn:acme:gateway"})), None, NOW).is_ok());
    let with_transaction = proof(&json!({}), &json!({"tth": digest("a.txn.token")}));
    assert!(verify(&with_transaction, Some("a.txn.token"), NOW).is_ok());
}

#[test]
fn one_defect_is_enough() {
    use Reason::{WptMalformed, WptStale, WptTargetMismatch, WptTokenMismatch};
    let none = json!({});
    let refused = [
        (json!({"typ": "dpop+jwt"}), none.clone(), WptMalformed),
        (json!({"typ": null}), none.clone(), WptMalformed),
        (json!({"alg": "EdDSA"}), none.clone(), WptMalformed),
        (json!({"alg": "ES256"}), none.clone(), WptMalformed),
        (json!({"alg": "none"}), none.clone(), WptMalformed),
        (none.clone(), json!({"aud": null}), WptMalformed),
        (none.clone(), json!({"aud": [URI]}), WptMalformed),
        (none.clone(), json!({"aud": "https://other.example/mcp"}), WptTargetMismatch),
        (none.clone(), json!({"aud": format!("{URI}?x=1")}), WptTargetMismatch),
        (none.clone(), json!({"exp": null}), WptMalformed),
        (none.clone(), json!({"exp": NOW}), WptStale),
        (none.clone(), json!({"exp": NOW + 301}), WptStale),
        (none.clone(), json!({"jti": null}), WptMalformed),
        (none.clone(), json!({"jti": ""}), WptMalformed),
        (none.clone(), json!({"wth": null}), WptTokenMismatch),
        (none.clone(), json!({"wth": digest("another")}), WptTokenMismatch),
        (none.clone(), json!({"ath": null}), WptTokenMismatch),
        (none.clone(), json!({"ath": digest("another")}), WptTokenMismatch),
        (none.clone(), json!({"tth": digest("none there")}), WptTokenMismatch),
        (none.clone(), json!({"oth": {"x-token": digest("x")}}), WptTokenMismatch),
    ];
    for (header, claims, reason) in refused {
        let answer = verify(&proof(&header, &claims), None, NOW);
        assert_eq!(answer.unwrap_err(), reason, "{header} {claims}");
    }
    // A transaction token that the proof does not cover.
    let answer = verify(&proof(&json!({}), &json!({})), Some("a.txn.token"), NOW);
    assert_eq!(answer.unwrap_err(), WptTokenMismatch);
}

#[test]
fn a_signature_of_another_key_is_none() {
    let good = proof(&json!({}), &json!({}));
    let (message, _) = good.rsplit_once('.').unwrap();
    let forged = Signer::ed25519(8).sign(message.as_bytes());
    let forged = format!("{message}.{}", crate::trust::base64url::encode(&forged));
    assert_eq!(verify(&forged, None, NOW).unwrap_err(), Reason::WptSignatureInvalid);
}
