//! What an access token must say: JWT-20…29, threats T11, T13…T19, T26.

use super::*;

/// The answer to the good token with one claim set to a value written as JSON.
fn with(name: &str, value: &str) -> Result<Rc<Verified>, Reason> {
    let mut claims = claims();
    claims[name] = json!("HERE");
    let claims = claims.to_string().replace("\"HERE\"", value);
    let token = signed_text(&header().to_string(), &claims, &Signer::es256(1));
    verify_for(issuer(), &token, at(NOW)).map_err(|unverified| match unverified {
        Unverified::Rejected(rejected) => rejected.reason,
        Unverified::Needs(fetch) => panic!("{fetch:?}"),
    })
}

#[test]
fn every_claim_of_rfc_9068_is_required() {
    for name in ["iss", "exp", "sub", "client_id", "iat", "jti"] {
        let answer = answer_to(|claims| without(claims, name));
        assert_eq!(answer, Err(Reason::TokenMalformed), "{name}");
        for value in ["null", "\"\"", "[]", "{}", "true"] {
            assert!(with(name, value).is_err(), "{name}: {value}");
        }
    }
    assert_eq!(answer_to(|claims| without(claims, "aud")), Err(Reason::AudienceMismatch));
    assert!(answer_to(|claims| without(claims, "scope")).unwrap().grant.scopes.is_empty());
}

#[test]
fn an_issuer_is_compared_byte_for_byte() {
    let close = [
        "https://idp.acme.example/",
        "https://IDP.acme.example",
        "https://idp.acme.example#",
        "https://idp.acme.example.evil",
        "https://ıdp.acme.example",
        "http://idp.acme.example",
    ];
    for iss in close {
        assert_eq!(answer_to(|c| c["iss"] = json!(iss)), Err(Reason::IssuerUnknown), "{iss}");
    }
    assert_eq!(with("iss", "[\"https://idp.acme.example\"]"), Err(Reason::TokenMalformed));
}

#[test]
fn a_token_is_for_us_and_for_nobody_else() {
    assert!(with("aud", &format!("[{GATEWAY:?}]")).is_ok());
    let others = [
        "\"\"",
        "[]",
        "\"https://gateway.acme.example/\"",
        "\"https://gateway.acme.example \"",
        "\"https://gateway.acme.example.evil\"",
        "\"https://gateway.acme\"",
        "\"https://GATEWAY.acme.example\"",
        "\"*\"",
        "[\"x\"]",
        "[\"x\",\"https://gateway.acme.example\"]",
        "[\"https://gateway.acme.example\",\"x\"]",
    ];
    for aud in others {
        assert_eq!(with("aud", aud), Err(Reason::AudienceMismatch), "{aud}");
    }
    let wrong = [
        "null",
        "1",
        "{\"https://gateway.acme.example\":1}",
        "[[\"https://gateway.acme.example\"]]",
        "[\"https://gateway.acme.example\",null]",
    ];
    for aud in wrong {
        assert_eq!(with("aud", aud), Err(Reason::TokenMalformed), "{aud}");
    }
}

#[test]
fn a_token_for_others_too_is_accepted_only_where_configured() {
    let mut claims = claims();
    claims["aud"] = json!(["https://orders.acme.example/mcp", GATEWAY]);
    let token = signed(&header(), &claims);
    let foreign = Issuer { foreign_audiences: true, ..issuer() };
    assert_eq!(verify_for(foreign.clone(), &token, at(NOW)).unwrap().audiences.len(), 2);
    claims["aud"] = json!(["https://orders.acme.example/mcp"]);
    let token = signed(&header(), &claims);
    assert_eq!(rejection(foreign, &token, at(NOW)).reason, Reason::AudienceMismatch);
    // Both names are ours where the server's own resource is an audience of the request.
    claims["aud"] = json!(["https://orders.acme.example/mcp", GATEWAY]);
    let (mut trust, mut cache) = (Trust::new(vec![issuer()]), TokenCache::default());
    let ours = [GATEWAY, "https://orders.acme.example/mcp"];
    let head = bearer(&signed(&header(), &claims));
    assert!(
        verify(
            &head,
            (&Rules::default(), &mut trust, &mut cache),
            &mut ProvenBefore::default(),
            &ours,
            at(NOW)
        )
        .is_ok()
    );
}

