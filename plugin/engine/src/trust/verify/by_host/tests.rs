#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use std::cell::RefCell;
use std::rc::Rc;

use super::super::holds;
use super::*;
use crate::trust::testing::{Signer, key_set};
use crate::trust::{Algorithm, Algorithms, KeySet};

/// What a host makes of a question; what it is asked is kept.
struct Host<F> {
    answer: F,
    asked: Rc<RefCell<usize>>,
}

impl<F> fmt::Debug for Host<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host of a test")
    }
}

impl<F: Fn(&HostCheck<'_>) -> Option<bool>> HostVerifier for Host<F> {
    fn verify(&self, check: &HostCheck<'_>) -> Option<bool> {
        *self.asked.borrow_mut() += 1;
        (self.answer)(check)
    }
}

fn probed(
    answer: impl Fn(&HostCheck<'_>) -> Option<bool> + 'static,
) -> (ByHost, Rc<RefCell<usize>>) {
    let asked = Rc::new(RefCell::new(0));
    let host = Host { answer, asked: Rc::clone(&asked) };
    let by_host = ByHost::probe(Box::new(host));
    *asked.borrow_mut() = 0;
    (by_host, asked)
}

/// An honest host: reads what it is given by other code than ours wrote it.
fn honest(check: &HostCheck<'_>) -> Option<bool> {
    use rsa::signature::Verifier as _;
    Some(match check.algorithm {
        HostAlgorithm::Es256 => {
            let point = &check.public_key[check.public_key.len() - 65..];
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).unwrap();
            let signature = p256::ecdsa::Signature::from_der(check.signature).unwrap();
            key.verify(check.message, &signature).is_ok()
        }
        HostAlgorithm::Rs256 => {
            let (n, e) = rsa_numbers(check.public_key);
            let (n, e) = (rsa::BoxedUint::from_be_slice_vartime(n), rsa::BoxedUint::from(e));
            let key = rsa::PublicKey::new(n, e).unwrap();
            let key = rsa::pkcs1v15::VerifyingKey::<sha2::Sha256>::new(key);
            let signature = rsa::pkcs1v15::Signature::try_from(check.signature).unwrap();
            key.verify(check.message, &signature).is_ok()
        }
    })
}

/// Modulus and exponent, of keys of 2048 bits with e = 65537 only.
fn rsa_numbers(spki: &[u8]) -> (&[u8], u64) {
    let (n, e) = spki[spki.len() - 262..].split_at(257);
    assert_eq!((n[0], e), (0, &[2, 3, 1, 0, 1][..]), "a sign, and e");
    (&n[1..], 65_537)
}

fn key(signer: &Signer) -> Rc<Key> {
    let set = key_set(&[signer.jwk("k")]);
    let allowed = Algorithms::new(Algorithm::ALL.into(), false);
    let set = KeySet::parse(set.as_bytes(), &allowed).unwrap();
    set.find(None, signer.algorithm()).unwrap()
}

fn fitness(answer: impl Fn(&HostCheck<'_>) -> Option<bool> + 'static) -> [HostFitness; 2] {
    let (by_host, _) = probed(answer);
    let fitness: Vec<_> = by_host.fitness().iter().map(|(_, fitness)| *fitness).collect();
    fitness.try_into().unwrap()
}

#[test]
fn a_host_is_used_only_for_what_it_answers_right() {
    use HostFitness::{Missing, Used, Wrong};
    assert_eq!(fitness(honest), [Used, Used]);
    assert_eq!(fitness(|_| None), [Missing, Missing]);
    assert_eq!(fitness(|_| Some(true)), [Wrong, Wrong]);
    assert_eq!(fitness(|_| Some(false)), [Wrong, Wrong]);
    assert_eq!(fitness(|check| honest(check).map(|verdict| !verdict)), [Wrong, Wrong]);
    let only = |algorithm| {
        move |check: &HostCheck<'_>| honest(check).filter(|_| check.algorithm == algorithm)
    };
    assert_eq!(fitness(only(HostAlgorithm::Rs256)), [Missing, Used]);
    assert_eq!(fitness(only(HostAlgorithm::Es256)), [Used, Missing]);
    // One that fails only on what is wrong would be taken to say nothing against it.
    assert_eq!(fitness(|check| honest(check).filter(|verdict| *verdict)), [Wrong, Wrong]);
}

#[test]
fn what_the_host_is_not_used_for_is_computed_here() {
    for signer in [Signer::es256(1), Signer::ed25519(1), Signer::Rs256, Signer::Ps256] {
        let key = key(&signer);
        let (good, bad) = (signer.sign(b"m"), signer.sign(b"n"));
        let host_knows = matches!(signer.algorithm(), Algorithm::Es256 | Algorithm::Rs256);
        for (by_host, asked) in [probed(honest), probed(|_| None), probed(|_| Some(true))] {
            let used = host_knows && by_host.fitness()[0].1 == HostFitness::Used;
            assert!(holds(&by_host, &key, b"m", &good));
            assert!(!holds(&by_host, &key, b"m", &bad));
            assert_eq!(*asked.borrow(), if used { 2 } else { 0 });
        }
    }
}

#[test]
fn a_host_that_falls_silent_is_replaced_for_that_signature() {
    let silent = Rc::new(RefCell::new(false));
    let said = Rc::clone(&silent);
    let (by_host, asked) = probed(move |check| (!*said.borrow()).then(|| honest(check)).flatten());
    *silent.borrow_mut() = true;
    for signer in [Signer::es256(1), Signer::Rs256] {
        assert!(holds(&by_host, &key(&signer), b"m", &signer.sign(b"m")));
        assert!(!holds(&by_host, &key(&signer), b"m", &signer.sign(b"n")));
    }
    assert_eq!(*asked.borrow(), 4);
}

#[test]
fn numbers_that_no_signature_has_never_reach_the_host() {
    let signer = Signer::es256(1);
    let key = key(&signer);
    let (by_host, asked) = probed(honest);
    let good = signer.sign(b"m");
    let (r, s) = good.split_at(32);
    let zero = [0; 32];
    let most = [0xff; 32];
    for (r, s) in [(&zero[..], s), (r, &zero[..]), (&most, s), (r, &most), (&zero, &zero)] {
        assert!(!holds(&by_host, &key, b"m", &[r, s].concat()));
    }
    let der = p256::ecdsa::Signature::from_slice(&good).unwrap().to_der();
    assert!(!holds(&by_host, &key, b"m", der.as_bytes()));
    assert_eq!(*asked.borrow(), 0);
}
