//! Which sets are taken, and which key of one is meant.

use super::*;
use crate::trust::testing::{Signer, key_set};

fn all() -> Algorithms {
    Algorithms::new(Algorithm::ALL.into(), false)
}

fn parse(text: &str) -> Result<KeySet, KeySetError> {
    KeySet::parse(text.as_bytes(), &all())
}

#[test]
fn a_key_that_cannot_be_used_does_not_spoil_the_others() {
    let unknown = r#"{"kty":"AKP","alg":"ML-DSA-44","kid":"pq","pub":"AA"}"#.to_owned();
    let encryption = Signer::es256(2).jwk("enc").replace("\"sig\"", "\"enc\"");
    let set = parse(&key_set(&[unknown, encryption, Signer::es256(1).jwk("a")])).unwrap();
    assert!(set.find(Some("a"), Algorithm::Es256).is_ok());
    for id in ["pq", "enc"] {
        assert_eq!(set.find(Some(id), Algorithm::Es256).unwrap_err(), NoFit::Unknown);
    }
}

#[test]
fn one_secret_refuses_the_whole_set() {
    let good = Signer::es256(1).jwk("a");
    let with = |member: &str| good.replace("\"use\"", &format!("\"{member}\":\"AA\",\"use\""));
    let mut secrets: Vec<_> =
        ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"].into_iter().map(with).collect();
    secrets.push(r#"{"kty":"oct","kid":"h"}"#.to_owned());
    secrets.push(r#"{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}"#.to_owned());
    secrets.push(r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA","priv":"AA"}"#.to_owned());
    for secret in secrets {
        let set = key_set(&[Signer::es256(2).jwk("b"), secret.clone()]);
        assert_eq!(parse(&set).unwrap_err(), KeySetError::Secret, "{secret}");
    }
}

#[test]
fn a_key_id_that_comes_twice_names_no_key() {
    let [a, b, c] = [(1, "a"), (2, "a"), (3, "c")].map(|(seed, kid)| Signer::es256(seed).jwk(kid));
    let set = parse(&key_set(&[a, b, c])).unwrap();
    assert_eq!(set.find(Some("a"), Algorithm::Es256).unwrap_err(), NoFit::Unknown);
    assert!(set.find(Some("c"), Algorithm::Es256).is_ok());
    let unknown = r#"{"kty":"AKP","kid":"a"}"#.to_owned();
    let only = parse(&key_set(&[Signer::es256(1).jwk("a"), unknown]));
    let (doubled, unknown) = (Why::DuplicateKeyId, Why::Unusable(Unusable::KeyType));
    let why = [PassedOver { index: 0, why: doubled }, PassedOver { index: 1, why: unknown }];
    assert_eq!(only.unwrap_err(), KeySetError::NoUsableKey(why.into()));
}

#[test]
fn a_set_without_a_usable_key_is_no_set() {
    for empty in [r#"{"keys":[]}"#, r#"{"keys":[{}]}"#, r#"{"keys":[{"kty":"AKP"}]}"#] {
        assert!(matches!(parse(empty).unwrap_err(), KeySetError::NoUsableKey(_)), "{empty}");
    }
}

#[test]
fn a_document_that_is_no_key_set_is_refused() {
    let html = "<html>Sign in</html>";
    for text in ["", html, "{\"keys\":[", "\u{feff}{\"keys\":[]}", r#"{"keys":[],"keys":[]}"#] {
        assert!(matches!(parse(text).unwrap_err(), KeySetError::Json(_)), "{text:?}");
    }
    let forms = ["null", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":["a"]}"#, r#"{"keys":[[]]}"#];
    for text in forms.into_iter().chain([Signer::es256(1).jwk("a").as_str()]) {
        assert_eq!(parse(text).unwrap_err(), KeySetError::Form, "{text}");
    }
}

#[test]
fn a_set_is_bounded() {
    let jwk = |n: usize| Signer::es256(1).jwk(&n.to_string());
    let of = |n: usize| parse(&key_set(&(0..n).map(jwk).collect::<Vec<_>>()));
    assert!(of(MAX_KEYS).is_ok());
    assert_eq!(of(MAX_KEYS + 1).unwrap_err(), KeySetError::TooMany);
    let fault = |text: &str| match parse(text).unwrap_err() {
        KeySetError::Json(malformed) => malformed.fault,
        other => panic!("{other}"),
    };
    assert_eq!(fault(&" ".repeat(MAX_BYTES + 1)), json::Fault::Bytes);
    let deep = format!(r#"{{"keys":[],"x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    assert_eq!(fault(&deep), json::Fault::Depth);
    let many = format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 10_000].join(","));
    assert_eq!(fault(&many), json::Fault::Items);
}

#[test]
fn a_key_is_found_by_its_exact_id_and_its_algorithm() {
    let set = parse(&key_set(&[Signer::es256(1).jwk("a"), Signer::Rs256.jwk("r")])).unwrap();
    let find = |id, algorithm| set.find(id, algorithm).map(|key| key.algorithm());
    assert_eq!(find(Some("a"), Algorithm::Es256), Ok(Algorithm::Es256));
    assert_eq!(find(Some("r"), Algorithm::Rs256), Ok(Algorithm::Rs256));
    for (id, algorithm) in
        [("r", Algorithm::Ps256), ("r", Algorithm::Es256), ("a", Algorithm::Rs256)]
    {
        assert_eq!(find(Some(id), algorithm), Err(NoFit::Algorithm));
    }
    for id in ["A", "a ", "", "aa", "../../dev/null", "' OR 1=1--"] {
        assert_eq!(find(Some(id), Algorithm::Es256), Err(NoFit::Unknown), "{id}");
    }
}

#[test]
fn a_token_without_key_id_needs_exactly_one_key_that_fits() {
    let jwks = [Signer::es256(1).jwk("a"), Signer::Rs256.jwk("r"), Signer::es256(2).jwk("b")];
    let set = |n: usize| parse(&key_set(&jwks[..n])).unwrap();
    assert!(set(2).find(None, Algorithm::Es256).is_ok());
    assert_eq!(set(2).find(None, Algorithm::Ps256).unwrap_err(), NoFit::Unknown);
    assert_eq!(set(3).find(None, Algorithm::Es256).unwrap_err(), NoFit::Unknown);
    let nameless = format!("{{{}}}", Signer::es256(3).members());
    let set = parse(&key_set(&[nameless])).unwrap();
    assert!(set.find(None, Algorithm::Es256).is_ok());
    assert_eq!(set.find(Some(""), Algorithm::Es256).unwrap_err(), NoFit::Unknown);
}
