//! When keys are fetched, how long they count, and what a bad answer does.

#![allow(clippy::arithmetic_side_effects, clippy::string_slice, reason = "a test may panic")]

use super::testing::{self, Signer, key_set};
use super::*;
use crate::fetch::{Endpoint, ReplyHeaders};

const IDP: &str = "https://idp.example";
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

fn issuer_id() -> IssuerId {
    IssuerId::parse(IDP).unwrap()
}

fn endpoint() -> Endpoint {
    keys_endpoint("idp".to_owned(), "idp.example".to_owned(), "/jwks".to_owned())
}

fn of_keys(issuer: IssuerId, endpoint: Endpoint) -> Fetch {
    Fetch::new(Document::Keys(issuer), endpoint)
}

fn issuer(keys: Keys) -> Issuer {
    testing::issuer(issuer_id(), Algorithms::new(Algorithm::ALL.into(), false), keys)
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000 + millis)
}

fn answer(status: u16, body: &str) -> FetchReply {
    FetchReply::Answered {
        status,
        headers: ReplyHeaders::default(),
        body: body.as_bytes().to_vec(),
    }
}

fn keys(named: &[(&str, u8)]) -> FetchReply {
    let jwks: Vec<_> = named.iter().map(|(kid, seed)| Signer::es256(*seed).jwk(kid)).collect();
    answer(200, &key_set(&jwks))
}

/// An answer with a validator; keys of that name and seed, or none with 304.
fn tagged(status: u16, tag: &str, named: &[(&str, u8)]) -> FetchReply {
    let headers = Fetch::reply_headers(|_| Some(format!("\"{tag}\"").into_bytes()));
    match keys(named) {
        FetchReply::Answered { body, .. } => FetchReply::Answered { status, headers, body },
        FetchReply::Failed => FetchReply::Failed,
    }
}

/// A trust in one issuer, and the moves of its host.
struct Host {
    trust: Trust,
    fetch: Fetch,
}

impl Host {
    fn new() -> Self {
        let trust = Trust::new(vec![issuer(Keys::Fetch(endpoint()))]);
        Self { trust, fetch: of_keys(issuer_id(), endpoint()) }
    }

    fn with_keys(named: &[(&str, u8)]) -> Self {
        let mut host = Self::new();
        host.learn(keys(named), 0);
        host
    }

    fn key(&mut self, kid: &str, now: u64) -> Result<(), NoKey> {
        let key = self.trust.key(&issuer_id(), Some(kid), Algorithm::Es256, at(now));
        key.map(|_| ())
    }

    fn learn(&mut self, reply: FetchReply, now: u64) -> Learned {
        self.trust.learn(&issuer_id(), &self.fetch, reply, at(now))
    }

    fn due(&mut self, now: u64) -> usize {
        self.trust.due(at(now)).len()
    }

    fn wants(&self) -> Result<(), NoKey> {
        Err(NoKey::Fetch(self.fetch.clone()))
    }

    fn verify(&mut self, kid: &str, seed: u8, now: u64) -> Result<(), NotSigned> {
        let signature = Signer::es256(seed).sign(b"m");
        let signed = Signed {
            key_id: Some(kid),
            algorithm: Algorithm::Es256,
            message: b"m",
            signature: &signature,
        };
        self.trust.verify(&issuer_id(), signed, at(now)).map(|_| ())
    }
}

#[test]
fn without_keys_nothing_verifies_and_everybody_waits_for_one_fetch() {
    let mut host = Host::new();
    assert_eq!(host.key("a", 0), host.wants());
    assert_eq!(host.key("b", 1), host.wants());
    assert_eq!(host.due(2), 0, "it is under way already");
    host.learn(keys(&[("a", 1)]), 100);
    assert_eq!(host.key("a", 101), Ok(()));
    assert_eq!(host.key("b", 102), Err(NoKey::Unknown));
}

#[test]
fn the_first_keys_are_fetched_before_any_request() {
    let mut host = Host::new();
    assert_eq!(host.trust.due(at(0)), [host.fetch.clone()]);
    assert_eq!(host.due(1), 0);
    assert_eq!(host.key("a", 2), host.wants(), "a request joins it");
}

#[test]
fn an_endpoint_that_is_down_is_asked_every_five_seconds_and_not_by_every_request() {
    let mut host = Host::new();
    assert_eq!(host.due(0), 1);
    host.learn(FetchReply::Failed, 100);
    for now in [101, 2 * SECOND, 5 * SECOND] {
        assert_eq!(host.key("a", now), Err(NoKey::Unavailable));
        assert_eq!(host.due(now), 0);
    }
    assert_eq!(host.due(5 * SECOND + 100), 1);
    host.learn(keys(&[("a", 1)]), 6 * SECOND);
    assert_eq!(host.key("a", 6 * SECOND), Ok(()));
}

