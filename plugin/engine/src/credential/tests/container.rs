//! Attacks on the token as a container: JWT-1…18, threats T1…T12, T17…T23.

use proptest::prelude::*;

use super::*;

fn with_header(change: impl FnOnce(&mut Value)) -> String {
    let mut header = header();
    change(&mut header);
    signed(&header, &claims())
}

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

#[test]
fn only_three_parts_of_canonical_base64url_are_a_token() {
    let token = good_token();
    let [header, claims, signature] = parts(&token);
    let malformed = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!(".{claims}.{signature}"),
        format!("{header}..{signature}"),
        format!("{token}.{signature}"),
        format!("{token}.{header}.{claims}"),
        format!(".{token}"),
        format!("{token}."),
        format!("{token}="),
        format!("{header}=.{claims}.{signature}"),
        format!("{header}.{claims}=.{signature}"),
        format!("{header}.{claims}.{}", signature.replace(['-', '_'], "+")),
        format!("{header}.{claims}.{}/", signature.replace('_', "")),
        format!("{header}%2E{claims}%2E{signature}"),
        format!("{token}\u{e9}"),
        // The JSON serialisations, and the forged middle of one.
        format!(r#"{{"protected":"{header}","payload":"{claims}","signature":"{signature}"}}"#),
        format!(r#"{{"payload":"x.{claims}.y"}}"#),
        // Not JSON objects, or something after one.
        format!("{}.{claims}.{signature}", base64url::encode(b"[]")),
        format!("{header}.{}.{signature}", base64url::encode(b"\"x\"")),
        format!("{header}.{}.{signature}", base64url::encode(b"{} {}")),
        format!("{header}.{}.{signature}", base64url::encode(b"\xff\xfe")),
    ];
    for token in malformed {
        // White space and commas never get this far: see `finding`.
        assert_eq!(Jws::parse(&token).unwrap_err(), Reason::TokenMalformed, "{token}");
    }
}

#[test]
fn a_token_has_one_spelling() {
    let token = good_token();
    // 64 bytes are 85 characters and one that carries two bits: its other four must be zero.
    let (rest, last) = token.split_at(token.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for other in alphabet.chars().filter(|c| !last.contains(*c)) {
        assert!(verify_for(issuer(), &format!("{rest}{other}"), at(NOW)).is_err());
    }
}

#[test]
fn a_long_token_is_refused_unread() {
    let mut claims = claims();
    claims["padding"] = json!("x".repeat(jws::MAX_TOKEN_BYTES));
    assert_eq!(reason(&signed(&header(), &claims)), Reason::TokenMalformed);
    assert_eq!(reason(&"a".repeat(64 * 1024)), Reason::TokenMalformed);
    // Each part would be short enough for the reader; the whole is not.
    claims["padding"] = json!("x".repeat(6_000));
    assert_eq!(reason(&signed(&header(), &claims)), Reason::TokenMalformed);
    claims["padding"] = json!("x".repeat(4 * 1024));
    assert!(verify_for(issuer(), &signed(&header(), &claims), at(NOW)).is_ok());
}

#[test]
fn a_deep_or_wide_token_is_refused_unread() {
    for depth in [20, 127, 128, 1000] {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let token = signed_text(&header().to_string(), &deep, &Signer::es256(1));
        assert_eq!(reason(&token), Reason::TokenMalformed, "{depth}");
    }
    let mut wide = claims();
    wide["roles"] = json!(vec![1; 600]);
    assert_eq!(reason(&signed(&header(), &wide)), Reason::TokenMalformed);
}

#[test]
fn an_algorithm_that_the_issuer_may_not_use_is_refused() {
    let names = [
        "none", "None", "NONE", "nOnE", "", "HS256", "HS512", "es256", "ES256 ", "ES384", "ES256K",
        "RS512", "PS384", "EdDSA", "Ed448", "RSA-OAEP", "dir",
    ];
    for name in names {
        let token = with_header(|h| h["alg"] = json!(name));
        assert_eq!(reason(&token), Reason::AlgorithmNotAllowed, "{name}");
    }
    for value in [json!(null), json!(5), json!(["ES256"]), json!({"alg": "ES256"}), json!(true)] {
        let token = with_header(|h| h["alg"] = value.clone());
        assert_eq!(reason(&token), Reason::TokenMalformed, "{value}");
    }
    assert_eq!(reason(&with_header(|h| without(h, "alg"))), Reason::TokenMalformed);
}

#[test]
fn an_allowed_algorithm_that_is_not_the_keys_is_refused() {
    for name in ["RS256", "PS256", "Ed25519"] {
        let token = with_header(|h| h["alg"] = json!(name));
        assert_eq!(reason(&token), Reason::AlgorithmNotAllowed, "{name}");
    }
    // An RSA key is for one padding: the signature of the other, honestly named, is refused.
    let mut header = header();
    header["alg"] = json!("PS256");
    let token = signed_text(&header.to_string(), &claims().to_string(), &Signer::Ps256);
    let rs256_only = issuer_of(IDP, &[("k", &Signer::Rs256)]);
    assert_eq!(rejection(rs256_only, &token, at(NOW)).reason, Reason::AlgorithmNotAllowed);
}

#[test]
fn the_old_name_of_ed25519_is_refused_unless_the_issuer_opted_in() {
    let signer = Signer::ed25519(1);
    let token = signed_text(
        &json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k"}).to_string(),
        &claims().to_string(),
        &signer,
    );
    let mut issuer = issuer_of(IDP, &[("k", &signer)]);
    assert_eq!(rejection(issuer.clone(), &token, at(NOW)).reason, Reason::AlgorithmNotAllowed);
    issuer.algorithms = Algorithms::new([Algorithm::Ed25519].into(), true);
    assert!(verify_for(issuer, &token, at(NOW)).is_ok());
}

#[test]
fn header_members_that_change_what_a_token_is_are_refused() {
    let members = [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("crit", json!(["alg"])),
        ("crit", json!(null)),
        ("crit", json!("exp")),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("cty", json!("JWT")),
        ("cty", json!("application/jwt")),
        ("p2c", json!(1_000_000)),
        ("p2s", json!("AA")),
        ("epk", json!({})),
        ("iv", json!("AA")),
    ];
    for (name, value) in members {
        let token = with_header(|h| h[name] = value.clone());
        assert_eq!(reason(&token), Reason::TokenMalformed, "{name}: {value}");
    }
}

#[test]
fn a_token_of_another_kind_is_refused() {
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+JWT"] {
        let token = with_header(|h| h["typ"] = json!(typ));
        assert!(verify_for(issuer(), &token, at(NOW)).is_ok(), "{typ}");
    }
    let others = [
        "JWT",
        "jwt",
        "",
        "JOSE",
        "logout+jwt",
        "secevent+jwt",
        "statuslist+jwt",
        "agent-approval+jwt",
        "token-introspection+jwt",
        "at+jwt ",
        "xat+jwt",
        "text/at+jwt",
        "application/application/at+jwt",
    ];
    for typ in others {
        let token = with_header(|h| h["typ"] = json!(typ));
        assert_eq!(reason(&token), Reason::TokenWrongType, "{typ}");
    }
    assert_eq!(reason(&with_header(|h| without(h, "typ"))), Reason::TokenWrongType);
    for typ in ["dpop+jwt", "wit+jwt", "wpt+jwt", "application/TXNTOKEN+jwt"] {
        let token = with_header(|h| h["typ"] = json!(typ));
        assert_eq!(reason(&token), Reason::TokenMisplaced, "{typ}");
    }
    let grant = with_header(|h| h["typ"] = json!("oauth-id-jag+jwt"));
    assert_eq!(reason(&grant), Reason::GrantAsToken);
    for value in [json!(null), json!(1), json!(["at+jwt"])] {
        let token = with_header(|h| h["typ"] = value.clone());
        assert_eq!(reason(&token), Reason::TokenMalformed, "{value}");
    }
}

#[test]
fn a_key_id_is_looked_up_and_nothing_else() {
    let unknown = ["x", "K", "k ", "", "../../dev/null", "' OR 1=1--", "file:///dev/null"];
    for kid in unknown {
        let token = with_header(|h| h["kid"] = json!(kid));
        assert_eq!(reason(&token), Reason::KeyUnknown, "{kid}");
    }
    let bad = [json!("k".repeat(257)), json!("\0"), json!(1), json!(null), json!(["k"])];
    for kid in bad {
        let token = with_header(|h| h["kid"] = kid.clone());
        assert_eq!(reason(&token), Reason::TokenMalformed, "{kid}");
    }
    let token = with_header(|h| without(h, "kid"));
    assert!(verify_for(issuer(), &token, at(NOW)).is_ok(), "one key fits");
    let two = issuer_of(IDP, &[("k", &Signer::es256(1)), ("l", &Signer::es256(2))]);
    assert_eq!(rejection(two, &token, at(NOW)).reason, Reason::KeyUnknown);
}

#[test]
fn doubled_members_are_refused_in_header_and_claims() {
    let (header, claims) = (header().to_string(), claims().to_string());
    let double = |text: &str, member: &str| format!("{},{member}}}", text.trim_end_matches('}'));
    for member in [r#""alg":"ES256""#, r#""al\u0067":"none""#, r#""Kid":"k""#] {
        let token = signed_text(&double(&header, member), &claims, &Signer::es256(1));
        assert_eq!(reason(&token), Reason::TokenMalformed, "{member}");
    }
    let members = [
        r#""sub":"admin""#,
        r#""s\u0075b":"admin""#,
        r#""SUB":"admin""#,
        r#""aud":"x""#,
        r#""act":{}"#,
        r#""exp":9999999999"#,
        r#""\u017fub":"admin""#,
    ];
    for member in members {
        let token = signed_text(&header, &double(&claims, member), &Signer::es256(1));
        assert_eq!(reason(&token), Reason::TokenMalformed, "{member}");
    }
    let inner = claims.replace(r#""act":{"#, r#""act":{"sub":"admin","#);
    let token = signed_text(&header, &inner, &Signer::es256(1));
    assert_eq!(reason(&token), Reason::TokenMalformed, "in act");
}

#[test]
fn a_forged_signature_names_nobody() {
    let [header, claims, signature] = parts(&good_token());
    let mut bytes = base64url::decode(&signature).unwrap();
    bytes[10] ^= 1;
    let forged = [bytes, vec![0; 64], vec![1; 63], vec![1; 65], vec![0; 1], vec![0x30; 70]];
    for signature in forged {
        let token = format!("{header}.{claims}.{}", base64url::encode(&signature));
        let rejected = rejection(issuer(), &token, at(NOW));
        assert_eq!(rejected, Rejected { reason: Reason::SignatureInvalid, known: None });
    }
}

#[test]
fn claims_changed_after_signing_are_refused() {
    let [header, _, signature] = parts(&good_token());
    let mut admin = claims();
    admin["sub"] = json!("admin");
    let admin = base64url::encode(admin.to_string().as_bytes());
    assert_eq!(reason(&format!("{header}.{admin}.{signature}")), Reason::SignatureInvalid);
}

#[test]
fn a_token_brings_neither_its_key_nor_an_address() {
    let attacker = Signer::es256(66);
    let jwk: Value = serde_json::from_str(&attacker.jwk("k")).unwrap();
    let mut issuer = issuer();
    let endpoint =
        keys_endpoint("idp".to_owned(), "idp.acme.example".to_owned(), "/jwks".to_owned());
    issuer.keys = Keys::Fetch(endpoint.clone());
    let members = [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/x")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AA")),
    ];
    for (name, value) in members {
        let mut header = header();
        header[name] = value;
        let token = signed_text(&header.to_string(), &claims().to_string(), &attacker);
        assert_eq!(reason(&token), Reason::SignatureInvalid, "{name}");
        // The only address anybody is sent to is the configured one.
        match verify_for(issuer.clone(), &token, at(NOW)).unwrap_err() {
            Unverified::Needs(fetch) => assert_eq!(*fetch.endpoint(), endpoint),
            other => panic!("{other:?}"),
        }
        header["kid"] = json!("evil");
        let token = signed_text(&header.to_string(), &claims().to_string(), &attacker);
        assert_eq!(reason(&token), Reason::KeyUnknown, "{name}");
    }
}

