//! What is a usable key, and what it is bound to.

use super::*;
use crate::json::{self, Limits};
use crate::trust::testing::Signer;

fn allowed(algorithms: &[Algorithm]) -> Algorithms {
    Algorithms::new(algorithms.iter().copied().collect(), false)
}

fn read_for(jwk: &str, algorithms: &Algorithms) -> Result<Key, Unusable> {
    let limits = Limits { bytes: 65_536, depth: 8, items: 100 };
    let value = json::read(jwk.as_bytes(), &limits).unwrap();
    Key::read(value.as_object().unwrap(), algorithms)
}

fn read(jwk: &str) -> Result<Key, Unusable> {
    read_for(jwk, &allowed(&Algorithm::ALL))
}

fn unusable(jwk: &str) -> Unusable {
    read(jwk).map(|key| key.thumbprint().to_owned()).unwrap_err()
}

fn signers() -> [Signer; 4] {
    [Signer::es256(1), Signer::ed25519(1), Signer::Rs256, Signer::Ps256]
}

#[test]
fn a_key_has_exactly_the_algorithm_that_it_names() {
    for signer in signers() {
        let key = read(&signer.jwk("k")).unwrap();
        assert_eq!((key.algorithm(), key.id()), (signer.algorithm(), Some("k")));
        let others: Vec<_> = Algorithm::ALL.into_iter().filter(|a| *a != key.algorithm()).collect();
        let refused = read_for(&signer.jwk("k"), &allowed(&others));
        assert_eq!(refused.unwrap_err(), Unusable::Algorithm);
    }
}