#[test]
fn a_time_is_a_number_of_seconds() {
    for name in ["exp", "iat", "nbf"] {
        let wrong = ["null", "\"1795457870\"", "-1", "-0.5", "true", "[1795457870]", "{}"];
        for value in wrong {
            assert_eq!(with(name, value), Err(Reason::TokenMalformed), "{name}: {value}");
        }
        let unreadable = ["1e400", "-0", "9007199254740992", "9223372036854775807", "NaN", "0x10"];
        for value in unreadable {
            assert_eq!(with(name, value), Err(Reason::TokenMalformed), "{name}: {value}");
        }
    }
    assert_eq!(
        with("exp", "1795458160.25").unwrap().proof.expires.unwrap().unix_millis(),
        1_795_458_160_250
    );
    assert!(with("exp", "1.79545816e9").is_ok());
    assert!(with("iat", "1795457860.999").is_ok());
}

#[test]
fn a_token_expires_exactly_at_exp_plus_leeway() {
    let token = good_token();
    let exp = (NOW + 290) * 1000;
    let now = |millis| verify_for(issuer(), &token, Timestamp::from_unix_millis(millis));
    for fine in [exp - 1, exp, exp + 1, exp + 59_999] {
        assert!(now(fine).is_ok(), "{fine}");
    }
    for late in [exp + 60_000, exp + 60_001, exp + 3_600_000, u64::MAX] {
        let rejected = rejection(issuer(), &token, Timestamp::from_unix_millis(late));
        assert_eq!(rejected.reason, Reason::TokenExpired, "{late}");
    }
    let strict = Issuer { leeway_seconds: 0, ..issuer() };
    let at_exp = Timestamp::from_unix_millis(exp);
    assert_eq!(rejection(strict.clone(), &token, at_exp).reason, Reason::TokenExpired);
    assert!(verify_for(strict, &token, Timestamp::from_unix_millis(exp - 1)).is_ok());
}

#[test]
fn a_token_begins_at_nbf_and_iat_minus_leeway() {
    for name in ["nbf", "iat"] {
        let starting = |seconds: u64| answer_to(|claims| claims[name] = json!(seconds));
        for fine in [NOW - 20, NOW, NOW + 59, NOW + 60] {
            assert!(starting(fine).is_ok(), "{name} {fine}");
        }
        for early in [NOW + 61, NOW + 280] {
            assert_eq!(starting(early), Err(Reason::TokenNotYetValid), "{name} {early}");
        }
    }
    let rejected = rejection(issuer(), &good_token(), at(NOW - 71));
    assert_eq!(rejected.reason, Reason::TokenNotYetValid, "the clock was set back");
}

#[test]
fn a_token_lives_no_longer_than_its_issuer_may_let_it() {
    let living = |seconds: u64| answer_to(|claims| claims["exp"] = json!(NOW - 10 + seconds));
    assert!(living(3600).is_ok());
    assert_eq!(living(3601), Err(Reason::TokenLivesTooLong));
    assert_eq!(with("exp", "1795461460.001"), Err(Reason::TokenLivesTooLong));
    assert_eq!(with("exp", "9007199254740991"), Err(Reason::TokenLivesTooLong));
    assert_eq!(with("iat", "0"), Err(Reason::TokenLivesTooLong));
    for not_after in [0, NOW - 11, NOW - 10] {
        let answer = answer_to(|claims| claims["exp"] = json!(not_after));
        assert_eq!(answer, Err(Reason::TokenMalformed), "{not_after}");
    }
}

