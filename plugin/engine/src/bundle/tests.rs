//! A document is taken from those who may sign, as they signed it, and from nobody else.

use super::*;
use crate::trust::base64url;
use crate::trust::testing::{Signer, key_set};

fn signers() -> Signers {
    let jwks = key_set(&[Signer::es256(1).jwk("k1"), Signer::ed25519(2).jwk("k2")]);
    Signers::read(&json::read(jwks.as_bytes(), &CONTENTS_LIMITS).unwrap()).unwrap()
}

fn sign(signer: &Signer, header: &str, contents: &str) -> String {
    let encode = |text: &str| base64url::encode(text.as_bytes());
    let message = format!("{}.{}", encode(header), encode(contents));
    format!("{message}.{}", base64url::encode(&signer.sign(message.as_bytes())))
}

fn opened(text: &str) -> Result<Opened, NotOpened> {
    open(text.as_bytes(), BUNDLE, &signers())
}

const K1: &str = r#"{"alg":"ES256","kid":"k1","typ":"deputy-bundle+jwt"}"#;
const K2: &str = r#"{"alg":"Ed25519","kid":"k2","typ":"deputy-bundle+jwt"}"#;

#[test]
fn a_document_of_a_signer_is_opened() {
    let text = sign(&Signer::es256(1), K1, "{\"a\":1}");
    let document = opened(&text).unwrap();
    assert_eq!(document.contents.to_text(), "{\"a\":1}");
    assert_eq!(opened(&format!("{text}\n")).unwrap().digest, document.digest);
    assert!(opened(&sign(&Signer::ed25519(2), K2, "{}")).is_ok());
}

#[test]
fn a_document_is_the_same_whoever_signed_it_and_however() {
    let digest = |text: &str| opened(text).unwrap().digest;
    let one = digest(&sign(&Signer::es256(1), K1, "{\"a\":1}"));
    assert_eq!(one, digest(&sign(&Signer::ed25519(2), K2, "{\"a\":1}")));
    assert_ne!(one, digest(&sign(&Signer::es256(1), K1, "{\"a\":2}")));
}

#[test]
fn what_is_not_signed_by_a_signer_is_not_opened() {
    let good = sign(&Signer::es256(1), K1, "{}");
    let (message, signature) = good.rsplit_once('.').unwrap();
    let other = sign(&Signer::es256(1), K1, "{\"a\":1}");
    let refused = |text: &str| opened(text).unwrap_err();
    assert_eq!(refused(&format!("{message}.")), NotOpened::Signature);
    assert_eq!(refused(message), NotOpened::Form);
    assert_eq!(refused("{}"), NotOpened::Form);
    assert_eq!(refused(""), NotOpened::Form);
    let moved = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    assert_eq!(refused(&moved), NotOpened::Signature);
    assert_eq!(refused(&sign(&Signer::es256(3), K1, "{}")), NotOpened::Signature);
    let stranger = K1.replace("k1", "k3");
    assert_eq!(refused(&sign(&Signer::es256(3), &stranger, "{}")), NotOpened::Key);
    let confused = K1.replace("k1", "k2");
    assert_eq!(refused(&sign(&Signer::es256(1), &confused, "{}")), NotOpened::Key);
}

#[test]
fn a_header_says_three_things_and_nothing_else() {
    let signer = Signer::es256(1);
    let refused = |header: &str| opened(&sign(&signer, header, "{}")).unwrap_err();
    assert_eq!(refused(r#"{"alg":"ES256","typ":"deputy-bundle+jwt"}"#), NotOpened::Form);
    assert_eq!(refused(r#"{"alg":"ES256","kid":"k1"}"#), NotOpened::Form);
    assert_eq!(refused(&K1.replace('}', ",\"crit\":[]}")), NotOpened::Form);
    assert_eq!(refused(&K1.replace('}', ",\"jwk\":{}}")), NotOpened::Form);
    assert_eq!(refused(&K1.replace('}', ",\"kid\":\"k1\"}")), NotOpened::Form);
    assert_eq!(refused(&K1.replace("bundle", "revocations")), NotOpened::Type);
    assert_eq!(refused(&K1.replace("deputy-bundle+jwt", "JWT")), NotOpened::Type);
    assert_eq!(refused(&K1.replace("ES256", "none")), NotOpened::Algorithm);
    assert_eq!(refused(&K1.replace("ES256", "RS256")), NotOpened::Algorithm);
}

#[test]
fn contents_are_strict_json_of_a_bounded_depth() {
    let signed = |contents: &str| opened(&sign(&Signer::es256(1), K1, contents));
    for bad in ["", "{", "{\"a\":1,\"a\":1}", "{}{}"] {
        assert!(matches!(signed(bad), Err(NotOpened::Contents(_))), "{bad}");
    }
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    assert!(matches!(signed(&deep), Err(NotOpened::Contents(_))));
    let long = "x".repeat(MAX_BYTES.saturating_add(1));
    assert_eq!(opened(&long).unwrap_err(), NotOpened::TooLong);
}