#[test]
fn a_fetch_that_the_host_lost_is_made_again() {
    let mut host = Host::new();
    assert_eq!(host.due(0), 1);
    assert_eq!(host.key("a", 2 * SECOND), host.wants());
    assert_eq!(host.key("a", 3 * SECOND), Err(NoKey::Unavailable));
    assert_eq!(host.key("a", 5 * SECOND), host.wants());
}

#[test]
fn a_thousand_unknown_key_ids_are_worth_one_fetch_a_minute() {
    let mut host = Host::with_keys(&[("a", 1)]);
    let mut fetches = 0;
    for now in (0..3 * MINUTE).step_by(180) {
        match host.key(&format!("k{now}"), now) {
            Err(NoKey::Fetch(_)) => {
                fetches += 1;
                host.learn(keys(&[("a", 1)]), now);
            }
            other => assert_eq!(other, Err(NoKey::Unknown)),
        }
        assert_eq!(host.key("a", now), Ok(()), "good tokens are not affected");
    }
    assert_eq!(fetches, 2, "at 60 s and at 120 s");
}

#[test]
fn a_new_key_is_found_by_the_first_token_that_names_it() {
    let mut host = Host::with_keys(&[("a", 1)]);
    assert_eq!(host.key("b", MINUTE), host.wants());
    assert_eq!(host.key("b", MINUTE + 1), host.wants(), "a second request waits with the first");
    host.learn(keys(&[("a", 1), ("b", 2)]), MINUTE + 50);
    assert_eq!(host.key("b", MINUTE + 51), Ok(()));
}

#[test]
fn a_removed_key_stops_working_at_once() {
    let mut host = Host::with_keys(&[("a", 1), ("b", 2)]);
    let learned = host.learn(keys(&[("b", 2)]), MINUTE);
    assert_eq!(host.key("a", MINUTE + 1), Err(NoKey::Unknown));
    assert_eq!(host.key("b", MINUTE + 1), Ok(()));
    assert_eq!(learned.keys.unwrap().len(), 1, "what remains is told to whoever remembers tokens");
}

