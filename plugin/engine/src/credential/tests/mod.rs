//! Tokens as an issuer, and as an attacker, would make them.

#![allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "a test may panic")]

mod caching;
mod claims;
mod container;
mod delegating;
mod finding;
mod signatures;

use serde_json::{Value, json};

use std::collections::BTreeSet;

use super::*;
use crate::fetch::{FetchReply, ReplyHeaders};
use crate::model::{Actor, IssuerId, PrincipalId};
use crate::trust::testing::{self, Signer, key_set};
use crate::trust::{
    ActorIssuer, Algorithm, Algorithms, Issuer, KeySet, Keys, base64url, keys_endpoint,
};

const IDP: &str = "https://idp.acme.example";
const GATEWAY: &str = "https://gateway.acme.example";
const NOW: u64 = 1_795_457_870;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(seconds * 1000)
}

/// An issuer with these keys, and the settings that the configuration has by default.
fn issuer_of(name: &str, signers: &[(&str, &Signer)]) -> Issuer {
    let algorithms = Algorithms::new(Algorithm::ALL.into(), false);
    let jwks: Vec<_> = signers.iter().map(|(kid, signer)| signer.jwk(kid)).collect();
    let keys = KeySet::parse(key_set(&jwks).as_bytes(), &algorithms).unwrap();
    testing::issuer(IssuerId::parse(name).unwrap(), algorithms, Keys::Inline(keys))
}

fn issuer() -> Issuer {
    issuer_of(IDP, &[("k", &Signer::es256(1))])
}

fn header() -> Value {
    json!({"alg": "ES256", "typ": "at+jwt", "kid": "k"})
}

/// refund-bot acting for dana.
fn claims() -> Value {
    json!({
        "iss": IDP, "sub": "dana", "aud": GATEWAY, "client_id": "refund-bot",
        "iat": NOW - 10, "exp": NOW + 290, "jti": "t-1", "scope": "orders:read orders:write",
        "act": {"iss": IDP, "sub": "refund-bot"},
    })
}

fn signed_text(header: &str, claims: &str, signer: &Signer) -> String {
    let [header, claims] = [header, claims].map(|part| base64url::encode(part.as_bytes()));
    let message = format!("{header}.{claims}");
    let signature = base64url::encode(&signer.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn signed(header: &Value, claims: &Value) -> String {
    signed_text(&header.to_string(), &claims.to_string(), &Signer::es256(1))
}

fn good_token() -> String {
    signed(&header(), &claims())
}

/// A request with these headers.
fn head(path: &str, headers: &[(&str, &str)]) -> Head {
    let line = [(":method", "GET"), (":path", path), (":authority", "g.example")];
    let pairs = line.iter().chain(headers);
    let bytes = |(n, v): &(&str, &str)| (n.as_bytes().to_vec(), v.as_bytes().to_vec());
    Head::from_pairs(pairs.map(bytes).collect())
}

fn bearer(token: &str) -> Head {
    head("/mcp", &[("authorization", &format!("Bearer {token}"))])
}

/// What a gateway that trusts one issuer says to a token, without having seen it before.
fn verify_for(issuer: Issuer, token: &str, now: Timestamp) -> Result<Rc<Verified>, Unverified> {
    let (mut trust, mut cache) = (Trust::new(vec![issuer]), TokenCache::default());
    verify(
        &bearer(token),
        (&Rules::default(), &mut trust, &mut cache),
        &mut ProvenBefore::default(),
        &[GATEWAY],
        now,
    )
}

fn rejection(issuer: Issuer, token: &str, now: Timestamp) -> Rejected {
    match verify_for(issuer, token, now) {
        Err(Unverified::Rejected(rejected)) => rejected,
        other => panic!("{other:?} for {token}"),
    }
}

fn reason(token: &str) -> Reason {
    rejection(issuer(), token, at(NOW)).reason
}

/// The answer to the good token with claims changed.
fn answer_to(change: impl FnOnce(&mut Value)) -> Result<Rc<Verified>, Reason> {
    let mut claims = claims();
    change(&mut claims);
    verify_for(issuer(), &signed(&header(), &claims), at(NOW)).map_err(
        |unverified| match unverified {
            Unverified::Rejected(rejected) => rejected.reason,
            Unverified::Needs(fetch) => panic!("{fetch:?}"),
        },
    )
}

fn without(claims: &mut Value, name: &str) {
    claims.as_object_mut().unwrap().remove(name);
}

#[test]
fn a_good_token_proves_agent_and_delegator() {
    let token = good_token();
    let verified = verify_for(issuer(), &token, at(NOW)).unwrap();
    let id = |subject: &str| PrincipalId::parse(&format!("{IDP}#{subject}")).unwrap();
    assert_eq!(verified.proof.kind, "at+jwt");
    assert_eq!(verified.actor.agent, id("refund-bot"));
    let delegation = verified.actor.delegation.as_ref().unwrap();
    assert_eq!((&delegation.delegator, delegation.depth()), (&id("dana"), 1));
    assert_eq!(verified.proof.issuer.as_str(), IDP);
    assert_eq!(verified.client_id.as_deref(), Some("refund-bot"));
    assert!(verified.grant.scopes.iter().eq(["orders:read", "orders:write"]));
    assert_eq!(verified.audiences, [GATEWAY]);
    assert_eq!(verified.proof.expires, Some(at(NOW + 290)));
    assert_eq!(verified.proof.jti.as_deref(), Some("t-1"));
    assert_eq!(verified.proof.thumbprint.len(), "sha-256:".len() + 43);
    assert_eq!(verified.proof.key_thumbprint.as_ref().map(String::len), Some(43));
}

#[test]
fn every_algorithm_of_an_issuer_can_sign_its_tokens() {
    for signer in [Signer::es256(1), Signer::ed25519(1), Signer::Rs256, Signer::Ps256] {
        let mut header = header();
        header["alg"] = json!(signer.algorithm().name());
        let token = signed_text(&header.to_string(), &claims().to_string(), &signer);
        let issuer = issuer_of(IDP, &[("k", &signer), ("other", &Signer::es256(9))]);
        assert!(verify_for(issuer, &token, at(NOW)).is_ok(), "{}", signer.algorithm());
    }
}

#[test]
fn kinds_are_named_apart() {
    let mut names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KINDS.len());
}

/// ECDSA: where (r, s) holds, so does (r, n − s). What is known of a token must not depend on which it is.
#[test]
fn a_token_with_the_twin_of_its_signature_is_the_same_token() {
    let token = good_token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
    let (r, s) = signature.split_scalars();
    let twin = p256::ecdsa::Signature::from_scalars(r, -s).unwrap();
    let twin = format!("{message}.{}", base64url::encode(&twin.to_bytes()));
    let proof = |token: &str| verify_for(issuer(), token, at(NOW)).unwrap().proof.clone();
    assert_ne!(proof(&token).thumbprint, proof(&twin).thumbprint);
    assert_eq!(proof(&token).content, proof(&twin).content);
}
