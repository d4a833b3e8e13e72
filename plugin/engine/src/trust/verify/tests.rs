//! The public vectors of C2SP/Wycheproof, and what holds before any provider is asked.
//!
//! A vector that comes out otherwise than its file says must be in [`EXCEPTIONS`], with a reason;
//! one that is there and comes out as its file says fails too.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use proptest::prelude::*;
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::*;
use crate::trust::testing::{Signer, key_set};
use crate::trust::{Algorithm, Algorithms, KeySet, base64url};

/// File, test case, reason.
const EXCEPTIONS: &[(&str, usize, &str)] = &[
    ("rsa_signature_2048_sha256", 258, "valid, by a key with e = 3, which is not taken (JWT-13)"),
    ("rsa_signature_2048_sha256", 259, "valid, by a key with e = 3, which is not taken (JWT-13)"),
    ("rsa_signature_3072_sha256", 259, "valid, by a key with e = 3, which is not taken (JWT-13)"),
];

/// A host that is given, in place of its key, exactly what the vector's file calls it in DER, and
/// that reads signatures from DER.
#[derive(Debug)]
struct StrangeHost {
    key: Rc<Key>,
    der: Vec<u8>,
}

impl HostVerifier for StrangeHost {
    fn verify(&self, check: &HostCheck<'_>) -> Option<bool> {
        if check.message.starts_with(b"eyJhbGciOi") && check.public_key != self.der {
            return probe_answer(check);
        }
        assert_eq!(check.public_key, self.der);
        let raw = match check.algorithm {
            HostAlgorithm::Rs256 => check.signature.to_vec(),
            HostAlgorithm::Es256 => {
                let signature = p256::ecdsa::Signature::from_der(check.signature);
                signature.expect("a number that is no number").to_bytes().to_vec()
            }
        };
        Some(PureRust.verify(&self.key, check.message, &raw))
    }
}

