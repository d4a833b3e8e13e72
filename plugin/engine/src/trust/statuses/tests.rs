//! Which lists are taken and how long, and what a bad answer does.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use super::*;
use crate::fetch::ReplyHeaders;
use crate::trust::testing::{Signer, issuer, key_set};
use crate::trust::{Algorithm, Algorithms, Issuer, KeySet, Keys, base64url};

const ISSUER: &str = "https://idp.example";
const START: u64 = 1_800_000_000;
const ONE: &str = "https://idp.example/statuses/1";
/// §4.1: tokens 0, 3, 4, 5, 7, … are invalid, 1 and 2 are valid.
const LST: &str = "eNrbuRgAAhcBXQ";

fn id() -> IssuerId {
    IssuerId::parse(ISSUER).unwrap()
}

fn host() -> Host {
    Host { authority: "idp.example".to_owned(), cluster: "idp".to_owned() }
}

fn trust(status_lists: Vec<StatusSource>) -> Trust {
    let algorithms = Algorithms::new([Algorithm::Es256].into(), false);
    let keys = key_set(&[Signer::es256(1).jwk("1"), Signer::es256(2).jwk("2")]);
    let keys = Keys::Inline(KeySet::parse(keys.as_bytes(), &algorithms).unwrap());
    Trust::new(vec![Issuer { status_lists, ..issuer(id(), algorithms, keys) }])
}

fn below(prefix: &str) -> StatusSource {
    let uris = StatusUris::Below(prefix.to_owned());
    StatusSource { uris, host: host(), max_age_ms: 3_600_000 }
}

fn now(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis((START + seconds) * 1000)
}

