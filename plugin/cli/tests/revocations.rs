//! Lists of revocations as an operator signs them: what is printed, what is written, how it ends.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod desk;

use desk::{Desk, bad, deputy, good};
use serde_json::{Value, json};

const BOT: &str = "https://idp.example#bot";
const DANA: &str = "https://idp.example#dana";

/// `deputy revocations sign` with the key `k`, for an hour, into `out`.
fn sign(desk: &Desk, more: &[&str], out: &str, then: impl FnOnce(&[&str]) -> String) -> String {
    let (key, out) = (desk.text("k.jwk"), desk.text(out));
    let mut arguments = vec!["revocations", "sign"];
    arguments.extend_from_slice(more);
    arguments.extend(["--key", &key, "--valid-for", "1h", "--out", &out]);
    then(&arguments)
}

fn signs(desk: &Desk, more: &[&str], out: &str) -> String {
    sign(desk, more, out, good)
}

fn refuses(desk: &Desk, more: &[&str]) -> String {
    let none = desk.path("none");
    sign(desk, more, "none", |arguments| bad(arguments, &none))
}

fn contents(desk: &Desk, name: &str) -> Value {
    let said = good(&["revocations", "inspect", &desk.text(name), "--json"]);
    serde_json::from_str(&said).unwrap()
}

#[test]
fn every_kind_can_be_named_and_the_list_is_good_for_gateways() {
    let desk = Desk::new();
    for alg in ["Ed25519", "ES256"] {
        let _ = std::fs::remove_file(desk.path("k.jwk"));
        let _ = std::fs::remove_file(desk.path("k.jwks"));
        desk.keys("k", alg);
        let named = [
            "--revision",
            "3",
            "--agent",
            BOT,
            "--agent",
            "spiffe://example.org/bot",
            "--delegator",
            DANA,
            "--owner",
            "payments",
            "--delegation",
            BOT,
            DANA,
            "--token",
            "https://idp.example",
            "jti-1",
            "--key-thumbprint",
            "abc",
            "--issuer",
            "https://old.example",
        ];
        let said = signs(&desk, &named, "list");
        let counts = "2 agents, 1 delegators, 1 owners, 1 delegations, 1 tokens, 1 keys, 1 issuers";
        assert!(said.contains("revision: 3") && said.contains(counts), "{said}");
        let revoked = json!({
            "agents": [BOT, "spiffe://example.org/bot"], "delegators": [DANA],
            "owners": ["payments"], "delegations": [{"agent": BOT, "delegator": DANA}],
            "tokens": [{"issuer": "https://idp.example", "jti": "jti-1"}], "keys": ["abc"],
            "issuers": ["https://old.example"],
        });
        assert_eq!(contents(&desk, "list")["revocations"], revoked);
        let keys = desk.text("k.jwks");
        let said = good(&["revocations", "verify", &desk.text("list"), "--keys", &keys]);
        assert!(said.contains("is good"), "{said}");
        let said = good(&["revocations", "inspect", &desk.text("list")]);
        assert!(said.contains("NOT checked (deputy revocations verify"), "{said}");
    }
}

#[test]
fn the_list_before_goes_on_counting_and_the_number_grows() {
    let desk = Desk::new();
    desk.keys("k", "Ed25519");
    let list = desk.text("list");
    signs(&desk, &["--revision", "7", "--agent", BOT], "list");
    // Into its own place, as a switch that is pulled again and again.
    let said = signs(&desk, &["--after", &list, "--delegator", DANA, "--agent", BOT], "list");
    assert!(said.contains("revision: 8") && said.contains("1 agents, 1 delegators"), "{said}");
    let revoked = json!({"agents": [BOT], "delegators": [DANA]});
    assert_eq!(contents(&desk, "list")["revocations"], revoked);
    let said = refuses(&desk, &["--after", &list, "--revision", "8"]);
    assert!(said.contains("gateways that have revision 8 would refuse revision 8"), "{said}");
}

