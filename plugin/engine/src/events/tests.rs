//! Polls, and what is acknowledged, reported and kept.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use super::*;
use crate::bundle::Pace;
use crate::fetch::{Endpoint, ReplyHeaders};
use crate::model::PrincipalId;
use crate::trust::testing::{Signer, key_set};
use crate::trust::{Algorithm, Anchor, KeySet, Keys, base64url};

const IDP: &str = "https://idp.example";
const NOW: u64 = 1_800_000_000_000;
const SECOND: u64 = 1_000;
const DANA: &str = r#"{"format":"iss_sub","iss":"https://idp.example","sub":"dana"}"#;
const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(NOW + millis)
}

fn endpoint(path: &str) -> Endpoint {
    let (cluster, authority) = ("events".to_owned(), "idp.example".to_owned());
    Endpoint { cluster, authority, path: path.to_owned(), timeout_ms: 2_000, max_bytes: MAX_BYTES }
}

struct World {
    events: Events,
    trust: Trust,
    /// What the host's store has.
    store: Option<Vec<u8>>,
}

impl World {
    fn new(keys: Keys) -> Self {
        let source = IssuerId::parse("security-events").unwrap();
        let algorithms = Algorithms::new([Algorithm::Es256].into(), false);
        let anchor = Anchor { id: source.clone(), algorithms: algorithms.clone(), keys };
        let pace = Pace { every_ms: 2 * SECOND, max_age_ms: 60 * SECOND };
        let fetch = Fetch::new(Document::Events, endpoint("/poll"));
        let transmitter = Transmitter {
            issuer: IDP.to_owned(),
            audience: "https://gateway.example".to_owned(),
            source,
            algorithms,
            polled: Polled::new(fetch, pace),
            every_ms: pace.every_ms,
            authorization: Some("Bearer secret".into()),
        };
        let trust = Trust::new(Vec::new()).with_anchors(vec![anchor]);
        Self { events: Events::new(transmitter), trust, store: None }
    }

    fn inline() -> Self {
        let algorithms = Algorithms::new([Algorithm::Es256].into(), false);
        let keys = key_set(&[Signer::es256(1).jwk("1")]);
        Self::new(Keys::Inline(KeySet::parse(keys.as_bytes(), &algorithms).unwrap()))
    }

    /// The next poll, and its answer, which the store keeps.
    fn polls(&mut self, millis: u64, sets: &[(&str, String)]) -> String {
        let poll = self.polls_without_store(millis, sets, "");
        self.keeps();
        poll
    }

    /// The store is joined, and what is to be written is.
    fn keeps(&mut self) {
        while let Some(write) = self.events.join(self.store.as_deref()).write {
            self.store = Some(write);
        }
    }

    fn polls_without_store(&mut self, millis: u64, sets: &[(&str, String)], more: &str) -> String {
        let fetches = self.events.due(at(millis));
        let [poll] = fetches.as_slice() else { panic!("{fetches:?}") };
        let poll = poll.clone();
        let sets: Vec<_> = sets.iter().map(|(id, set)| format!("\"{id}\":\"{set}\"")).collect();
        self.events.absorb(
            &poll,
            answer(&format!("{{\"sets\":{{{}}}{more}}}", sets.join(","))),
            &mut self.trust,
            at(millis),
        );
        poll.body().to_string()
    }

    /// Whether tokens of dana that were issued at that time count no longer.
    fn strikes(&self, issued: u64, now: u64) -> bool {
        let dana = PrincipalId::new(&IssuerId::parse(IDP).unwrap(), "dana").unwrap();
        self.events.cutoffs().strikes(&subject(&dana), Some(NOW + issued), NOW + now)
    }
}

fn answer(body: &str) -> FetchReply {
    let headers = ReplyHeaders::default();
    FetchReply::Answered { status: 200, headers, body: body.as_bytes().to_vec() }
}

/// A security event token of that id, about dana, with more claims before the rest.
fn set(seed: u8, id: &str, claims: &str) -> String {
    signed("1", seed, id, claims, "{}")
}

/// One with that `kid`.
fn signed_as(kid: &str, seed: u8, id: &str) -> String {
    signed(kid, seed, id, "", "{}")
}