#[test]
fn a_key_signs_for_its_own_issuer_only() {
    let other = "https://other.example";
    let issuers = || vec![issuer(), issuer_of(other, &[("k", &Signer::es256(2))])];
    let token = |iss: &str, signer: &Signer| {
        let mut claims = claims();
        (claims["iss"], claims["act"]["iss"]) = (json!(iss), json!(iss));
        signed_text(&header().to_string(), &claims.to_string(), signer)
    };
    let verdict = |token: &str| {
        let (mut trust, mut cache) = (Trust::new(issuers()), TokenCache::default());
        let with = (&Rules::default(), &mut trust, &mut cache);
        verify(&bearer(token), with, &mut ProvenBefore::default(), &[GATEWAY], at(NOW)).map(|_| ())
    };
    let refused = Err(Unverified::from(Reason::SignatureInvalid));
    assert_eq!(verdict(&token(IDP, &Signer::es256(1))), Ok(()));
    assert_eq!(verdict(&token(other, &Signer::es256(2))), Ok(()));
    assert_eq!(verdict(&token(IDP, &Signer::es256(2))), refused);
    assert_eq!(verdict(&token(other, &Signer::es256(1))), refused);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics_and_never_verifies(text in "[ -~]{0,200}") {
        prop_assert!(verify_for(issuer(), &text, at(NOW)).is_err());
    }

    #[test]
    fn a_token_with_any_character_changed_does_not_verify(
        place in any::<prop::sample::Index>(),
        to in "[ -~]",
    ) {
        let token = good_token();
        let place = place.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(place..=place, &to);
        prop_assume!(changed != token);
        prop_assert!(verify_for(issuer(), &changed, at(NOW)).is_err());
    }

    #[test]
    fn arbitrary_signed_claims_never_panic(name in "[a-z_]{1,10}", text in r#"[{}\[\]",:a-z0-9.e+-]{0,40}"#) {
        let claims = format!(r#"{{"iss":"{IDP}","{name}":{text}}}"#);
        let token = signed_text(&header().to_string(), &claims, &Signer::es256(1));
        prop_assert!(verify_for(issuer(), &token, at(NOW)).is_err());
    }
}
