//! DPoP: RFC 9449 §4.3, check by check.

use serde_json::{Value, json};

use super::super::dpop::{DpopRules, Request};
use super::super::{Nonces, Proven, digest};
use super::{NOW, at, jwk, patched, signed, targets, trust};
use crate::decision::Reason;
use crate::trust::testing::Signer;
use crate::trust::{Algorithm, Algorithms, Key};

const TOKEN: &str = "an.access.token";
const URI: &str = "https://gateway.acme.example/mcp";

fn rules() -> DpopRules {
    let algorithms = Algorithms::new([Algorithm::Es256, Algorithm::Ed25519].into(), false);
    DpopRules { algorithms, window_seconds: 60, nonces: None }
}

fn thumbprint(signer: &Signer) -> String {
    let jwk = crate::json::read(jwk(signer).to_string().as_bytes(), &LIMITS).unwrap();
    let key = Key::of_sender(jwk.as_object().unwrap(), signer.algorithm()).unwrap();
    key.thumbprint().to_owned()
}

const LIMITS: crate::json::Limits = crate::json::Limits { bytes: 2000, depth: 4, items: 20 };

fn verify(rules: &DpopRules, proof: &str, signer: &Signer, now: u64) -> Result<Proven, Reason> {
    let targets = targets("https://gateway.acme.example", "/mcp?x=1");
    let jkt = thumbprint(signer);
    let request = Request { method: "POST", targets: &targets, token: TOKEN, jkt: &jkt };
    rules.verify(proof, &request, &trust(), at(now))
}

/// A good proof with these members changed in header and claims.
fn proof(header: &Value, claims: &Value) -> String {
    let signer = Signer::es256(7);
    let good = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&signer)});
    let ath = digest(TOKEN);
    let said = json!({"jti": "p-1", "htm": "POST", "htu": URI, "iat": NOW, "ath": ath});
    signed(&patched(good, header), &patched(said, claims), &signer)
}

#[test]
fn the_proof_of_the_rfc_holds() {
    const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let targets = targets("https://resource.example.org", "/protectedresource");
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    assert_eq!(digest(token), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let request = Request { method: "GET", targets: &targets, token, jkt };
    let proven = rules().verify(PROOF, &request, &trust(), at(1_562_262_618)).unwrap();
    assert_eq!(proven.key_thumbprint, jkt);
}

#[test]
fn a_proof_for_this_request_holds_in_every_accepted_algorithm() {
    assert!(verify(&rules(), &proof(&json!({}), &json!({})), &Signer::es256(7), NOW).is_ok());
    let signer = Signer::ed25519(7);
    let header = json!({"typ": "application/dpop+jwt", "alg": "Ed25519", "jwk": jwk(&signer)});
    let claims =
        json!({"jti": "p", "htm": "POST", "htu": URI, "iat": NOW, "ath": digest(TOKEN), "x": 1});
    assert!(verify(&rules(), &signed(&header, &claims, &signer), &signer, NOW).is_ok());
}

#[test]
fn one_defect_is_enough() {
    use Reason::{DpopKeyMismatch, DpopMalformed, DpopTargetMismatch, DpopTokenMismatch};
    let other = jwk(&Signer::es256(8));
    let with = |jwk: Value, member: &str, value: &str| patched(jwk, &json!({member: value}));
    let own = || jwk(&Signer::es256(7));
    let none = json!({});
    let refused = [
        (json!({"typ": "at+jwt"}), none.clone(), DpopMalformed),
        (json!({"typ": "jwt"}), none.clone(), DpopMalformed),
        (json!({"typ": null}), none.clone(), DpopMalformed),
        (json!({"alg": "none"}), none.clone(), DpopMalformed),
        (json!({"alg": "HS256"}), none.clone(), DpopMalformed),
        (json!({"alg": "Ed25519"}), none.clone(), DpopMalformed),
        (json!({"alg": "RS256"}), none.clone(), DpopMalformed),
        (json!({"jwk": null}), none.clone(), DpopMalformed),
        (json!({"jwk": "key"}), none.clone(), DpopMalformed),
        (json!({"jwk": null, "kid": "k"}), none.clone(), DpopMalformed),
        (json!({"jwk": with(own(), "d", "AAAA")}), none.clone(), DpopMalformed),
        (json!({"jwk": with(own(), "k", "AAAA")}), none.clone(), DpopMalformed),
        (json!({"jwk": with(own(), "alg", "ES384")}), none.clone(), DpopMalformed),
        (json!({"jwk": other}), none.clone(), DpopKeyMismatch),
        (json!({"crit": ["x"]}), none.clone(), DpopMalformed),
        (none.clone(), json!({"jti": null}), DpopMalformed),
        (none.clone(), json!({"jti": ""}), DpopMalformed),
        (none.clone(), json!({"jti": 1}), DpopMalformed),
        (none.clone(), json!({"jti": "x".repeat(257)}), DpopMalformed),
        (none.clone(), json!({"htm": null}), DpopMalformed),
        (none.clone(), json!({"htm": "GET"}), DpopTargetMismatch),
        (none.clone(), json!({"htm": "post"}), DpopTargetMismatch),
        (none.clone(), json!({"htu": null}), DpopMalformed),
        (none.clone(), json!({"htu": format!("{URI}?x=1")}), DpopTargetMismatch),
        (none.clone(), json!({"htu": format!("{URI}#f")}), DpopTargetMismatch),
        (none.clone(), json!({"htu": format!("{URI}/")}), DpopTargetMismatch),
        (none.clone(), json!({"htu": "https://other.example/mcp"}), DpopTargetMismatch),
        (none.clone(), json!({"htu": "http://gateway.acme.example/mcp"}), DpopTargetMismatch),
        (none.clone(), json!({"htu": "/mcp"}), DpopTargetMismatch),
        (none.clone(), json!({"ath": null}), DpopMalformed),
        (none.clone(), json!({"ath": digest("another.access.token")}), DpopTokenMismatch),
        (none.clone(), json!({"iat": null}), DpopMalformed),
        (none.clone(), json!({"iat": "now"}), DpopMalformed),
        (none.clone(), json!({"iat": -1}), DpopMalformed),
        (none.clone(), json!({"iat": NOW - 61}), Reason::DpopStale),
        (none.clone(), json!({"iat": NOW + 61}), Reason::DpopStale),
    ];
    for (header, claims, reason) in refused {
        let answer = verify(&rules(), &proof(&header, &claims), &Signer::es256(7), NOW);
        assert_eq!(answer.unwrap_err(), reason, "{header} {claims}");
    }
}

#[test]
fn a_signature_of_another_key_is_none() {
    let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(&Signer::es256(7))});
    let claims = json!({"jti": "p", "htm": "POST", "htu": URI, "iat": NOW, "ath": digest(TOKEN)});
    let forged = signed(&header, &claims, &Signer::es256(8));
    let answer = verify(&rules(), &forged, &Signer::es256(7), NOW);
    assert_eq!(answer.unwrap_err(), Reason::DpopSignatureInvalid);
    for bad in ["", "x", "a.b.c", &format!("{forged}.x"), &format!("{forged} "), "{}"] {
        let answer = verify(&rules(), bad, &Signer::es256(7), NOW);
        assert_eq!(answer.unwrap_err(), Reason::DpopMalformed, "{bad}");
    }
}

