#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use super::super::issuer::{Form, Host};
use super::super::testing::{self, Signer, key_set};
use super::super::{Keys, Trust};
use super::*;
use crate::fetch::ReplyHeaders;
use crate::model::Timestamp;

const IDP: &str = "https://idp.example/t";
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

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

fn metadata_at(path: &str) -> FetchReply {
    answer(200, &format!(r#"{{"issuer":"{IDP}","jwks_uri":"https://idp.example{path}"}}"#))
}

fn keys(named: &[&str]) -> FetchReply {
    let jwks: Vec<_> = named.iter().map(|kid| Signer::es256(1).jwk(kid)).collect();
    answer(200, &key_set(&jwks))
}

struct Gateway {
    trust: Trust,
    issuer: IssuerId,
}

impl Gateway {
    fn new() -> Self {
        let issuer = IssuerId::parse(IDP).unwrap();
        let main = Host { authority: "idp.example".to_owned(), cluster: "idp".to_owned() };
        let forms = [Form::OAuth, Form::OpenId];
        let discovery = Discovery::new(&issuer, main, Vec::new(), &forms).unwrap();
        let algorithms = Algorithms::new(Algorithm::ALL.into(), false);
        let settings = testing::issuer(issuer.clone(), algorithms, Keys::Discover(discovery));
        Self { trust: Trust::new(vec![settings]), issuer }
    }

    /// Asks for a key; the path that has to be fetched first, or what came of it.
    fn key(&mut self, kid: &str, now: u64) -> Result<(), Result<Fetch, NoKey>> {
        match self.trust.key(&self.issuer, Some(kid), Algorithm::Es256, at(now)) {
            Ok(_) => Ok(()),
            Err(NoKey::Fetch(fetch)) => Err(Ok(fetch)),
            Err(other) => Err(Err(other)),
        }
    }

    fn wanted(&mut self, kid: &str, now: u64) -> Fetch {
        self.key(kid, now).unwrap_err().unwrap()
    }

    fn learn(&mut self, fetch: &Fetch, reply: FetchReply, now: u64) {
        self.trust.learn(&self.issuer, fetch, reply, at(now));
    }

    fn due(&mut self, now: u64) -> Vec<Fetch> {
        self.trust.due(at(now))
    }

    /// With that key from that path.
    fn ready(kid: &str, path: &str) -> Self {
        let mut gateway = Self::new();
        let metadata = gateway.wanted(kid, 0);
        gateway.learn(&metadata, metadata_at(path), 0);
        let fetch = gateway.wanted(kid, 0);
        gateway.learn(&fetch, keys(&[kid]), 0);
        gateway
    }
}

fn path(fetch: &Fetch) -> &str {
    &fetch.endpoint().path
}

#[test]
fn the_metadata_leads_to_the_keys() {
    let mut gateway = Gateway::new();
    let metadata = gateway.wanted("a", 0);
    assert_eq!(path(&metadata), "/.well-known/oauth-authorization-server/t");
    assert_eq!(gateway.wanted("b", 1), metadata, "everybody waits for the one fetch");
    gateway.learn(&metadata, metadata_at("/jwks"), 2);
    let fetch = gateway.wanted("a", 3);
    assert_eq!((path(&fetch), fetch.endpoint().cluster.as_str()), ("/jwks", "idp"));
    gateway.learn(&fetch, keys(&["a"]), 4);
    assert_eq!(gateway.key("a", 5), Ok(()));
    assert_eq!(gateway.key("b", 6), Err(Err(NoKey::Unknown)));
}

#[test]
fn a_form_that_is_not_there_gives_way_to_the_next_one() {
    let mut gateway = Gateway::new();
    let oauth = gateway.wanted("a", 0);
    gateway.learn(&oauth, answer(404, ""), 1);
    let openid = gateway.wanted("a", 2);
    assert_eq!(path(&openid), "/t/.well-known/openid-configuration");
    gateway.learn(&openid, answer(404, ""), 3);
    assert_eq!(gateway.key("a", 4), Err(Err(NoKey::Unavailable)), "none is: a pause");
    assert_eq!(gateway.wanted("a", 3 + 5 * SECOND), oauth);
    gateway.learn(&oauth, answer(500, ""), 6 * SECOND);
    assert_eq!(gateway.wanted("a", 12 * SECOND), oauth, "an error is no absence");
    gateway.learn(&oauth, answer(404, ""), 13 * SECOND);
    gateway.learn(&openid, metadata_at("/jwks"), 14 * SECOND);
    assert_eq!(path(&gateway.wanted("a", 15 * SECOND)), "/jwks");
}

#[test]
fn metadata_that_is_refused_leads_nowhere_and_changes_nothing() {
    let evil = format!(r#"{{"issuer":"{IDP}","jwks_uri":"https://evil.example/jwks"}}"#);
    let other = r#"{"issuer":"https://idp.example","jwks_uri":"https://idp.example/jwks"}"#;
    for (bad, why) in
        [(evil.as_str(), "evil.example"), (other, "byte for byte"), ("<html>", "JSON")]
    {
        let mut gateway = Gateway::new();
        let metadata = gateway.wanted("a", 0);
        gateway.learn(&metadata, answer(200, bad), 1);
        let error = gateway.trust.last_error(&gateway.issuer, &metadata).unwrap();
        assert!(error.contains(why) && error.contains(IDP), "{error}");
        assert_eq!(gateway.key("a", 2), Err(Err(NoKey::Unavailable)));
        let mut gateway = Gateway::ready("a", "/jwks");
        gateway.learn(&metadata, answer(200, bad), MINUTE);
        assert_eq!(gateway.key("a", MINUTE + 1), Ok(()), "{why}");
    }
}

#[test]
fn keys_that_moved_are_fetched_at_once_and_the_old_ones_count_until_then() {
    let mut gateway = Gateway::ready("a", "/jwks");
    let due = gateway.due(6 * MINUTE);
    assert_eq!(
        due.iter().map(path).collect::<Vec<_>>(),
        ["/.well-known/oauth-authorization-server/t", "/jwks"]
    );
    gateway.learn(&due[0], metadata_at("/new"), 6 * MINUTE + 1);
    gateway.learn(&due[1], keys(&["z"]), 6 * MINUTE + 2);
    assert_eq!(
        gateway.key("a", 6 * MINUTE + 3),
        Ok(()),
        "an answer from the old place is too late"
    );
    let moved = gateway.due(6 * MINUTE + 4);
    assert_eq!(moved.iter().map(path).collect::<Vec<_>>(), ["/new"]);
    gateway.learn(&moved[0], keys(&["b"]), 6 * MINUTE + 5);
    assert_eq!(gateway.key("b", 6 * MINUTE + 6), Ok(()));
    assert_eq!(gateway.key("a", 6 * MINUTE + 7), Err(Err(NoKey::Unknown)));
}

#[test]
fn invented_key_ids_ask_for_the_metadata_never_and_for_the_keys_once_a_minute() {
    let mut gateway = Gateway::ready("a", "/jwks");
    let mut asked = 0;
    for millis in (MINUTE..5 * MINUTE).step_by(500) {
        if let Err(Ok(fetch)) = gateway.key(&format!("k{millis}"), millis) {
            assert_eq!(path(&fetch), "/jwks");
            gateway.learn(&fetch, keys(&["a"]), millis);
            asked += 1;
        }
    }
    assert_eq!(asked, 4);
}

#[test]
fn metadata_that_nobody_confirmed_for_a_day_no_longer_leads_anywhere() {
    let mut gateway = Gateway::ready("a", "/jwks");
    for hour in 1..24 {
        let due = gateway.due(hour * HOUR);
        assert_eq!(due.len(), 2);
        gateway.learn(&due[0], FetchReply::Failed, hour * HOUR);
        gateway.learn(&due[1], keys(&["a"]), hour * HOUR);
        assert_eq!(gateway.key("a", hour * HOUR), Ok(()));
    }
    let metadata = gateway.wanted("a", 24 * HOUR);
    assert_eq!(path(&metadata), "/.well-known/oauth-authorization-server/t");
    gateway.learn(&metadata, metadata_at("/jwks"), 24 * HOUR + 1);
    assert_eq!(gateway.key("a", 24 * HOUR + 2), Ok(()));
}