fn signed(kid: &str, seed: u8, id: &str, claims: &str, details: &str) -> String {
    let header = format!(r#"{{"typ":"secevent+jwt","alg":"ES256","kid":"{kid}"}}"#);
    let claims = format!(
        r#"{{{claims}"iss":"{IDP}","aud":"https://gateway.example","iat":{},"jti":"{id}","sub_id":{DANA},"events":{{"{REVOKED}":{details}}}}}"#,
        NOW / 1000
    );
    let [header, claims] = [&header, &claims].map(|part| base64url::encode(part.as_bytes()));
    let message = format!("{header}.{claims}");
    let signature = Signer::es256(seed).sign(message.as_bytes());
    format!("{message}.{}", base64url::encode(&signature))
}

#[test]
fn what_was_taken_is_acknowledged_and_what_is_bad_reported_with_the_next_poll() {
    let mut world = World::inline();
    let first = world.polls(0, &[("a", set(1, "a", "")), ("b", set(2, "b", ""))]);
    assert_eq!(first, r#"{"maxEvents":100,"returnImmediately":true,"ack":[],"setErrs":{}}"#);
    assert!(world.strikes(0, 1) && !world.strikes(1, 1));
    assert!(world.events.error().unwrap().contains("1 bad events"));
    let second = world.polls(2 * SECOND, &[]);
    assert!(second.contains(r#""ack":["a"]"#), "{second}");
    assert!(second.contains(r#""setErrs":{"b":{"err":"invalid_key","#), "{second}");
    // Once.
    assert_eq!(world.polls(4 * SECOND, &[]), first);
    assert_eq!(world.events.error(), None);
}

#[test]
fn a_poll_is_a_post_of_json_and_its_secret_is_nowhere_else() {
    let mut world = World::inline();
    let poll = world.events.due(at(0)).remove(0);
    assert_eq!((poll.method(), poll.endpoint().path.as_str()), ("POST", "/poll"));
    let headers: Vec<_> = poll.headers().collect();
    assert_eq!(headers, [("content-type", "application/json"), ("authorization", "Bearer secret")]);
    assert!(!format!("{poll:?}").contains("secret"));
}

#[test]
fn what_is_not_acknowledged_is_reported_with_the_poll_after_a_lost_one() {
    let mut world = World::inline();
    world.polls(0, &[("a", set(1, "a", ""))]);
    let lost = world.events.due(at(2 * SECOND)).remove(0);
    world.events.absorb(&lost, FetchReply::Failed, &mut world.trust, at(2 * SECOND));
    assert!(world.polls(4 * SECOND, &[]).contains(r#""ack":["a"]"#));
}

#[test]
fn each_bad_event_has_its_error_and_strikes_nobody() {
    for (id, token, err) in [
        ("a", set(2, "a", ""), "invalid_key"),
        ("a", set(1, "b", ""), "invalid_request"),
        ("a", set(1, "a", "\"exp\":1,"), "invalid_request"),
        ("a", set(1, "a", "\"sub\":\"dana\","), "invalid_request"),
        ("a", set(1, "a", "\"sub_id\":{},"), "invalid_request"),
        ("a", "not a token".to_owned(), "invalid_request"),
    ] {
        let mut world = World::inline();
        world.polls(0, &[(id, token)]);
        assert!(!world.strikes(0, 1));
        let next = world.polls(2 * SECOND, &[]);
        assert!(
            next.contains(&format!("\"ack\":[],\"setErrs\":{{\"a\":{{\"err\":\"{err}\"")),
            "{next}"
        );
    }
}

#[test]
fn an_event_that_waits_for_keys_is_neither_acknowledged_nor_believed_and_confirms_nothing() {
    let jwks = endpoint("/jwks");
    let mut world = World::new(Keys::Fetch(jwks.clone()));
    world.polls(0, &[("a", set(1, "a", ""))]);
    assert!(!world.strikes(0, 1) && world.events.standing(at(1)).is_err());
    let fetches = world.events.due(at(2 * SECOND));
    let [keys, poll] = fetches.as_slice() else { panic!("{fetches:?}") };
    assert!(poll.body().contains(r#""ack":[],"setErrs":{}"#));
    let source = IssuerId::parse("security-events").unwrap();
    let set_of_keys = answer(&key_set(&[Signer::es256(1).jwk("1")]));
    world.trust.learn(&source, keys, set_of_keys, at(2 * SECOND));
    let sets = format!("{{\"sets\":{{\"a\":\"{}\"}}}}", set(1, "a", ""));
    world.events.absorb(poll, answer(&sets), &mut world.trust, at(2 * SECOND));
    assert!(world.strikes(0, 1) && world.events.standing(at(2 * SECOND)).is_ok());
}

#[test]
fn one_worker_polls_for_all_and_all_know_what_it_was_told() {
    let (mut one, mut other) = (World::inline(), World::inline());
    assert_eq!(one.events.name(), other.events.name());
    one.polls(0, &[("a", set(1, "a", ""))]);
    let store = one.events.join(None).write.unwrap();
    other.events.join(Some(&store));
    assert!(other.strikes(0, 1));
    assert_eq!(other.events.due(at(SECOND)), []);
    assert!(other.events.standing(at(SECOND)).is_ok());
    // Whoever was told is gone: the other asks.
    assert_eq!(other.events.due(at(2 * SECOND)).len(), 1);
}

#[test]
fn nothing_is_decided_before_the_first_answer_nor_long_after_the_last() {
    let mut world = World::inline();
    let Err(Some(poll)) = world.events.standing(at(0)) else { panic!("no poll") };
    world.events.absorb(&poll, answer("{\"sets\":{}}"), &mut world.trust, at(0));
    assert!(world.events.standing(at(59 * SECOND)).is_ok());
    assert!(world.events.standing(at(60 * SECOND)).is_err());
    for body in ["", "[]", "{}", "{\"sets\":[]}", "{\"sets\":{},\"sets\":{}}"] {
        let mut world = World::inline();
        let poll = world.events.due(at(0)).remove(0);
        world.events.absorb(&poll, answer(body), &mut world.trust, at(0));
        assert!(world.events.standing(at(1)).is_err(), "{body}");
    }
}

#[test]
fn what_an_event_struck_ends_after_a_day() {
    let mut world = World::inline();
    world.polls(0, &[("a", set(1, "a", ""))]);
    assert!(world.strikes(0, KEPT_MS - 1) && !world.strikes(0, KEPT_MS));
    // One that comes so late strikes nothing, and is done with.
    let mut late = World::inline();
    late.polls(KEPT_MS + SECOND, &[("a", set(1, "a", ""))]);
    assert!(late.events.cutoffs().is_empty());
    assert!(late.polls(KEPT_MS + 4 * SECOND, &[]).contains(r#""ack":["a"]"#));
}

const MORE: &str = r#","moreAvailable":true"#;

#[test]
fn an_event_is_acknowledged_once_the_store_is_known_to_hold_it() {
    let mut world = World::inline();
    let sets = [("a", set(1, "a", ""))];
    world.polls_without_store(0, &sets, "");
    // The write was lost: the transmitter has to deliver it again.
    assert!(world.events.join(None).write.is_some());
    assert!(world.polls_without_store(2 * SECOND, &sets, "").contains(r#""ack":[]"#));
    world.keeps();
    assert!(world.polls_without_store(4 * SECOND, &[], "").contains(r#""ack":["a"]"#));
}

#[test]
fn what_a_poll_under_way_does_not_say_is_not_taken_for_acknowledged() {
    let mut world = World::inline();
    let sets = [("a", set(1, "a", ""))];
    world.polls_without_store(0, &sets, "");
    let poll = world.events.due(at(2 * SECOND)).remove(0);
    world.keeps();
    assert!(poll.body().contains(r#""ack":[]"#));
    let again = answer(&format!("{{\"sets\":{{\"a\":\"{}\"}}}}", sets[0].1));
    world.events.absorb(&poll, again, &mut world.trust, at(2 * SECOND));
    world.keeps();
    assert!(world.polls(4 * SECOND, &[]).contains(r#""ack":["a"]"#));
}

#[test]
fn what_strikes_nobody_needs_no_store_to_be_acknowledged() {
    let mut world = World::inline();
    world.polls_without_store(KEPT_MS + SECOND, &[("a", set(1, "a", ""))], "");
    let next = world.polls_without_store(KEPT_MS + 4 * SECOND, &[], "");
    assert!(next.contains(r#""ack":["a"]"#), "{next}");
}

/// A world whose keys were fetched at 0, and are 1.
fn with_fetched_keys() -> World {
    let mut world = World::new(Keys::Fetch(endpoint("/jwks")));
    let keys = world.trust.due(at(0)).remove(0);
    world.learns(&keys, 1, 0);
    world
}

impl World {
    fn learns(&mut self, fetch: &Fetch, seed: u8, millis: u64) {
        let source = IssuerId::parse("security-events").unwrap();
        let keys = answer(&key_set(&[Signer::es256(seed).jwk(&seed.to_string())]));
        self.trust.learn(&source, fetch, keys, at(millis));
    }

    /// The next poll, and the fetch of keys if one is due.
    fn polls_for(&mut self, millis: u64, sets: &str) -> (String, Option<Fetch>) {
        let mut fetches = self.events.due(at(millis));
        let poll = fetches.pop().unwrap();
        self.events.absorb(&poll, answer(sets), &mut self.trust, at(millis));
        self.keeps();
        (poll.body().to_string(), fetches.pop())
    }
}

#[test]
fn an_event_of_a_key_that_is_new_waits_until_keys_may_be_asked_for_again() {
    for (kid, signer) in [("2", 2), ("1", 3)] {
        let mut world = with_fetched_keys();
        let token = signed_as(kid, signer, "a");
        let sets = format!("{{\"sets\":{{\"a\":\"{token}\"}}}}");
        // Within the minute: neither reported nor believed, and the answer confirms nothing.
        for millis in (10 * SECOND..60 * SECOND).step_by(2_000) {
            let (poll, keys) = world.polls_for(millis, &sets);
            assert!(poll.contains(r#""ack":[],"setErrs":{}"#) && keys.is_none(), "{poll}");
        }
        assert!(world.events.standing(at(59 * SECOND)).is_err() && !world.strikes(0, 1));
        world.polls_for(62 * SECOND, &sets);
        let (poll, keys) = world.polls_for(64 * SECOND, &sets);
        assert!(poll.contains(r#""setErrs":{}"#));
        let source = IssuerId::parse("security-events").unwrap();
        let set_of_keys = answer(&key_set(&[Signer::es256(signer).jwk(kid)]));
        world.trust.learn(&source, &keys.unwrap(), set_of_keys, at(64 * SECOND));
        world.polls_for(66 * SECOND, &sets);
        assert!(world.strikes(0, 1), "{kid}");
        assert!(world.polls(68 * SECOND, &[]).contains(r#""ack":["a"],"setErrs":{}"#));
    }
}

#[test]
fn an_event_that_no_key_signed_is_reported_once_keys_were_asked_for_since() {
    let mut world = with_fetched_keys();
    let sets = format!("{{\"sets\":{{\"a\":\"{}\"}}}}", signed_as("2", 2, "a"));
    world.polls_for(30 * SECOND, &sets);
    world.polls_for(62 * SECOND, &sets);
    let (poll, keys) = world.polls_for(64 * SECOND, &sets);
    assert!(poll.contains(r#""setErrs":{}"#));
    world.learns(&keys.unwrap(), 1, 64 * SECOND);
    world.polls_for(66 * SECOND, &sets);
    let (poll, _) = world.polls_for(68 * SECOND, &sets);
    assert!(poll.contains(r#""setErrs":{"a":{"err":"invalid_key","#), "{poll}");
}

#[test]
fn an_event_waits_for_keys_that_nobody_can_have_for_some_minutes_only() {
    let mut world = with_fetched_keys();
    let sets = format!("{{\"sets\":{{\"a\":\"{}\"}}}}", signed_as("2", 2, "a"));
    let mut reported = None;
    for millis in (30 * SECOND..400 * SECOND).step_by(2_000) {
        let (poll, keys) = world.polls_for(millis, &sets);
        let source = IssuerId::parse("security-events").unwrap();
        keys.map(|keys| world.trust.learn(&source, &keys, FetchReply::Failed, at(millis)));
        if poll.contains("invalid_key") {
            reported.get_or_insert(millis);
        }
    }
    assert!((270..330).contains(&(reported.unwrap() / SECOND)), "{reported:?}");
}

#[test]
fn nothing_is_confirmed_while_there_is_more() {
    let mut world = World::inline();
    world.polls_without_store(0, &[("a", set(1, "a", ""))], MORE);
    assert!(world.events.standing(at(1)).is_err());
    world.keeps();
    assert!(world.polls(1, &[]).contains(r#""ack":["a"]"#), "asked for at once");
    assert!(world.events.standing(at(2)).is_ok());
}

#[test]
fn a_transmitter_that_always_has_more_is_asked_so_often_and_then_at_the_usual_pace() {
    let mut world = World::inline();
    let mut polls = 0_u8;
    for millis in 0..2 * SECOND {
        if world.events.due(at(millis)).is_empty() {
            continue;
        }
        let id = format!("e{polls}");
        let body = format!("{{\"sets\":{{\"{id}\":\"{}\"}}{MORE}}}", set(1, &id, ""));
        let poll = world.events.transmitter.polled.asked();
        world.events.absorb(&poll, answer(&body), &mut world.trust, at(millis));
        world.keeps();
        polls += 1;
    }
    assert_eq!(polls, 1 + MAX_AT_ONCE);
    assert_eq!(world.events.due(at(16 + 2 * SECOND)).len(), 1);
    // What brings nothing is not asked for again at once, nor what is not kept.
    for (sets, kept) in [(&[][..], true), (&[("a", set(1, "a", ""))][..], false)] {
        let mut world = World::inline();
        world.polls_without_store(0, sets, MORE);
        if kept {
            world.keeps();
        }
        assert_eq!(world.events.due(at(1_999)), []);
        assert_eq!(world.events.due(at(2 * SECOND)).len(), 1);
    }
}

#[test]
fn an_event_timestamp_may_have_a_fraction() {
    let mut world = World::inline();
    let seconds = NOW / 1000 - 10;
    let details = format!("{{\"event_timestamp\":{seconds}.25}}");
    world.polls(0, &[("a", signed("1", 1, "a", "", &details))]);
    let happened = NOW - 10 * SECOND + 250;
    let dana = PrincipalId::new(&IssuerId::parse(IDP).unwrap(), "dana").unwrap();
    let strikes = |issued| world.events.cutoffs().strikes(&subject(&dana), Some(issued), NOW);
    assert!(strikes(happened) && !strikes(happened + 1));
}

#[test]
fn an_event_from_the_future_strikes_as_far_as_two_clocks_may_differ() {
    let mut world = World::inline();
    let details = format!("{{\"event_timestamp\":{}}}", NOW / 1000 + 3_600);
    world.polls(0, &[("a", signed("1", 1, "a", "", &details))]);
    assert!(world.strikes(LEEWAY_MS, LEEWAY_MS) && !world.strikes(LEEWAY_MS + 1, LEEWAY_MS + 1));
}

#[test]
fn what_another_worker_was_told_counts_from_when_it_was_told() {
    let (mut one, mut other) = (World::inline(), World::inline());
    assert!(other.events.due(at(0)).len() == 1, "its answer never comes");
    one.polls(SECOND, &[]);
    other.events.join(one.store.as_deref());
    assert_eq!(other.events.due(at(2 * SECOND)), []);
    assert!(other.events.standing(at(61 * SECOND - 1)).is_ok());
    assert!(other.events.standing(at(61 * SECOND)).is_err());
}

#[test]
fn a_tick_that_brings_nothing_copies_nothing() {
    let mut world = World::inline();
    world.polls(0, &[("a", set(1, "a", ""))]);
    let shared = Rc::clone(world.events.cutoffs());
    assert_eq!(world.events.join(world.store.as_deref()).write, None);
    assert!(Rc::ptr_eq(&shared, world.events.cutoffs()));
}

#[test]
fn a_host_is_told_that_events_need_the_store() {
    let keys = key_set(&[Signer::es256(1).jwk("1")]);
    let polled = format!(
        r#""security_events":{{"issuer":"{IDP}","algorithms":["ES256"],"keys":{{"inline":{keys}}},"poll":{{"cluster":"events","authority":"idp.example","path":"/poll"}}}},"#
    );
    for (events, recalls) in [("", false), (polled.as_str(), true)] {
        let configuration = format!(
            r#"{{"version":1,"gateway":{{"audience":"https://gateway.example"}},{events}"issuers":[{{"issuer":"{IDP}","algorithms":["ES256"],"keys":{{"inline":{keys}}}}}],"agents":[{{"id":"{IDP}#bot","owner":"team","status":"active"}}],"http":[{{"method":"GET","path":"/orders","action":"orders:list","resource":"orders"}}],"policy":{{"revision":1,"files":[{{"name":"a","text":"@id(\"a\") permit (principal, action, resource);"}}]}}}}"#
        );
        let engine = crate::engine::Engine::new(configuration.as_bytes());
        assert_eq!(engine.unwrap_or_else(|e| panic!("{e}")).recalls(), recalls);
    }
}