#[test]
fn an_algorithm_of_another_key_type_is_refused() {
    for signer in signers() {
        for alg in ["ES256", "PS256", "RS256", "Ed25519", "EdDSA", "HS256", "none", "es256", ""] {
            let jwk = format!(r#"{{{},"alg":"{alg}"}}"#, signer.members());
            let rsa = matches!(signer, Signer::Ps256 | Signer::Rs256);
            let fits = alg == signer.algorithm().name() || rsa && matches!(alg, "PS256" | "RS256");
            assert_eq!(read(&jwk).is_ok(), fits, "{jwk}");
        }
        let jwk = format!(r#"{{{},"alg":["ES256"]}}"#, signer.members());
        assert_eq!(unusable(&jwk), Unusable::Algorithm);
    }
}

#[test]
fn a_key_without_alg_takes_it_from_the_issuer_and_only_if_there_is_one() {
    for signer in signers() {
        let jwk = format!("{{{}}}", signer.members());
        let only = allowed(&[signer.algorithm()]);
        assert_eq!(read_for(&jwk, &only).unwrap().algorithm(), signer.algorithm());
    }
    let rsa = format!("{{{}}}", Signer::Rs256.members());
    assert_eq!(unusable(&rsa), Unusable::AmbiguousAlgorithm);
    assert_eq!(read_for(&rsa, &allowed(&[Algorithm::Es256])).unwrap_err(), Unusable::Algorithm);
}

#[test]
fn the_old_name_of_ed25519_needs_the_issuers_consent() {
    let jwk = format!(r#"{{{},"alg":"EdDSA"}}"#, Signer::ed25519(1).members());
    assert_eq!(unusable(&jwk), Unusable::Algorithm);
    let consent = Algorithms::new([Algorithm::Ed25519].into(), true);
    assert_eq!(read_for(&jwk, &consent).unwrap().algorithm(), Algorithm::Ed25519);
}

#[test]
fn a_key_for_another_purpose_is_not_used() {
    let members = Signer::es256(1).members();
    for fine in [r#""use":"sig""#, r#""key_ops":["verify"]"#, r#""key_ops":["sign","verify"]"#] {
        assert!(read(&format!("{{{members},{fine}}}")).is_ok(), "{fine}");
    }
    let wrong = [
        r#""use":"enc""#,
        r#""use":"SIG""#,
        r#""use":null"#,
        r#""use":["sig"]"#,
        r#""key_ops":[]"#,
        r#""key_ops":["sign"]"#,
        r#""key_ops":"verify""#,
        r#""use":"sig","key_ops":["encrypt"]"#,
        r#""use":"enc","key_ops":["verify"]"#,
    ];
    for wrong in wrong {
        assert_eq!(unusable(&format!("{{{members},{wrong}}}")), Unusable::Purpose, "{wrong}");
    }
}

#[test]
fn a_key_type_or_curve_that_is_not_ours_is_passed_over() {
    let x = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let unknown = [
        "{}".to_owned(),
        r#"{"kty":7}"#.to_owned(),
        r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#.to_owned(),
        format!(r#"{{"kty":"ec","crv":"P-256","x":"{x}","y":"{x}"}}"#),
        format!(r#"{{"kty":"EC","crv":"P-384","x":"{x}","y":"{x}"}}"#),
        format!(r#"{{"kty":"EC","crv":"secp256k1","x":"{x}","y":"{x}"}}"#),
        format!(r#"{{"kty":"EC","x":"{x}","y":"{x}"}}"#),
        format!(r#"{{"kty":"OKP","crv":"X25519","x":"{x}"}}"#),
        format!(r#"{{"kty":"OKP","crv":"Ed448","x":"{x}"}}"#),
    ];
    for jwk in unknown {
        assert_eq!(unusable(&jwk), Unusable::KeyType, "{jwk}");
    }
}

#[test]
fn a_key_id_is_a_short_text() {
    let members = Signer::es256(1).members();
    let with = |kid: &str| format!(r#"{{{members},"kid":{kid}}}"#);
    assert_eq!(read(&format!("{{{members}}}")).unwrap().id(), None);
    for fine in ["", "../../dev/null", "' OR 1=1--", &"k".repeat(MAX_KEY_ID_BYTES)] {
        assert_eq!(read(&with(&format!("{fine:?}"))).unwrap().id(), Some(fine));
    }
    for wrong in ["1", "null", "[\"k\"]", &format!("{:?}", "k".repeat(MAX_KEY_ID_BYTES + 1))] {
        assert_eq!(unusable(&with(wrong)), Unusable::KeyId, "{wrong}");
    }
}

#[test]
fn a_point_must_be_whole_and_on_its_curve() {
    let ec = |x: &[u8], y: &[u8]| {
        let (x, y) = (base64url::encode(x), base64url::encode(y));
        format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#)
    };
    assert_eq!(unusable(&ec(&[1; 32], &[1; 32])), Unusable::Weak);
    assert_eq!(unusable(&ec(&[0; 32], &[0; 32])), Unusable::Weak);
    assert_eq!(unusable(&ec(&[0xff; 32], &[1; 32])), Unusable::Weak);
    for short in [31, 33, 0, 64] {
        assert_eq!(unusable(&ec(&vec![1; short], &[1; 32])), Unusable::Encoding);
    }
    let jwk = format!("{{{}}}", Signer::es256(1).members());
    for other in [jwk.replace(r#""y":""#, r#""y":"="#), jwk.replace(r#""y""#, r#""z""#)] {
        assert_eq!(unusable(&other), Unusable::Encoding, "{other}");
    }
}

#[test]
fn an_ed25519_key_of_small_order_or_second_spelling_is_refused() {
    let okp =
        |x: &[u8]| format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, base64url::encode(x));
    let mut identity = [0; 32];
    identity[0] = 1;
    // y = p + 3: the point of y = 3 spelled a second time.
    let mut again = [0xff; 32];
    (again[0], again[31]) = (0xf0, 0x7f);
    for x in [[0; 32], identity, again, [0xff; 32]] {
        assert_eq!(unusable(&okp(&x)), Unusable::Weak, "{x:?}");
    }
    for short in [0, 31, 33, 57] {
        assert_eq!(unusable(&okp(&vec![9; short])), Unusable::Encoding);
    }
}

#[test]
fn an_rsa_key_has_2048_to_8192_bits_and_a_sane_exponent() {
    let rsa = |n: &[u8], e: &[u8]| {
        let (n, e) = (base64url::encode(n), base64url::encode(e));
        format!(r#"{{"kty":"RSA","alg":"RS256","n":"{n}","e":"{e}"}}"#)
    };
    let odd = |bytes: usize| vec![0xab; bytes];
    for fine in [256, 512, 1024] {
        assert!(read(&rsa(&odd(fine), &[1, 0, 1])).is_ok(), "{fine}");
    }
    let mut just_short = odd(256);
    just_short[0] = 0x7f;
    for n in [odd(128), odd(255), just_short, odd(1025), odd(2048), odd(4096)] {
        assert_eq!(unusable(&rsa(&n, &[1, 0, 1])), Unusable::Weak, "{} bytes", n.len());
    }
    let mut even = odd(256);
    even[255] = 0xaa;
    assert_eq!(unusable(&rsa(&even, &[1, 0, 1])), Unusable::Weak);
    let exponents: [&[u8]; 7] =
        [&[1], &[2], &[3], &[17], &[1, 0, 0], &[2, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 1]];
    for e in exponents {
        assert_eq!(unusable(&rsa(&odd(256), e)), Unusable::Weak, "{e:?}");
    }
    assert!(read(&rsa(&odd(256), &[1, 0xff, 0xff, 0xff, 0xff])).is_ok());
    let leading_zero = [&[0][..], &odd(256)].concat();
    assert_eq!(unusable(&rsa(&leading_zero, &[1, 0, 1])), Unusable::Encoding);
    assert_eq!(unusable(&rsa(&odd(256), &[0, 1, 0, 1])), Unusable::Encoding);
    assert_eq!(unusable(&rsa(&[], &[1, 0, 1])), Unusable::Encoding);
}

#[test]
fn an_rsa_key_with_the_roca_weakness_is_refused() {
    let mut n = vec![1];
    for _ in 0..128 {
        crate::trust::roca::tests::times_65537(&mut n);
    }
    let n = base64url::encode(&n[n.iter().position(|byte| *byte != 0).unwrap()..]);
    let jwk = format!(r#"{{"kty":"RSA","alg":"RS256","n":"{n}","e":"AQAB"}}"#);
    assert_eq!(unusable(&jwk), Unusable::Weak);
}

/// RFC 7638 §3.1, RFC 8037 appendix A.3.
#[test]
fn a_thumbprint_is_the_one_of_the_rfc() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let rsa = format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
    assert_eq!(read(&rsa).unwrap().thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let okp = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert_eq!(read(okp).unwrap().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}