/// The known answers are good if nothing was changed: the signature ends as in RFC 7515.
fn probe_answer(check: &HostCheck<'_>) -> Option<bool> {
    let whole = check.message.ends_with(b"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
    Some(whole && matches!(check.signature.last(), Some(0xd5 | 0x47)))
}

/// By every provider alike.
fn verifies_everywhere(key: &Rc<Key>, der: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let host = StrangeHost { key: Rc::clone(key), der: der.to_vec() };
    let by_host = ByHost::probe(Box::new(host));
    assert!(by_host.fitness().iter().all(|(_, fitness)| *fitness == HostFitness::Used));
    let verdict = verifies(key, message, signature);
    assert_eq!(holds(&by_host, key, message, signature), verdict);
    verdict
}

/// One vector: its file, its number, what it should be and what it is.
struct Outcome {
    file: &'static str,
    case: usize,
    expected: TestResult,
    verified: bool,
}

fn check(outcomes: &[Outcome], at_least: usize) {
    assert!(outcomes.len() >= at_least, "only {} vectors", outcomes.len());
    let wrong = outcomes.iter().filter(|o| match o.expected {
        TestResult::Valid => !o.verified,
        // "Acceptable" is legacy that some verifiers take; none of it is taken here.
        TestResult::Invalid | TestResult::Acceptable => o.verified,
    });
    let wrong: BTreeSet<_> = wrong.map(|o| (o.file, o.case)).collect();
    let files: BTreeSet<_> = outcomes.iter().map(|o| o.file).collect();
    let excepted = EXCEPTIONS.iter().filter(|(file, _, _)| files.contains(file));
    let excepted: BTreeSet<_> = excepted.map(|(file, case, _)| (*file, *case)).collect();
    assert_eq!(wrong, excepted);
}

fn key(members: &str, algorithm: Algorithm) -> Rc<Key> {
    usable(members, algorithm).unwrap()
}

fn usable(members: &str, algorithm: Algorithm) -> Option<Rc<Key>> {
    let set = key_set(&[format!("{{{members}}}")]);
    let set = KeySet::parse(set.as_bytes(), &Algorithms::new([algorithm].into(), false));
    set.ok()?.find(None, algorithm).ok()
}

fn verifies(key: &Key, message: &[u8], signature: &[u8]) -> bool {
    holds(&PureRust, key, message, signature)
}

#[test]
fn es256_agrees_with_wycheproof() {
    let file = "ecdsa_secp256r1_sha256_p1363";
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let mut outcomes = Vec::new();
    for group in &set.test_groups {
        let (x, y) = group.key.key[1..].split_at(32);
        let (x, y) = (base64url::encode(x), base64url::encode(y));
        let members = format!(r#""kty":"EC","crv":"P-256","x":"{x}","y":"{y}""#);
        let key = key(&members, Algorithm::Es256);
        outcomes.extend(group.tests.iter().map(|test| {
            let verified = verifies_everywhere(&key, &group.der, &test.msg, &test.sig);
            Outcome { file, case: test.tc_id, expected: test.result, verified }
        }));
    }
    check(&outcomes, 200);
}

#[test]
fn ed25519_agrees_with_wycheproof() {
    let file = "ed25519";
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut outcomes = Vec::new();
    for group in &set.test_groups {
        let x = base64url::encode(&group.key.pk);
        let members = format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#);
        let key = key(&members, Algorithm::Ed25519);
        outcomes.extend(group.tests.iter().map(|test| {
            let verified = verifies(&key, &test.msg, &test.sig);
            Outcome { file, case: test.tc_id, expected: test.result, verified }
        }));
    }
    check(&outcomes, 100);
}

/// The files write numbers as DER does, with a zero before a set first bit.
fn rsa_key(n: &[u8], e: &[u8], algorithm: Algorithm) -> Option<Rc<Key>> {
    let unsigned = |number: &[u8]| base64url::encode(number.strip_prefix(&[0]).unwrap_or(number));
    let (n, e) = (unsigned(n), unsigned(e));
    usable(&format!(r#""kty":"RSA","n":"{n}","e":"{e}""#), algorithm)
}

#[test]
fn rs256_agrees_with_wycheproof() {
    let names = [
        (rsa_pkcs1_verify::TestName::Rsa2048Sha256, "rsa_signature_2048_sha256"),
        (rsa_pkcs1_verify::TestName::Rsa3072Sha256, "rsa_signature_3072_sha256"),
        (rsa_pkcs1_verify::TestName::Rsa4096Sha256, "rsa_signature_4096_sha256"),
        (rsa_pkcs1_verify::TestName::Rsa8192Sha256, "rsa_signature_8192_sha256"),
    ];
    let mut outcomes = Vec::new();
    for (name, file) in names {
        for group in &rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let key = rsa_key(&group.key.n, &group.key.e, Algorithm::Rs256);
            outcomes.extend(group.tests.iter().map(|test| {
                let verified = key
                    .as_ref()
                    .is_some_and(|k| verifies_everywhere(k, &group.der, &test.msg, &test.sig));
                Outcome { file, case: test.tc_id, expected: test.result, verified }
            }));
        }
    }
    check(&outcomes, 800);
}

#[test]
fn ps256_agrees_with_wycheproof() {
    let names = [
        (rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32, "rsa_pss_2048_sha256_mgf1_32"),
        (rsa_pss_verify::TestName::RsaPss3072Sha256Mgf1SaltLen32, "rsa_pss_3072_sha256_mgf1_32"),
        (rsa_pss_verify::TestName::RsaPss4096Sha256Mgf1SaltLen32, "rsa_pss_4096_sha256_mgf1_32"),
    ];
    let mut outcomes = Vec::new();
    for (name, file) in names {
        for group in &rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = rsa_key(&group.key.n, &group.key.e, Algorithm::Ps256);
            outcomes.extend(group.tests.iter().map(|test| {
                let verified = key.as_ref().is_some_and(|k| verifies(k, &test.msg, &test.sig));
                Outcome { file, case: test.tc_id, expected: test.result, verified }
            }));
        }
    }
    check(&outcomes, 300);
}

#[test]
fn a_pss_salt_of_another_length_is_no_ps256() {
    // Right in every other way: the same hash, another salt length, or another MGF hash.
    let names = [
        rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen0,
        rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1Sha1_20,
        rsa_pss_verify::TestName::RsaPss2048Sha512_256Mgf1SaltLen32,
    ];
    for name in names {
        for group in &rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = rsa_key(&group.key.n, &group.key.e, Algorithm::Ps256).unwrap();
            let valid = group.tests.iter().filter(|test| test.result == TestResult::Valid);
            valid.for_each(|test| assert!(!verifies(&key, &test.msg, &test.sig), "{}", test.tc_id));
        }
    }
}

fn signers() -> [Signer; 4] {
    [Signer::es256(1), Signer::ed25519(1), Signer::Rs256, Signer::Ps256]
}

#[test]
fn a_key_verifies_its_own_algorithm_and_no_other() {
    for signer in signers() {
        let key = key(&signer.members(), signer.algorithm());
        for other in signers() {
            let same = other.algorithm() == signer.algorithm();
            assert_eq!(verifies(&key, b"m", &other.sign(b"m")), same);
        }
        let signature = signer.sign(b"m");
        assert!(!verifies(&key, b"n", &signature));
        for bit in 0..8 {
            let mut broken = signature.clone();
            broken[bit * 5] ^= 1 << bit;
            assert!(!verifies(&key, b"m", &broken));
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn an_es256_signature_is_two_numbers_below_the_order_and_above_zero() {
    let signer = Signer::es256(1);
    let key = key(&signer.members(), Algorithm::Es256);
    let good = signer.sign(b"m");
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order = bytes(order);
    let (r, s) = good.split_at(32);
    let zero = [0; 32];
    for (r, s) in [(&zero[..], s), (r, &zero[..]), (&order, s), (r, &order), (&zero, &zero)] {
        assert!(!verifies(&key, b"m", &[r, s].concat()));
    }
    let der = p256::ecdsa::Signature::from_slice(&good).unwrap().to_der();
    assert!(!verifies(&key, b"m", der.as_bytes()));
}

/// The third of the Ed25519 speccheck vectors ("Taming the many EdDSAs", §4): R is of small order
/// and the equation holds, so a verifier that is not strict says yes.
#[test]
fn an_ed25519_signature_with_r_of_small_order_is_refused() {
    let message = bytes("aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab");
    let x = bytes("f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43");
    let signature = bytes(concat!(
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
    ));
    let lax = ed25519_dalek::VerifyingKey::try_from(x.as_slice()).unwrap();
    let parsed = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    assert!(lax.verify(&message, &parsed).is_ok());
    let x = base64url::encode(&x);
    let key = key(&format!(r#""kty":"OKP","crv":"Ed25519","x":"{x}""#), Algorithm::Ed25519);
    assert!(!verifies(&key, &message, &signature));
}

#[test]
fn a_modulus_of_any_length_takes_garbage_without_panic() {
    for bits in 2048..2066_usize {
        let mut n = vec![0xb5; bits.div_ceil(8)];
        n[0] = 0xff >> (n.len() * 8 - bits);
        for algorithm in [Algorithm::Rs256, Algorithm::Ps256] {
            for e in [&[1, 0, 1][..], &[1, 0xff, 0xff, 0xff, 0xff]] {
                let key = rsa_key(&n, e, algorithm).unwrap();
                for byte in [0, 1, 0x7f, 0xff] {
                    assert!(!verifies(&key, b"m", &vec![byte; n.len()]));
                }
            }
        }
    }
}

/// A provider that would say yes to anything, and counts how often it is asked.
#[derive(Debug, Default)]
struct Gullible(Cell<usize>);

impl SignatureVerifier for Gullible {
    fn verify(&self, _: &Key, _: &[u8], _: &[u8]) -> bool {
        self.0.set(self.0.get() + 1);
        true
    }
}

#[test]
fn a_signature_of_the_wrong_length_never_reaches_a_provider() {
    for signer in signers() {
        let key = key(&signer.members(), signer.algorithm());
        let right = signer.sign(b"m").len();
        let provider = Gullible::default();
        for length in [0, 1, 63, 64, 65, 70, 72, 128, 255, 256, 257, 512, 8192] {
            let taken = holds(&provider, &key, b"m", &vec![1; length]);
            assert_eq!(taken, length == right, "{length}");
        }
        assert_eq!(provider.0.get(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_never_a_signature(
        message in prop::collection::vec(any::<u8>(), 0..64),
        bytes in prop::collection::vec(any::<u8>(), 256),
    ) {
        for signer in signers() {
            let key = key(&signer.members(), signer.algorithm());
            for length in [0, 63, 64, 256] {
                prop_assert!(!verifies(&key, &message, &bytes[..length]));
            }
        }
    }

    #[test]
    fn an_arbitrary_document_never_panics_a_key_set(text in r#"[{}\[\]",:a-z0-9AQB_-]{0,80}"#) {
        let algorithms = Algorithms::new(Algorithm::ALL.into(), true);
        let inside = format!(r#"{{"keys":[{{"kty":"EC",{text}}}]}}"#);
        for document in [text, inside] {
            prop_assert!(KeySet::parse(document.as_bytes(), &algorithms).is_err());
        }
    }
}