#[test]
fn what_another_kind_of_token_says_is_never_an_access_token() {
    let others = [
        ("nonce", json!("n")),
        ("at_hash", json!("h")),
        ("token_use", json!("id")),
        ("token_use", json!("access")),
        ("nonce", json!(null)),
        ("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}})),
    ];
    for (name, value) in others {
        let answer = answer_to(|claims| claims[name] = value.clone());
        assert_eq!(answer, Err(Reason::TokenWrongType), "{name}");
    }
}

#[test]
fn a_bound_token_is_no_bearer_token() {
    let confirmations = [
        json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
        json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
        json!({"jwk": {"kty": "EC"}}),
        json!({"kid": "x"}),
        json!({}),
        json!(null),
        json!("x"),
    ];
    for cnf in confirmations {
        let answer = answer_to(|claims| claims["cnf"] = cnf.clone());
        assert_eq!(answer, Err(Reason::ProofOfPossessionMissing), "{cnf}");
    }
}

#[test]
fn scope_is_a_list_of_tokens_with_one_space_between() {
    let scopes = with("scope", "\"a b:c a https://x/y!\"").unwrap().grant.scopes.clone();
    assert!(scopes.iter().eq(["a", "b:c", "https://x/y!"]));
    assert!(with("scope", "\"\"").unwrap().grant.scopes.is_empty(), "nothing is nothing");
    let wrong = [
        "\" \"",
        "\" a\"",
        "\"a \"",
        "\"a  b\"",
        "\"a\\tb\"",
        "\"a\\nb\"",
        "\"a\\\"b\"",
        "\"a\\\\b\"",
        "\"a\\u00e9\"",
        "\"a\\u00a0b\"",
        "[\"a\"]",
        "null",
        "1",
        "{}",
    ];
    for scope in wrong {
        assert_eq!(with("scope", scope), Err(Reason::TokenMalformed), "{scope}");
    }
    let scp = answer_to(|claims| {
        without(claims, "scope");
        claims["scp"] = json!(["admin"]);
    });
    assert!(scp.unwrap().grant.scopes.is_empty(), "`scp` grants nothing");
}

#[test]
fn a_name_holds_nothing_hidden_and_is_not_long() {
    let long = "x".repeat(600);
    for name in ["sub", "client_id", "jti"] {
        for bad in ["", "a\u{0}b", "a\nb", "a\u{7f}", "a\u{85}b", &long] {
            let answer = answer_to(|claims| claims[name] = json!(bad));
            assert_eq!(answer, Err(Reason::TokenMalformed), "{name} {bad:?}");
        }
    }
    for hidden in ["dana\u{200b}", "\u{202e}anad", "da\u{ad}na", "\u{feff}dana"] {
        let answer = answer_to(|claims| claims["sub"] = json!(hidden));
        assert_eq!(answer, Err(Reason::TokenMalformed), "{hidden:?}");
    }
}

#[test]
fn subjects_are_compared_as_bytes_after_json_decoding() {
    let delegator = |value: &str| {
        let verified = with("sub", value).unwrap();
        verified.actor.delegation.clone().unwrap().delegator.as_str().to_owned()
    };
    assert_eq!(delegator(r#""\u0064ana""#), format!("{IDP}#dana"));
    // Composed and decomposed é are two subjects, as are Latin and Cyrillic a.
    assert_ne!(delegator(r#""ren\u00e9""#), delegator(r#""rene\u0301""#));
    assert_ne!(delegator(r#""dana""#), delegator("\"d\u{430}na\""));
}

#[test]
fn a_refusal_names_whom_it_is_about_only_if_the_signature_holds() {
    let token = |change: fn(&mut Value)| {
        let mut claims = claims();
        change(&mut claims);
        signed(&header(), &claims)
    };
    let known: [fn(&mut Value); 4] = [
        |claims| claims["exp"] = json!(NOW - 5),
        |claims| claims["aud"] = json!("x"),
        |claims| claims["cnf"] = json!({}),
        |claims| without(claims, "act"),
    ];
    for change in known {
        let token = token(change);
        let known = rejection(issuer(), &token, at(NOW + 100)).known.unwrap();
        assert_eq!(known.subject.unwrap().as_str(), format!("{IDP}#dana"));
        assert_eq!((known.kind, known.issuer.as_str()), ("at+jwt", IDP));
        assert!(known.thumbprint.starts_with("sha-256:"));
    }
    let impersonation = token(|claims| without(claims, "act"));
    let header = header().to_string();
    let forged = signed_text(&header, &claims().to_string(), &Signer::es256(2));
    assert!(rejection(issuer(), &impersonation, at(NOW)).known.is_some());
    assert!(rejection(issuer(), &forged, at(NOW)).known.is_none());
}
