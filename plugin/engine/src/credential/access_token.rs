//! An OAuth access token of RFC 9068 (`at+jwt`), from an issuer that signs what it says.

use std::collections::BTreeSet;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::binding::Confirmation;
use super::cache::Remembered;
use super::jws::Jws;
use super::terms::Terms;
use super::{
    Asking, Authentication, Credential, Grant, Kind, Known, Proof, Rejected, Unverified, Verified,
    delegation,
};
use crate::decision::Reason;
use crate::json::{Object, Value};
use crate::model::{CallerClass, PrincipalId, Timestamp};
use crate::trust::{Algorithm, Issuer, Key, NoKey, NotSigned, Signed, Trust, base64url};

/// RFC 9068 §2.1.
pub(super) const KIND: Kind = Kind { name: "at+jwt", verify };

fn verify(jws: &Jws<'_>, asking: &mut Asking<'_>) -> Result<Remembered, Unverified> {
    let Asking { trust, audiences, now } = asking;
    let now = *now;
    let issuer = issuer(jws, trust)?;
    let algorithm = issuer.algorithms.named(&jws.algorithm).ok_or(Reason::AlgorithmNotAllowed)?;
    let key = signed(jws, &issuer, algorithm, trust, now)?;
    // From here on the issuer has said it, so a refusal may name whom it is about.
    let subject = subject(&jws.claims, &issuer)?;
    let thumbprint = format!("sha-256:{}", base64url::encode(&Sha256::digest(jws.token)));
    let read =
        Claims { jws, issuer: &issuer, key: &key, subject: &subject, thumbprint: &thumbprint };
    let (verified, terms, confirmation) =
        read.verified(audiences, now).map_err(|reason| read.rejected(reason))?;
    let (source, key_thumbprint) = (issuer.id.clone(), key.thumbprint().to_owned());
    let credential = Credential { verified: Rc::new(verified), confirmation };
    let key_id = jws.key_id.clone();
    Ok(Remembered { credential, terms, source, key_thumbprint, key_id, algorithm })
}

/// Only a name to look keys up by, until the signature holds.
fn issuer(jws: &Jws<'_>, trust: &Trust) -> Result<Rc<Issuer>, Reason> {
    let iss = text(&jws.claims, "iss")?;
    trust.issuer(iss).ok_or(Reason::IssuerUnknown)
}

fn signed(
    jws: &Jws<'_>,
    issuer: &Issuer,
    algorithm: Algorithm,
    trust: &mut Trust,
    now: Timestamp,
) -> Result<Rc<Key>, Unverified> {
    let key_id = jws.key_id.as_deref();
    let signed = Signed { key_id, algorithm, message: jws.message, signature: &jws.signature };
    trust.verify(&issuer.id, signed, now).map_err(|not| match not {
        NotSigned::NoKey(NoKey::Fetch(fetch)) => Unverified::Needs(fetch),
        NotSigned::NoKey(NoKey::Unavailable) => Reason::KeysUnavailable.into(),
        NotSigned::NoKey(NoKey::Unknown) => Reason::KeyUnknown.into(),
        NotSigned::NoKey(NoKey::Algorithm) => Reason::AlgorithmNotAllowed.into(),
        NotSigned::Signature => Reason::SignatureInvalid.into(),
    })
}

/// A token with a good signature, whose claims are being read.
struct Claims<'a> {
    jws: &'a Jws<'a>,
    issuer: &'a Issuer,
    key: &'a Key,
    subject: &'a PrincipalId,
    thumbprint: &'a str,
}

impl Claims<'_> {
    fn verified(
        &self,
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<(Verified, Terms, Option<Confirmation>), Reason> {
        let claims = &self.jws.claims;
        check_is_access_token(claims)?;
        let terms = Terms::read(claims, self.issuer)?;
        terms.hold(audiences, now)?;
        // A bound token is no bearer token (DPOP-9, MTLS-3, T27), whatever it is bound by.
        let confirmation = Confirmation::of_token(claims)?;
        let client_id = identifier(claims, "client_id")?;
        let own = text(claims, "sub")? == client_id;
        let verified = Verified {
            actor: delegation::actor(claims, self.issuer, self.subject, own)?,
            proof: self.proof(&terms)?,
            also: Vec::new(),
            client_id: Some(client_id),
            grant: Grant { scopes: scopes(claims)?, details: None },
            authentication: Authentication::default(),
            audiences: terms.audiences.clone(),
        };
        Ok((verified, terms, confirmation))
    }

    fn proof(&self, terms: &Terms) -> Result<Proof, Reason> {
        Ok(Proof {
            kind: KIND.name,
            issuer: self.issuer.id.clone(),
            thumbprint: self.thumbprint.to_owned(),
            key_thumbprint: Some(self.key.thumbprint().to_owned()),
            expires: Some(terms.expires()),
            jti: Some(identifier(&self.jws.claims, "jti")?),
            bound: None,
        })
    }

    fn rejected(&self, reason: Reason) -> Unverified {
        let known = Known {
            kind: KIND.name,
            class: CallerClass::Unknown,
            subject: Some(self.subject.clone()),
            issuer: self.issuer.id.as_str().to_owned(),
            thumbprint: self.thumbprint.to_owned(),
        };
        Unverified::Rejected(Rejected { reason, known: Some(known) })
    }
}

/// An issuer that puts `at+jwt` on everything it signs must not turn its ID tokens, logout tokens
/// and security events into access tokens (JWT-22, RFC 8725 §3.12).
fn check_is_access_token(claims: &Object) -> Result<(), Reason> {
    const OF_OTHERS: [&str; 4] = ["token_use", "nonce", "at_hash", "events"];
    match OF_OTHERS.iter().any(|name| claims.get(name).is_some()) {
        true => Err(Reason::TokenWrongType),
        false => Ok(()),
    }
}

fn subject(claims: &Object, issuer: &Issuer) -> Result<PrincipalId, Reason> {
    PrincipalId::new(&issuer.id, text(claims, "sub")?).map_err(|_| Reason::TokenMalformed)
}

fn text<'c>(claims: &'c Object, name: &str) -> Result<&'c str, Reason> {
    claims.get(name).and_then(Value::as_str).ok_or(Reason::TokenMalformed)
}

/// A required name that others made up: not empty, not long, nothing that breaks a log line.
fn identifier(claims: &Object, name: &str) -> Result<String, Reason> {
    let text = text(claims, name)?;
    let good = !text.is_empty() && text.len() <= MAX_NAME_BYTES && !text.contains(char::is_control);
    if good { Ok(text.to_owned()) } else { Err(Reason::TokenMalformed) }
}

/// RFC 8693 §4.2, RFC 6749 §3.3: visible ASCII without `"` and `\`, one space between.
fn scopes(claims: &Object) -> Result<BTreeSet<String>, Reason> {
    // Some issuers write an empty text for none at all; it widens nothing (D4).
    if claims.get("scope").is_none_or(|scope| scope.as_str() == Some("")) {
        return Ok(BTreeSet::new());
    }
    let good = |b: u8| matches!(b, b'!' | b'#'..=b'[' | b']'..=b'~');
    let token =
        |token: &str| (!token.is_empty() && token.bytes().all(good)).then(|| token.to_owned());
    let scopes: Option<BTreeSet<String>> = text(claims, "scope")?.split(' ').map(token).collect();
    scopes.ok_or(Reason::TokenMalformed)
}

/// JWT-5.
const MAX_NAME_BYTES: usize = 256;