#[test]
fn a_file_is_all_there_is_and_what_it_takes_back_is_told() {
    let desk = Desk::new();
    desk.keys("k", "Ed25519");
    signs(&desk, &["--revision", "1", "--agent", BOT, "--owner", "payments"], "one");
    std::fs::write(desk.path("list.json"), r#"{"owners": ["payments"]}"#).unwrap();
    let (file, one) = (desk.text("list.json"), desk.text("one"));
    let said = signs(&desk, &[&file, "--after", &one], "two");
    assert!(said.contains(&format!("no longer revoked: agents \"{BOT}\"")), "{said}");
    assert!(!said.contains("payments"), "{said}");
    assert_eq!(contents(&desk, "two")["revocations"], json!({"owners": ["payments"]}));
    std::fs::write(desk.path("list.json"), "{}").unwrap();
    let said = signs(&desk, &[&file, "--after", &one], "three");
    assert!(said.contains("nothing is revoked"), "{said}");
}

#[test]
fn every_problem_of_a_file_is_told_with_its_line_and_nothing_is_signed() {
    let desk = Desk::new();
    desk.keys("k", "Ed25519");
    let file = desk.text("list.json");
    let wrong = "{\n \"agents\": [\n  \"bot\"\n ],\n \"agent\": [],\n \"tokens\": [ { \"jti\": \"a\" } ]\n}";
    std::fs::write(desk.path("list.json"), wrong).unwrap();
    let said = refuses(&desk, &[&file, "--revision", "1"]);
    for text in [
        "list.json:3: revocations.agents[0]: ",
        "list.json:5: revocations.agent: is not known here (did you mean `agents`?",
        "list.json:6: revocations.tokens[0].issuer: is missing",
        "3 problems in",
        "nothing was signed",
    ] {
        assert!(said.contains(text), "{text:?} is not in:\n{said}");
    }
    // Two members of one name: readers differ about which one counts.
    std::fs::write(desk.path("list.json"), r#"{"agents": [], "agents": []}"#).unwrap();
    assert!(refuses(&desk, &[&file, "--revision", "1"]).contains("nothing was signed"));
    std::fs::write(desk.path("list.json"), "[]").unwrap();
    assert!(refuses(&desk, &[&file, "--revision", "1"]).contains("must be an object"));
}

#[test]
fn a_list_that_no_gateway_would_take_is_not_signed() {
    let desk = Desk::new();
    desk.keys("k", "Ed25519");
    let ids: Vec<_> = (0..40_000).map(|n| format!("https://idp.example#agent-{n:012}")).collect();
    std::fs::write(desk.path("list.json"), json!({"agents": ids}).to_string()).unwrap();
    let said = refuses(&desk, &[&desk.text("list.json"), "--revision", "1"]);
    assert!(said.contains("gateways take 2097152"), "{said}");
    let said = refuses(&desk, &["--revision", "9007199254740992"]);
    assert!(said.contains("2^53") && said.contains("nothing was signed"), "{said}");
}

#[test]
fn only_a_list_that_is_signed_with_this_key_is_followed() {
    let desk = Desk::new();
    desk.keys("k", "Ed25519");
    signs(&desk, &["--revision", "1", "--agent", BOT], "one");
    for name in ["k.jwk", "k.jwks"] {
        std::fs::rename(desk.path(name), desk.path(&format!("old-{name}"))).unwrap();
    }
    desk.keys("k", "Ed25519");
    let said = refuses(&desk, &["--after", &desk.text("one")]);
    assert!(said.contains("key that is not among `keys`") && said.contains("--revision"), "{said}");
    let none = desk.path("none");
    let (one, keys, old) = (desk.text("one"), desk.text("k.jwks"), desk.text("old-k.jwks"));
    let said = bad(&["revocations", "verify", &one, "--keys", &keys], &none);
    assert!(said.contains("key that is not among"), "{said}");
    let late = ["revocations", "verify", &one, "--keys", &old, "--at", "2999-01-01T00:00:00Z"];
    assert!(bad(&late, &none).contains("expired at"));
    // A bundle is no list of revocations, whoever signed it.
    let said = refuses(&desk, &["--after", &desk.text("old-k.jwks")]);
    assert!(said.contains("is not a compact JWS"), "{said}");
}

#[test]
fn what_is_called_wrongly_ends_with_two() {
    let call = |more: &[&str]| {
        let fixed = ["revocations", "sign", "--key", "k", "--valid-for", "1h", "--out", "o"];
        let output = deputy(&[&fixed[..], more].concat());
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(call(&["--agent", BOT]).contains("--revision"));
    assert!(call(&["--revision", "1", "--agent", "bot"]).contains("issuer#subject"));
    assert!(call(&["--revision", "1", "--delegation", BOT]).contains("2 values required"));
}