/// Of tokens issued at that second.
fn answer(seed: u8, uri: &str, iat: u64, more: &str) -> FetchReply {
    let header = format!(r#"{{"typ":"statuslist+jwt","alg":"ES256","kid":"{seed}"}}"#);
    let claims = format!(
        r#"{{"sub":"{uri}","iat":{}{more},"status_list":{{"bits":1,"lst":"{LST}"}}}}"#,
        START + iat
    );
    let [header, claims] = [header, claims].map(|part| base64url::encode(part.as_bytes()));
    let message = format!("{header}.{claims}");
    let signature = base64url::encode(&Signer::es256(seed).sign(message.as_bytes()));
    let body = format!("{message}.{signature}").into_bytes();
    FetchReply::Answered { status: 200, headers: ReplyHeaders::default(), body }
}

struct World(Trust);

impl World {
    fn asks(&mut self, uri: &str, index: u64, at: u64) -> Result<(), NoStatus> {
        self.0.status(&id(), &StatusReference { uri: uri.to_owned(), index }, now(at))
    }

    fn wants(&mut self, uri: &str, at: u64) -> Fetch {
        match self.asks(uri, 1, at) {
            Err(NoStatus::Fetch(fetch)) => fetch,
            other => panic!("{other:?}"),
        }
    }

    fn learns(&mut self, fetch: &Fetch, reply: FetchReply, at: u64) {
        self.0.learn_statuses(fetch, reply, now(at));
    }
}

#[test]
fn a_list_is_asked_for_where_the_configuration_says_and_read_by_index() {
    let mut world = World(trust(vec![below("https://idp.example/statuses/")]));
    let fetch = world.wants(ONE, 0);
    let endpoint = fetch.endpoint();
    assert_eq!((endpoint.cluster.as_str(), endpoint.path.as_str()), ("idp", "/statuses/1"));
    assert_eq!(fetch.headers().collect::<Vec<_>>(), [("accept", "application/statuslist+jwt")]);
    world.learns(&fetch, answer(1, ONE, 0, ""), 0);
    assert_eq!(world.asks(ONE, 1, 1), Ok(()));
    assert_eq!(world.asks(ONE, 0, 1), Err(NoStatus::Invalid));
    assert_eq!(world.asks(ONE, 16, 1), Err(NoStatus::BeyondEnd));
}

#[test]
fn a_token_leads_to_no_address_that_is_not_configured() {
    let exactly = StatusSource {
        uris: StatusUris::Exactly("https://idp.example/s?l=1".to_owned()),
        ..below("")
    };
    let mut world = World(trust(vec![below("https://idp.example/statuses/"), exactly]));
    for uri in [
        "https://evil.example/statuses/1",
        "http://idp.example/statuses/1",
        "https://idp.example/statuses",
        "https://idp.example/statuses/",
        "https://idp.example/statuses/../admin",
        "https://idp.example/statuses/a/./b",
        "https://idp.example/statuses//1",
        "https://idp.example/statuses/%2e%2e/admin",
        "https://idp.example/statuses/1?x=1",
        "https://idp.example/statuses/1#x",
        "https://idp.example/statuses/1 HTTP/1.1",
        "https://idp.example/s?l=2",
        "https://idp.example/statuses@evil.example/",
        "",
    ] {
        assert_eq!(world.asks(uri, 1, 0), Err(NoStatus::NotTaken), "{uri}");
    }
    assert_eq!(world.wants("https://idp.example/s?l=1", 0).endpoint().path, "/s?l=1");
    let stranger = IssuerId::parse("https://other.example").unwrap();
    let reference = StatusReference { uri: ONE.to_owned(), index: 1 };
    assert_eq!(world.0.status(&stranger, &reference, now(0)), Err(NoStatus::NotTaken));
}

#[test]
fn what_is_no_list_of_the_issuer_replaces_nothing() {
    let mut world = World(trust(vec![below("https://idp.example/statuses/")]));
    let fetch = world.wants(ONE, 0);
    let two = "https://idp.example/statuses/2";
    world.learns(&fetch, answer(3, ONE, 0, ""), 0);
    assert!(world.0.last_error(&id(), &fetch).unwrap().contains("not signed"));
    assert_eq!(world.asks(ONE, 1, 1), Err(NoStatus::Unavailable));
    let fetch = world.wants(ONE, 6);
    world.learns(&fetch, answer(1, ONE, 6, ",\"ttl\":60"), 6);
    assert_eq!(world.asks(ONE, 1, 7), Ok(()));
    for (bad, why) in [
        (answer(1, two, 70, ""), "`sub`"),
        (answer(1, ONE, 5, ""), "older"),
        (answer(3, ONE, 70, ""), "not signed"),
        (answer(1, ONE, 200, ""), "future"),
        (answer(1, ONE, 70, &format!(",\"exp\":{}", START + 70)), "expired"),
        (FetchReply::Failed, "no answer"),
    ] {
        world.learns(&fetch, bad, 70);
        assert!(world.0.last_error(&id(), &fetch).unwrap().contains(why), "{why}");
        assert_eq!(world.asks(ONE, 1, 71), Ok(()), "{why}");
    }
}

#[test]
fn a_list_is_asked_for_again_after_its_ttl_and_counts_for_its_longest_time_at_most() {
    let mut world = World(trust(vec![below("https://idp.example/statuses/")]));
    let fetch = world.wants(ONE, 0);
    world.learns(&fetch, answer(1, ONE, 0, ",\"ttl\":30"), 0);
    assert_eq!(world.0.due(now(29)), []);
    assert_eq!(world.0.due(now(30)), std::slice::from_ref(&fetch));
    assert_eq!(world.0.due(now(31)), [], "under way");
    world.learns(&fetch, FetchReply::Failed, 32);
    assert_eq!(world.0.due(now(33)), [], "not at once again");
    assert_eq!(world.asks(ONE, 1, 3_599), Ok(()));
    assert!(matches!(world.asks(ONE, 1, 3_600), Err(NoStatus::Fetch(_))));
    // What it says of itself comes first.
    world.learns(&fetch, answer(1, ONE, 3_600, &format!(",\"exp\":{}", START + 3_700)), 3_600);
    assert_eq!(world.asks(ONE, 1, 3_699), Ok(()));
    assert!(matches!(world.asks(ONE, 1, 3_700), Err(NoStatus::Fetch(_))));
}

#[test]
fn an_older_list_is_not_taken_when_the_newer_one_is_gone() {
    let mut world = World(trust(vec![below("https://idp.example/statuses/")]));
    let fetch = world.wants(ONE, 0);
    world.learns(&fetch, answer(1, ONE, 60, ""), 60);
    assert_eq!(world.asks(ONE, 1, 61), Ok(()));
    // Its longest time is over.
    assert!(matches!(world.asks(ONE, 1, 3_660), Err(NoStatus::Fetch(_))));
    world.learns(&fetch, answer(1, ONE, 0, ""), 3_660);
    assert!(world.0.last_error(&id(), &fetch).unwrap().contains("older"));
    assert_eq!(world.asks(ONE, 1, 3_661), Err(NoStatus::Unavailable));
}

#[test]
fn a_ttl_beyond_its_longest_time_does_not_let_a_list_lapse() {
    let mut world = World(trust(vec![below("https://idp.example/statuses/")]));
    let fetch = world.wants(ONE, 0);
    world.learns(&fetch, answer(1, ONE, 0, ",\"ttl\":86400"), 0);
    assert_eq!(world.0.due(now(3_580)), []);
    assert_eq!(world.0.due(now(3_595)).len(), 1, "while it still counts");
}

#[test]
fn a_ttl_of_a_second_does_not_become_a_flood() {
    let mut world = World(trust(vec![below("https://idp.example/statuses/")]));
    let fetch = world.wants(ONE, 0);
    world.learns(&fetch, answer(1, ONE, 0, ",\"ttl\":1"), 0);
    assert_eq!(world.0.due(now(9)), []);
    assert_eq!(world.0.due(now(10)).len(), 1);
}

#[test]
fn an_issuer_has_a_bounded_number_of_lists_and_idle_ones_go() {
    let mut world = World(trust(vec![below("https://idp.example/statuses/")]));
    let uri = |n: usize| format!("https://idp.example/statuses/{n}");
    for n in 0..MAX_LISTS {
        world.wants(&uri(n), 0);
    }
    assert_eq!(world.asks(&uri(MAX_LISTS), 1, 59), Err(NoStatus::Unavailable));
    assert_eq!(world.0.statuses.lists.len(), MAX_LISTS);
    world.wants(&uri(MAX_LISTS), 60);
    assert_eq!(world.0.statuses.lists.len(), MAX_LISTS);
    world.0.due(now(60 + 3_600));
    assert_eq!(world.0.statuses.lists.len(), 0);
}

#[test]
fn a_list_goes_with_the_key_that_signed_it() {
    let mut world = World(trust(vec![below("https://idp.example/statuses/")]));
    let fetch = world.wants(ONE, 0);
    world.learns(&fetch, answer(2, ONE, 0, ""), 0);
    let kept = |key: u8| {
        let algorithms = Algorithms::new([Algorithm::Es256].into(), false);
        let keys = key_set(&[Signer::es256(key).jwk("1")]);
        KeySet::parse(keys.as_bytes(), &algorithms).unwrap().thumbprints()
    };
    let elapsed = world.0.clock.at(now(6));
    world.0.statuses.retain(&id(), &kept(2), elapsed);
    assert_eq!(world.asks(ONE, 1, 6), Ok(()));
    world.0.statuses.retain(&id(), &kept(1), elapsed);
    assert!(matches!(world.asks(ONE, 1, 6), Err(NoStatus::Fetch(_))));
}