#[test]
fn the_window_is_the_configured_one() {
    let wide = DpopRules { window_seconds: 300, ..rules() };
    let proof = proof(&json!({}), &json!({}));
    for (rules, edge) in [(rules(), 60), (wide, 300)] {
        for now in [NOW - edge, NOW + edge] {
            assert!(verify(&rules, &proof, &Signer::es256(7), now).is_ok(), "{edge}");
        }
        for now in [NOW - edge - 1, NOW + edge + 1] {
            let answer = verify(&rules, &proof, &Signer::es256(7), now);
            assert_eq!(answer.unwrap_err(), Reason::DpopStale, "{edge}");
        }
    }
}

#[test]
fn where_nonces_are_given_a_proof_has_a_fresh_one() {
    let nonces = Nonces::new(&[7; 32], 60);
    let rules = DpopRules { nonces: Some(nonces.clone()), ..rules() };
    let nonce = nonces.current(at(NOW)).unwrap();
    let old = nonces.current(at(NOW - 180)).unwrap();
    let with = |nonce: Value| proof(&json!({}), &json!({"nonce": nonce}));
    assert!(verify(&rules, &with(json!(nonce)), &Signer::es256(7), NOW).is_ok());
    for bad in [Value::Null, json!(1), json!(""), json!(old), json!(format!("{nonce}="))] {
        let answer = verify(&rules, &with(bad.clone()), &Signer::es256(7), NOW);
        assert_eq!(answer.unwrap_err(), Reason::DpopNonceRequired, "{bad}");
    }
}

#[test]
fn a_use_is_of_one_key_for_one_target_by_one_name() {
    let once = |claims: Value| {
        verify(&rules(), &proof(&json!({}), &claims), &Signer::es256(7), NOW).unwrap().once
    };
    let first = once(json!({}));
    assert_eq!(
        first,
        once(json!({"x": "signed anew", "htu": "https://GATEWAY.acme.example:443/mcp"}))
    );
    assert_ne!(first, once(json!({"jti": "p-2"})));
}
