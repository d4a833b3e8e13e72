//! What is remembered, for how long, and what still counts of it: threats K9, K10.

use std::cell::Cell;

use super::*;
use crate::fetch::Fetch;
use crate::trust::{Key, Learned, SignatureVerifier};

/// The default provider, counting.
#[derive(Debug, Default)]
struct Counting(Rc<Cell<usize>>);

impl SignatureVerifier for Counting {
    fn verify(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool {
        self.0.set(self.0.get() + 1);
        crate::trust::PureRust.verify(key, message, signature)
    }
}

/// A gateway whose issuer publishes its keys at an endpoint.
struct Gateway {
    trust: Trust,
    cache: TokenCache,
    checks: Rc<Cell<usize>>,
    fetch: Fetch,
}

impl Gateway {
    fn new() -> Self {
        let endpoint = keys_endpoint("idp".to_owned(), "idp".to_owned(), "/".to_owned());
        let issuer = Issuer { keys: Keys::Fetch(endpoint), ..issuer() };
        let checks = Rc::new(Cell::new(0));
        let counting = Counting(Rc::clone(&checks));
        let mut trust = Trust::with_verifier(vec![issuer], Box::new(counting));
        let fetch = trust.due(at(NOW)).remove(0);
        let mut gateway = Self { trust, cache: TokenCache::default(), checks, fetch };
        gateway.publish(&[("k", &Signer::es256(1))], NOW);
        gateway
    }

    fn publish(&mut self, keys: &[(&str, &Signer)], now: u64) {
        let jwks: Vec<_> = keys.iter().map(|(kid, signer)| signer.jwk(kid)).collect();
        let reply = FetchReply::Answered {
            status: 200,
            headers: ReplyHeaders::default(),
            body: key_set(&jwks).into_bytes(),
        };
        let learned = self.trust.learn(&IssuerId::parse(IDP).unwrap(), &self.fetch, reply, at(now));
        self.cache.retain(&learned);
    }

    /// The answer, and how many signatures were checked for it.
    fn send(&mut self, token: &str, now: u64) -> (Result<(), Option<Reason>>, usize) {
        self.send_for(token, GATEWAY, now)
    }