#[test]
fn a_bad_answer_changes_nothing_and_says_why() {
    let secret = Signer::es256(1).jwk("a").replace("\"use\"", "\"d\":\"AA\",\"use\"");
    let bad = [
        (FetchReply::Failed, "no answer"),
        (answer(500, ""), "status 500"),
        (answer(302, ""), "status 302"),
        (answer(204, ""), "status 204"),
        (answer(201, &key_set(&[Signer::es256(9).jwk("z")])), "status 201"),
        (answer(200, "<html>"), "is not one JSON value"),
        (answer(200, r#"{"keys":[]}"#), "no usable key"),
        (answer(200, r#"{"keys":[{"kty":"AKP"}]}"#), "key 0 is not used: its type"),
        (answer(200, &key_set(&[secret])), "private or symmetric"),
        (answer(200, &" ".repeat(10 << 20)), "is too long"),
    ];
    for (reply, why) in bad {
        let mut host = Host::with_keys(&[("a", 1)]);
        assert_eq!(host.trust.last_error(&issuer_id(), &host.fetch), None);
        assert_eq!(host.learn(reply, MINUTE).keys, None);
        assert_eq!(host.key("a", MINUTE + 1), Ok(()), "{why}");
        let error = host.trust.last_error(&issuer_id(), &host.fetch).unwrap();
        assert!(error.contains(why) && error.contains(IDP), "{error}");
        host.learn(keys(&[("a", 1)]), 2 * MINUTE);
        assert_eq!(host.trust.last_error(&issuer_id(), &host.fetch), None);
    }
}

#[test]
fn keys_are_refreshed_in_the_background_every_five_minutes() {
    let mut host = Host::with_keys(&[("a", 1)]);
    assert_eq!(host.due(5 * MINUTE - 1), 0);
    assert_eq!(host.due(5 * MINUTE), 1);
    assert_eq!(host.key("a", 5 * MINUTE), Ok(()), "nobody waits for a refresh");
    host.learn(FetchReply::Failed, 5 * MINUTE + 1);
    assert_eq!(host.due(6 * MINUTE), 0);
    assert_eq!(host.due(6 * MINUTE + 1), 1, "a failed refresh is tried again each minute");
}

#[test]
fn keys_that_nobody_confirmed_for_a_day_no_longer_count() {
    let mut host = Host::with_keys(&[("a", 1)]);
    host.learn(FetchReply::Failed, 24 * HOUR - 1);
    assert_eq!(host.key("a", 24 * HOUR - 1), Ok(()));
    assert_eq!(host.key("a", 24 * HOUR), Err(NoKey::Unavailable));
    assert_eq!(host.key("a", 24 * HOUR + 5 * SECOND), host.wants());
    host.learn(keys(&[("a", 1)]), 24 * HOUR + 6 * SECOND);
    assert_eq!(host.key("a", 24 * HOUR + 7 * SECOND), Ok(()));
}

#[test]
fn a_key_replaced_under_its_old_id_is_noticed_by_its_signature() {
    let mut host = Host::with_keys(&[("a", 1)]);
    let wants = NotSigned::NoKey(NoKey::Fetch(host.fetch.clone()));
    assert_eq!(host.verify("a", 1, MINUTE), Ok(()));
    assert_eq!(host.verify("a", 2, MINUTE), Err(wants));
    host.learn(keys(&[("a", 2)]), MINUTE + 10);
    assert_eq!(host.verify("a", 2, MINUTE + 11), Ok(()));
    assert_eq!(host.verify("a", 1, MINUTE + 12), Err(NotSigned::Signature), "within the minute");
}

#[test]
fn a_key_that_changes_its_type_under_its_old_id_is_fetched_once() {
    let mut host = Host::with_keys(&[("a", 1)]);
    let mut rsa = |now| {
        let key = host.trust.key(&issuer_id(), Some("a"), Algorithm::Rs256, at(now));
        key.map(|key| key.algorithm())
    };
    assert_eq!(rsa(1), Err(NoKey::Algorithm), "the keys are too new to be asked for again");
    assert_eq!(rsa(MINUTE), Err(NoKey::Fetch(of_keys(issuer_id(), endpoint()))));
    host.learn(answer(200, &key_set(&[Signer::Rs256.jwk("a")])), MINUTE + 1);
    assert_eq!(host.key("a", MINUTE + 2), Err(NoKey::Algorithm));
    let key = host.trust.key(&issuer_id(), Some("a"), Algorithm::Rs256, at(MINUTE + 3));
    assert_eq!(key.unwrap().algorithm(), Algorithm::Rs256);
}

#[test]
fn a_clock_set_back_neither_freezes_the_refresh_nor_makes_keys_young() {
    let mut host = Host::with_keys(&[("a", 1)]);
    assert_eq!(host.due(4 * MINUTE), 0);
    let long_ago = |millis: u64| Timestamp::from_unix_millis(400_000_000_000 + millis);
    assert_eq!(host.trust.due(long_ago(0)).len(), 0, "going back adds nothing");
    assert_eq!(host.trust.due(long_ago(MINUTE)).len(), 1, "four minutes before and one after");
}

#[test]
fn a_clock_that_leaps_ahead_makes_keys_old_until_they_are_fetched_again() {
    let mut host = Host::with_keys(&[("a", 1)]);
    assert_eq!(host.key("a", 1_000_000 * HOUR), host.wants());
    assert_eq!(host.key("a", 1), host.wants());
    host.learn(keys(&[("a", 1)]), 2);
    assert_eq!(host.key("a", 3), Ok(()));
}

#[test]
fn inline_keys_are_never_fetched() {
    let algorithms = Algorithms::new(Algorithm::ALL.into(), false);
    let set = key_set(&[Signer::es256(1).jwk("a")]);
    let set = KeySet::parse(set.as_bytes(), &algorithms).unwrap();
    let mut trust = Trust::new(vec![issuer(Keys::Inline(set))]);
    assert_eq!(trust.due(at(0)), []);
    let mut key = |kid| trust.key(&issuer_id(), Some(kid), Algorithm::Es256, at(100 * HOUR));
    assert!(key("a").is_ok());
    assert_eq!(key("b").unwrap_err(), NoKey::Unknown);
}

#[test]
fn keys_belong_to_one_issuer_and_an_answer_to_one_endpoint() {
    let other = Issuer {
        id: IssuerId::parse("https://other.example").unwrap(),
        ..issuer(Keys::Fetch(endpoint()))
    };
    let other_id = other.id.clone();
    let mut host = Host::new();
    host.trust = Trust::new(vec![issuer(Keys::Fetch(endpoint())), other]);
    host.learn(keys(&[("a", 1)]), 0);
    assert_eq!(host.key("a", 1), Ok(()));
    let of_other = host.trust.key(&other_id, Some("a"), Algorithm::Es256, at(1));
    assert!(
        matches!(of_other, Err(NoKey::Fetch(fetch)) if *fetch.document() == Document::Keys(other_id.clone()))
    );
    let moved = Endpoint { path: "/elsewhere".to_owned(), ..endpoint() };
    let stale = of_keys(issuer_id(), moved);
    assert_eq!(host.trust.learn(&issuer_id(), &stale, keys(&[("z", 9)]), at(2)).keys, None);
    assert_eq!(host.key("a", 3), Ok(()));
    let nobody_id = IssuerId::parse("https://nobody.example").unwrap();
    let nobody = of_keys(nobody_id.clone(), endpoint());
    assert_eq!(host.trust.learn(&nobody_id, &nobody, keys(&[("z", 9)]), at(3)).keys, None);
}

#[test]
fn an_issuer_is_known_by_every_byte_of_its_name() {
    let host = Host::new();
    assert!(host.trust.issuer(IDP).is_some());
    let close = [
        "",
        "https://idp.example/",
        "https://IDP.example",
        "https://idp.example ",
        "http://idp.example",
        "https://idp.example.evil",
        "https://ıdp.example",
    ];
    for iss in close {
        assert!(host.trust.issuer(iss).is_none(), "{iss}");
    }
}

#[test]
fn keys_that_are_said_to_be_unchanged_count_from_then_on() {
    let mut host = Host::new();
    host.learn(tagged(200, "1", &[("a", 1)]), 0);
    let asked = host.trust.due(at(6 * MINUTE)).remove(0);
    assert_eq!(asked.headers().collect::<Vec<_>>(), [("if-none-match", "\"1\"")]);
    let learned = host.trust.learn(&issuer_id(), &asked, answer(304, ""), at(6 * MINUTE));
    assert_eq!((learned.keys, host.due(10 * MINUTE)), (None, 0));
    assert_eq!(host.trust.last_error(&issuer_id(), &asked), None);
    assert_eq!(host.key("a", 24 * HOUR + 5 * MINUTE), Ok(()));
    host.trust.learn(&issuer_id(), &asked, tagged(200, "2", &[("b", 2)]), at(24 * HOUR));
    assert_eq!(host.key("b", 24 * HOUR), Ok(()));
    assert!(host.key("a", 24 * HOUR).is_err());
}

#[test]
fn that_nothing_has_changed_is_no_answer_to_who_did_not_ask() {
    let mut host = Host::new();
    host.learn(answer(304, ""), 0);
    assert_eq!(host.key("a", 1), Err(NoKey::Unavailable));
    let mut host = Host::with_keys(&[("a", 1)]);
    let plain = host.trust.due(at(6 * MINUTE)).remove(0);
    assert_eq!(plain.headers().count(), 0, "there was no validator");
    host.learn(answer(304, ""), 6 * MINUTE);
    let error = host.trust.last_error(&issuer_id(), &plain).unwrap();
    assert!(error.contains("status 304"), "{error}");
    // Neither is it one about keys that are too old to be believed.
    let mut host = Host::new();
    host.learn(tagged(200, "1", &[("a", 1)]), 0);
    let asked = host.trust.due(at(23 * HOUR)).remove(0);
    host.trust.learn(&issuer_id(), &asked, answer(304, ""), at(24 * HOUR));
    assert_eq!(host.key("a", 24 * HOUR), Err(NoKey::Unavailable));
}

#[test]
fn a_key_that_is_not_used_is_said_once_and_again_when_that_changes() {
    let mut host = Host::with_keys(&[("a", 1)]);
    let odd = r#"{"kty":"AKP","kid":"x"}"#.to_owned();
    let one = [odd.clone()];
    let with = |more: &[String]| {
        let jwks = [&[Signer::es256(1).jwk("a")][..], more].concat();
        answer(200, &key_set(&jwks))
    };
    let said = host.learn(with(&one), MINUTE).passed_over;
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("key 1 is not used"), "{said:?}");
    assert_eq!(host.learn(with(&one), 2 * MINUTE).passed_over, [""; 0]);
    assert_eq!(host.learn(with(&[odd.clone(), odd]), 3 * MINUTE).passed_over.len(), 2);
    assert_eq!(host.learn(with(&[]), 4 * MINUTE).passed_over, [""; 0]);
}
