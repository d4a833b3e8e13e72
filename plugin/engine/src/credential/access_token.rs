//! An OAuth access token of RFC 9068 (`at+jwt`), from an issuer that signs what it says.

use std::rc::Rc;

use super::binding::Confirmation;
use super::cache::Remembered;
use super::claims::{self, identifier, text};
use super::details;
use super::jws::Jws;
use super::signed::signed;
use super::terms::{Form, Limits, Terms};
use super::{
    Asking, Authentication, Credential, Grant, Kind, Known, Place, Proof, Rejected, Rules,
    Unverified, Verified, delegation, thumbprint,
};
use crate::decision::Reason;
use crate::json::Object;
use crate::model::{CallerClass, IssuerId, PrincipalId, Timestamp};
use crate::trust::{Issuer, Key, ScopeClaim, Trust};

/// RFC 9068 §2.1.
pub(super) const KIND: Kind = Kind {
    name: "at+jwt",
    place: Place::Authorization,
    from: "`issuers`",
    proves: "the agent (`act`, or `sub` of a client's own token) and whom it acts for",
    bound: "DPoP (`cnf.jkt`) or a certificate (`cnf.x5t#S256`) if the token says so; else a bearer token",
    rules: "RFC 9068, RFC 8693 §4.1; without `typ` only from an issuer with `legacy`",
    verify: Some(verify),
};

fn verify(jws: &Jws<'_>, asking: &mut Asking<'_>) -> Result<Remembered, Unverified> {
    let issuer = issuer(jws, asking.trust)?;
    let typed = jws.is_of_type(KIND.name) || issuer.legacy && jws.is_untyped();
    if !typed {
        return Err(Reason::TokenWrongType.into());
    }
    let (key, algorithm) = signed(jws, &issuer.id, &issuer.algorithms, asking)?;
    // From here on the issuer has said it, so a refusal may name whom it is about.
    let subject = subject(&jws.claims, &issuer)?;
    let thumbprint = thumbprint(jws.token.as_bytes());
    let (subject, rules) = (&subject, asking.rules);
    let read = Claims { jws, issuer: &issuer, key: &key, subject, thumbprint, rules };
    let (verified, terms, confirmation) =
        read.verified(asking.audiences, asking.now).map_err(|reason| read.rejected(reason))?;
    Ok(Remembered {
        credential: Credential { verified: Rc::new(verified), confirmation },
        place: KIND.place,
        terms,
        source: issuer.id.clone(),
        key_thumbprint: key.thumbprint().to_owned(),
        key_id: jws.key_id.clone(),
        algorithm,
    })
}

/// Only a name to look keys up by, until the signature holds.
fn issuer(jws: &Jws<'_>, trust: &Trust) -> Result<Rc<Issuer>, Reason> {
    let iss = text(&jws.claims, "iss")?;
    trust.issuer(iss).ok_or(Reason::IssuerUnknown)
}

/// A token with a good signature, whose claims are being read.
struct Claims<'a> {
    jws: &'a Jws<'a>,
    issuer: &'a Issuer,
    key: &'a Key,
    subject: &'a PrincipalId,
    thumbprint: Rc<str>,
    rules: &'a Rules,
}

impl Claims<'_> {
    fn verified(
        &self,
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<(Verified, Terms, Option<Confirmation>), Reason> {
        let claims = &self.jws.claims;
        check_is_access_token(claims)?;
        let terms = Terms::read(claims, Form::Issued, Limits::of(self.issuer))?;
        terms.hold(audiences, now)?;
        // A bound token is no bearer token (DPOP-9, MTLS-3, T27), whatever it is bound by.
        let confirmation = Confirmation::of_token(claims)?;
        let client_id = identifier(claims, "client_id")?;
        let own = text(claims, "sub")? == client_id;
        let actor = delegation::actor(claims, self.issuer, self.subject, own)?;
        let authentication = authentication(claims)?;
        // What a human typed says how the human was authenticated. An agent that has a password has
        // a shared secret (T28).
        if actor.delegation.is_none() && authentication.by_secret() {
            return Err(Reason::AgentUsedPassword);
        }
        let verified = Verified {
            actor,
            proof: self.proof(&terms)?,
            also: Vec::new(),
            client_id: Some(client_id),
            grant: self.grant()?,
            authentication,
            audiences: terms.audiences(),
            client: None,
            transaction: None,
        };
        Ok((verified, terms, confirmation))
    }

    fn grant(&self) -> Result<Grant, Reason> {
        let claims = &self.jws.claims;
        let scopes = match self.issuer.scope_claim {
            ScopeClaim::Scope => claims::scopes(claims, "scope")?,
            ScopeClaim::Scp => claims::scp(claims)?,
        };
        Ok(Grant { scopes, details: details::read(claims, &self.rules.detail_types)? })
    }

    fn proof(&self, terms: &Terms) -> Result<Proof, Reason> {
        // Before RFC 9068, `jti` was anybody's choice.
        let jti = match self.jws.is_untyped() {
            true => claims::maybe_identifier(&self.jws.claims, "jti")?,
            false => Some(identifier(&self.jws.claims, "jti")?),
        };
        Ok(Proof {
            kind: KIND.name,
            issuer: self.issuer.id.clone(),
            thumbprint: self.thumbprint.clone(),
            content: thumbprint(self.jws.message),
            key_thumbprint: Some(self.key.thumbprint().to_owned()),
            expires: Some(terms.expires()),
            jti,
            issued: None,
            status: None,
            bound: None,
        })
    }

    fn rejected(&self, reason: Reason) -> Unverified {
        let known = Known {
            kind: KIND.name,
            class: self.class(reason),
            subject: Some(self.subject.clone()),
            issuer: self.issuer.id.as_str().to_owned(),
            thumbprint: self.thumbprint.clone(),
        };
        Unverified::Rejected(Rejected { reason, known: Some(known) })
    }

    /// Whose token somebody else came with, if its issuer says so (ACT-2); never guessed.
    fn class(&self, reason: Reason) -> CallerClass {
        let human = delegation::is_profiled(&self.jws.claims, "user");
        match reason {
            Reason::Impersonation if human => CallerClass::Human,
            _ => CallerClass::Unknown,
        }
    }
}

/// An issuer that puts `at+jwt` on everything it signs, or nothing on anything, must not turn its ID
/// tokens, logout tokens and security events into access tokens (JWT-22, RFC 8725 §3.12).
fn check_is_access_token(claims: &Object) -> Result<(), Reason> {
    const OF_OTHERS: [&str; 5] = ["token_use", "nonce", "at_hash", "c_hash", "events"];
    match OF_OTHERS.iter().any(|name| claims.get(name).is_some()) {
        true => Err(Reason::TokenWrongType),
        false => Ok(()),
    }
}

fn authentication(claims: &Object) -> Result<Authentication, Reason> {
    Ok(Authentication {
        acr: claims::maybe_identifier(claims, "acr")?,
        auth_time: claims::timestamp(claims, "auth_time")?,
        amr: claims::names(claims, "amr")?,
    })
}

fn subject(claims: &Object, issuer: &Issuer) -> Result<PrincipalId, Reason> {
    let issuer: &IssuerId = &issuer.id;
    PrincipalId::new(issuer, text(claims, "sub")?).map_err(|_| Reason::TokenMalformed)
}
