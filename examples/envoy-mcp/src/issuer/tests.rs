//! Who gets a token, and who does not.

use serde_json::{Value, json};

use super::grant::{CLIENT_CREDENTIALS, Granted, Refused, TOKEN_EXCHANGE};
use super::{Issuer, client_assertion};
use crate::jose::{self, Signatory};

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://idp.example";
const GATEWAY: &str = "https://gateway.example";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// An issuer that knows one agent, and that agent's key.
fn issuer(agent: &'static str) -> (Issuer, Signatory) {
    let mut issuer = Issuer::without_clients(ISSUER.to_owned(), GATEWAY.to_owned());
    let key = Signatory::generate();
    issuer.client_keys.insert(agent, key.verifying_key());
    (issuer, key)
}

fn assertion(key: &Signatory, agent: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({ "iss": agent, "sub": agent, "aud": ISSUER, "jti": jose::unguessable(), "exp": NOW + 60 });
    change(&mut claims);
    key.sign(client_assertion::TYP, &claims)
}

fn form(agent: &str, assertion: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut form = vec![
        ("client_id".to_owned(), agent.to_owned()),
        ("client_assertion_type".to_owned(), client_assertion::ASSERTION_TYPE.to_owned()),
        ("client_assertion".to_owned(), assertion.to_owned()),
    ];
    form.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    form
}

fn ask(agent: &'static str, more: &[(&str, &str)]) -> Result<Value, Refused> {
    let (issuer, key) = issuer(agent);
    let dana = token(&issuer.sign_in("dana", NOW).unwrap());
    let assertion = assertion(&key, agent, |_| ());
    let more: Vec<_> =
        more.iter().map(|(n, v)| (*n, if *v == "DANA" { dana.as_str() } else { v })).collect();
    issuer.grant(&form(agent, &assertion, &more), NOW).map(|granted| claims(&issuer, &granted))
}

fn exchange<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token_type", ACCESS_TOKEN),
        ("subject_token", "DANA"),
    ];
    form.extend(more);
    form
}

fn token(granted: &Granted) -> String {
    granted.body()["access_token"].as_str().unwrap().to_owned()
}

fn claims(issuer: &Issuer, granted: &Granted) -> Value {
    jose::verify(&token(granted), "at+jwt", &issuer.key.verifying_key()).unwrap()
}

#[test]
fn an_agent_for_a_human_is_named_in_act_and_the_human_in_sub() {
    let claims = ask("refund-bot", &exchange(&[])).unwrap();
    assert_eq!(claims["sub"], "dana");
    assert_eq!(claims["act"], json!({ "iss": ISSUER, "sub": "refund-bot" }));
    assert_eq!(claims["aud"], GATEWAY);
    assert_eq!(claims["scope"], "orders refunds customers");
    assert_eq!(claims["exp"], NOW + 300);
}

#[test]
fn an_agent_on_its_own_account_is_its_own_subject() {
    let claims = ask("nightly-report", &[("grant_type", CLIENT_CREDENTIALS)]).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["client_id"]),
        (&json!("nightly-report"), &json!("nightly-report"))
    );
    assert_eq!(claims.get("act"), None);
}

#[test]
fn a_humans_own_token_names_no_agent() {
    let (issuer, _) = issuer("refund-bot");
    let claims = claims(&issuer, &issuer.sign_in("dana", NOW).unwrap());
    assert_eq!((&claims["sub"], claims.get("act")), (&json!("dana"), None));
    assert!(issuer.sign_in("mallory", NOW).is_err());
}

#[test]
fn nobody_is_acted_for_without_their_consent() {
    assert_eq!(ask("nightly-report", &exchange(&[])).unwrap_err().code(), "invalid_grant");
}

#[test]
fn scopes_and_targets_that_cannot_be_had_are_refused() {
    let code = |more: &[(&'static str, &'static str)]| {
        ask("refund-bot", &exchange(more)).unwrap_err().code()
    };
    assert_eq!(code(&[("scope", "orders exports")]), "invalid_scope");
    assert_eq!(code(&[("resource", "https://elsewhere.example")]), "invalid_target");
    assert_eq!(code(&[("resource", GATEWAY), ("resource", GATEWAY)]), "invalid_request");
    assert_eq!(ask("refund-bot", &exchange(&[("scope", "orders")])).unwrap()["scope"], "orders");
}