    fn send_for(&mut self, token: &str, us: &str, now: u64) -> (Result<(), Option<Reason>>, usize) {
        let before = self.checks.get();
        let with = (&Rules::default(), &mut self.trust, &mut self.cache);
        let answer = verify(&bearer(token), with, &mut ProvenBefore::default(), &[us], at(now));
        let answer = answer.map(|_| ()).map_err(|unverified| match unverified {
            Unverified::Rejected(rejected) => Some(rejected.reason),
            Unverified::Needs(_) => None,
        });
        (answer, self.checks.get() - before)
    }
}

fn numbered(n: usize) -> String {
    let mut claims = claims();
    claims["jti"] = json!(n.to_string());
    signed(&header(), &claims)
}

#[test]
fn a_token_sent_again_costs_no_signature_check() {
    let mut gateway = Gateway::new();
    assert_eq!(gateway.send(&good_token(), NOW), (Ok(()), 1));
    assert_eq!(gateway.send(&good_token(), NOW + 1), (Ok(()), 0));
    assert_eq!(gateway.send(&numbered(7), NOW + 1), (Ok(()), 1));
}

#[test]
fn a_remembered_token_expires_like_any_other() {
    let mut gateway = Gateway::new();
    let token = good_token();
    assert_eq!(gateway.send(&token, NOW).0, Ok(()));
    assert_eq!(gateway.send(&token, NOW + 349), (Ok(()), 0));
    assert_eq!(gateway.send(&token, NOW + 350), (Err(Some(Reason::TokenExpired)), 1));
    assert_eq!(gateway.send(&token, NOW - 71).0, Err(Some(Reason::TokenNotYetValid)));
}

#[test]
fn a_remembered_token_is_still_for_whom_it_is_for() {
    let mut gateway = Gateway::new();
    assert_eq!(gateway.send(&good_token(), NOW).0, Ok(()));
    let elsewhere = gateway.send_for(&good_token(), "https://elsewhere.example", NOW);
    assert_eq!(elsewhere.0, Err(Some(Reason::AudienceMismatch)));
}

#[test]
fn a_token_of_a_removed_key_is_forgotten() {
    let mut gateway = Gateway::new();
    assert_eq!(gateway.send(&good_token(), NOW).0, Ok(()));
    gateway.publish(&[("other", &Signer::es256(2))], NOW + 10);
    assert_eq!(gateway.cache.len(), 0);
    assert_eq!(gateway.send(&good_token(), NOW + 11).0, Err(Some(Reason::KeyUnknown)));
}

#[test]
fn the_keys_of_another_issuer_change_nothing() {
    let mut gateway = Gateway::new();
    assert_eq!(gateway.send(&good_token(), NOW).0, Ok(()));
    let issuer = IssuerId::parse("https://other.example").unwrap();
    gateway.cache.retain(&Learned { issuer, keys: Some(BTreeSet::new()), passed_over: Vec::new() });
    assert_eq!(gateway.send(&good_token(), NOW), (Ok(()), 0));
}

#[test]
fn a_key_that_moves_to_another_id_or_makes_place_takes_its_tokens_along() {
    for seed in [1, 2] {
        let mut gateway = Gateway::new();
        assert_eq!(gateway.send(&good_token(), NOW).0, Ok(()));
        let (moved, new) = (Signer::es256(1), Signer::es256(9));
        let taken: &[(&str, &Signer)] =
            if seed == 1 { &[("moved", &moved), ("k", &new)] } else { &[("k", &new)] };
        gateway.publish(taken, NOW + 10);
        assert_eq!(gateway.send(&good_token(), NOW + 11).0, Err(Some(Reason::SignatureInvalid)));
    }
}

#[test]
fn keys_too_old_to_count_make_remembered_tokens_worthless() {
    let mut gateway = Gateway::new();
    let day = 24 * 3600;
    let mut claims = claims();
    (claims["iat"], claims["exp"]) = (json!(NOW + day - 10), json!(NOW + day + 3000));
    let token = signed(&header(), &claims);
    assert_eq!(gateway.send(&token, NOW + day - 1).0, Ok(()));
    assert_eq!(gateway.send(&token, NOW + day - 1), (Ok(()), 0));
    assert_eq!(gateway.send(&token, NOW + day + 1), (Err(None), 0), "it waits for keys");
}

#[test]
fn a_refused_token_is_not_remembered() {
    let mut gateway = Gateway::new();
    let mut claims = claims();
    claims["aud"] = json!("x");
    let foreign = signed(&header(), &claims);
    let forged = signed_text(&header().to_string(), &claims.to_string(), &Signer::es256(2));
    for token in [foreign, forged, "a.b.c".to_owned()] {
        assert!(gateway.send(&token, NOW).0.is_err());
    }
    assert_eq!(gateway.cache.len(), 0);
}

#[test]
fn a_signature_with_one_bit_more_is_another_token() {
    let mut gateway = Gateway::new();
    let token = good_token();
    assert_eq!(gateway.send(&token, NOW).0, Ok(()));
    let (message, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", base64url::encode(&[1; 64]));
    assert_eq!(gateway.send(&forged, NOW), (Err(Some(Reason::SignatureInvalid)), 1));
}

#[test]
fn the_cache_is_bounded_and_drops_what_was_not_used_for_a_generation() {
    let mut gateway = Gateway::new();
    assert_eq!(gateway.send(&numbered(0), NOW).0, Ok(()));
    let remembered = gateway.cache.sample();
    let fill = |cache: &mut TokenCache, n: usize, bytes: usize| {
        cache.insert(&format!("{n:0bytes$}"), remembered.clone());
    };
    let rules = Rules::default();
    let mut asking =
        Asking { trust: &mut gateway.trust, rules: &rules, audiences: &[GATEWAY], now: at(NOW) };
    let mut finds = |cache: &mut TokenCache, n: usize, place: Place| {
        cache.find(&format!("{n:010}"), place, &mut asking).is_some()
    };
    let (here, full) = (Place::Authorization, cache::GENERATION_TOKENS);
    let mut cache = TokenCache::default();
    (0..2 * full).for_each(|n| fill(&mut cache, n, 10));
    assert_eq!(cache.len(), 2 * full);
    assert!(!finds(&mut cache, 2 * full - 1, Place::WorkloadIdentityToken));
    assert!(finds(&mut cache, 2 * full - 1, here));
    assert!(finds(&mut cache, 0, here), "it is in the older generation");
    assert_eq!(cache.len(), full + 1, "the rest of which goes now that the recent one is full");
    assert!(!finds(&mut cache, 1, here), "it was not used for a generation");
    (0..full).for_each(|n| fill(&mut cache, n, jws::MAX_TOKEN_BYTES));
    assert_eq!(cache.len(), 2 * (cache::GENERATION_BYTES / jws::MAX_TOKEN_BYTES));
}

#[test]
fn tokens_that_end_alike_are_not_one() {
    let mut gateway = Gateway::new();
    let token = good_token();
    assert_eq!(gateway.send(&token, NOW).0, Ok(()));
    let other = format!("x{token}");
    assert!(gateway.send(&other, NOW).0.is_err());
    assert_eq!(gateway.send(&token, NOW), (Ok(()), 0), "it is still remembered");
}