#[test]
fn a_delegation_does_not_outlive_what_it_was_made_from() {
    let (issuer, key) = issuer("refund-bot");
    let dana = token(&issuer.sign_in("dana", NOW - 200).unwrap());
    let ask = |now: u64| {
        let assertion = assertion(&key, "refund-bot", |claims| claims["exp"] = json!(now + 60));
        let more = exchange(&[])
            .into_iter()
            .map(|(n, v)| (n, if v == "DANA" { dana.as_str() } else { v }));
        issuer.grant(&form("refund-bot", &assertion, &more.collect::<Vec<_>>()), now)
    };
    assert_eq!(claims(&issuer, &ask(NOW).unwrap())["exp"], NOW + 100);
    assert_eq!(ask(NOW + 100).map(|_| ()).unwrap_err().code(), "invalid_grant");
}

#[test]
fn only_the_holder_of_the_agents_key_gets_its_token_and_only_once_per_assertion() {
    let (issuer, key) = issuer("refund-bot");
    let grant = [("grant_type", CLIENT_CREDENTIALS)];
    let ask =
        |assertion: &str| issuer.grant(&form("refund-bot", assertion, &grant), NOW).map(|_| ());
    let refused =
        |assertion: &str| assert_eq!(ask(assertion).unwrap_err().code(), "invalid_client");

    refused(&assertion(&Signatory::generate(), "refund-bot", |_| ()));
    refused(&assertion(&key, "nightly-report", |_| ()));
    refused(&assertion(&key, "refund-bot", |claims| {
        claims["aud"] = json!("https://elsewhere.example")
    }));
    refused(&assertion(&key, "refund-bot", |claims| claims["exp"] = json!(NOW)));
    refused(&assertion(&key, "refund-bot", |claims| claims["exp"] = json!(NOW + 3600)));
    refused(&assertion(&key, "refund-bot", |claims| claims["jti"] = json!(null)));
    let used = assertion(&key, "refund-bot", |_| ());
    assert!(ask(&used).is_ok());
    refused(&used);
}

/// A code for lee, as the page gives it; and the verifier that goes with it.
fn code(issuer: &Issuer, now: u64) -> (String, &'static str) {
    let verifier = "a-verifier-of-forty-three-characters-or-more";
    let challenge = jose::digest(verifier.as_bytes()).replace("sha-256:", "");
    let asked = [("nonce", "n"), ("code_challenge", challenge.as_str())];
    let asked = asked.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    (issuer.new_code("lee", &asked, now).unwrap(), verifier)
}

fn redeem(issuer: &Issuer, key: &Signatory, more: &[(&str, &str)]) -> Result<Value, Refused> {
    let assertion = assertion(key, "approvals", |_| ());
    let form = form("approvals", &assertion, more);
    issuer.grant(&form, NOW).map(|granted| {
        let body = granted.body();
        let id_token = body["id_token"].as_str().unwrap();
        jose::verify(id_token, "JWT", &issuer.key.verifying_key()).unwrap()
    })
}

const CALLBACK: &str = "http://127.0.0.1:9402/login/callback";

#[test]
fn a_code_is_good_once_in_time_and_for_who_holds_the_verifier() {
    let (issuer, key) = issuer("approvals");
    let issuer = issuer.with_approvals_callback(CALLBACK.to_owned());
    let ask = |code: &str, verifier: &str, callback: &str| {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", callback),
        ];
        redeem(&issuer, &key, &form)
    };
    let (good, verifier) = code(&issuer, NOW);
    let claims = ask(&good, verifier, CALLBACK).unwrap();
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("lee"), &json!("approvals")));
    assert_eq!((&claims["nonce"], &claims["auth_time"]), (&json!("n"), &json!(NOW)));
    let refused = |code: &str, verifier: &str, callback: &str| {
        assert_eq!(ask(code, verifier, callback).unwrap_err().code(), "invalid_grant");
    };
    refused(&good, verifier, CALLBACK);
    refused(&code(&issuer, NOW - 60).0, verifier, CALLBACK);
    refused(&code(&issuer, NOW).0, "another", CALLBACK);
    refused(&code(&issuer, NOW).0, verifier, "https://evil.example");
}

#[test]
fn agents_redeem_no_codes_and_the_approval_service_gets_no_tokens_of_agents() {
    let (issuer, key) = issuer("refund-bot");
    let code = [("grant_type", "authorization_code"), ("code", "x")];
    let refused =
        issuer.grant(&form("refund-bot", &assertion(&key, "refund-bot", |_| ()), &code), NOW);
    assert_eq!(refused.map(|_| ()).unwrap_err().code(), "unauthorized_client");
    assert_eq!(
        ask("approvals", &[("grant_type", CLIENT_CREDENTIALS)]).unwrap_err().code(),
        "unauthorized_client"
    );
}
