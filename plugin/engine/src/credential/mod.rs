//! Who sent the request, proven.
//!
//! Reads what a request presents ([`Presented`]), has each credential verified by its kind, has bound
//! ones proven to be the sender's ([`binding`]), and puts together what they say. A kind is a file and
//! a line in [`KINDS`]; `docs/credentials.md` is made from those lines. Not here: whether the agent is
//! registered or what it may do.
//!
//! | step | where | what comes out |
//! |---|---|---|
//! | read the head, once | `presented`, `bearer`, `certificate` | [`Presented`], nothing believed |
//! | verify each credential | the kind's file, through `cache` | `Credential`: what it says, and what it is bound by |
//! | prove possession | `binding`, for every request | a [`Bound`] in the credential's [`Proof`], or a refusal |
//! | put together | `join` | one [`Verified`] |
//! | ask whether it still counts, for every request | `status` | nothing, or a refusal |

mod access_token;
mod bearer;
mod binding;
mod bot;
mod cache;
mod certificate;
mod claims;
mod delegation;
mod details;
mod join;
mod jws;
mod jwt_svid;
mod presented;
mod rules;
mod security_event;
mod shared;
mod signature;
mod signed;
mod statement;
mod status;
mod terms;
#[cfg(test)]
mod tests;
mod transaction;
mod verified;
mod wit;
mod workload;
mod xfcc;

use std::rc::Rc;

use sha2::{Digest, Sha256};

pub(crate) use binding::{BindingRules, Bound, DpopRules, Nonces, Origin, ProvenBefore, WptRules};
pub(crate) use bot::Directory;
pub(crate) use cache::TokenCache;
pub(crate) use certificate::{CertificateRules, Uris};
pub(crate) use details::covering;
pub(crate) use rules::{DomainRules, Rules};
pub(crate) use security_event::{EventRules, NoEvent, SecurityEvent};
pub(crate) use shared::Sharing;
pub(crate) use statement::{Statement, StatementRules};
pub(crate) use terms::Limits;
pub(crate) use transaction::TransactionRules;
pub(crate) use verified::{Authentication, Grant, Known, Proof, Rejected, Unverified, Verified};

use binding::{BoundToken, Confirmation};
use cache::Remembered;
use join::Held;
use jws::Jws;
use presented::Presented;

use crate::decision::Reason;
use crate::evidence::Head;
use crate::model::Timestamp;
use crate::trust::{Trust, base64url};

/// A way to prove who one is. Kinds exclude each other: a token is of the one kind its place and its
/// `typ` name, and is never tried as another (RFC 8725 §3.11, §3.12).
pub struct Kind {
    /// As receipts and policies write it, and without `application/` the token's `typ` if it has one.
    pub name: &'static str,
    /// Where a request carries it.
    pub place: Place,
    /// The section of the configuration that makes it count.
    pub from: &'static str,
    /// What it says, if it holds.
    pub proves: &'static str,
    /// What proves that the sender is the one it was issued to.
    pub bound: &'static str,
    /// The rules it is held to, by their ids in the standards.
    pub rules: &'static str,
    /// Of tokens that say who the agent is.
    verify: Option<Verify>,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind").field("name", &self.name).finish_non_exhaustive()
    }
}

type Verify = fn(&Jws<'_>, &mut Asking<'_>) -> Result<Remembered, Unverified>;

/// Where a request may carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `Authorization`.
    Authorization,
    /// `Workload-Identity-Token`.
    WorkloadIdentityToken,
    /// `Txn-Token`.
    TxnToken,
    /// The TLS connection.
    Certificate,
    /// `Signature-Input`, `Signature` and `Signature-Agent`.
    Signature,
}

/// Every kind that is accepted.
pub const KINDS: &[Kind] = &[
    access_token::KIND,
    jwt_svid::KIND,
    wit::KIND,
    certificate::KIND,
    transaction::KIND,
    bot::KIND,
];

/// One token that holds, perhaps still to be proven to be the sender's own.
#[derive(Clone, Debug)]
struct Credential {
    verified: Rc<Verified>,
    confirmation: Option<Confirmation>,
}

/// What a kind may use.
struct Asking<'a> {
    trust: &'a mut Trust,
    rules: &'a Rules,
    /// The names under which this request may be meant.
    audiences: &'a [&'a str],
    now: Timestamp,
}

/// Verifies the credentials of a request that is meant for one of `audiences`.
pub(crate) fn verify<A: AsRef<str>>(
    head: &Head,
    (rules, trust, cache): (&Rules, &mut Trust, &mut TokenCache),
    before: &mut ProvenBefore,
    audiences: &[A],
    now: Timestamp,
) -> Result<Rc<Verified>, Unverified> {
    let presented = Presented::read(head, &rules.certificates)?;
    let audiences: Vec<&str> = audiences.iter().map(AsRef::as_ref).collect();
    let mut asking = Asking { trust, rules, audiences: &audiences, now };
    let mut held = identities(&presented, (cache, before), &mut asking)?.into_iter();
    let Some(first) = held.next() else {
        return Err(match presented.signature {
            true => bot::refused(&presented, &asking),
            false => presented.nothing().into(),
        });
    };
    let mut verified = join::join(first, held.collect())?;
    status::check(&verified, &mut asking)?;
    // Whose connection it is counts only where nothing else says whose the token is.
    if rules.sharing != Sharing::Ignored
        && verified.proof.bound.is_none()
        && let Some(certificate) = &presented.certificate
    {
        Rc::make_mut(&mut verified).client = Some(certificate.client());
    }
    let (Some(token), Some(service)) = (presented.transaction, &rules.transactions) else {
        return Ok(verified);
    };
    let transaction = transaction::verify(token, service, &verified, &mut asking)?;
    Rc::make_mut(&mut verified).transaction = Some(transaction);
    Ok(verified)
}

/// Every credential that says who the agent is; first the one that may say for whom it acts.
fn identities(
    presented: &Presented<'_>,
    (cache, before): (&mut TokenCache, &mut ProvenBefore),
    asking: &mut Asking<'_>,
) -> Result<Vec<Held>, Unverified> {
    let mut held = Vec::new();
    if let Some(authorization) = presented.authorization {
        let credential = token(authorization.token, Place::Authorization, cache, asking)?;
        let bound = BoundToken { token: authorization.token, scheme: Some(authorization.scheme) };
        held.push(possessed(credential, bound, (presented, before), asking)?);
    }
    if let Some(wit) = presented.workload {
        let credential = token(wit, Place::WorkloadIdentityToken, cache, asking)?;
        let bound = BoundToken { token: wit, scheme: None };
        held.push(possessed(credential, bound, (presented, before), asking)?);
    }
    if let Some(certificate) = &presented.certificate
        && let Some(verified) = certificate::verified(certificate, asking.rules)?
    {
        held.push(Held { verified: Rc::new(verified), bound: None });
    }
    Ok(held)
}

fn possessed(
    credential: Credential,
    token: BoundToken<'_>,
    (presented, before): (&Presented<'_>, &mut ProvenBefore),
    asking: &Asking<'_>,
) -> Result<Held, Unverified> {
    let proofs = (&asking.rules.binding, before);
    let bound = binding::hold(&credential, token, presented, proofs, asking);
    let bound = bound.map_err(|reason| credential.verified.rejected(reason))?;
    Ok(Held::new(credential, bound))
}

/// Verifies a token, or finds that it was verified before and still holds.
fn token(
    token: &str,
    place: Place,
    cache: &mut TokenCache,
    asking: &mut Asking<'_>,
) -> Result<Credential, Unverified> {
    if let Some(credential) = cache.find(token, place, asking) {
        return Ok(credential);
    }
    let jws = Jws::parse(token)?;
    let kind = kind(&jws, place)?;
    let verify = kind.verify.ok_or(Reason::TokenWrongType)?;
    let mut remembered = verify(&jws, asking)?;
    let verified = &mut remembered.credential.verified;
    let status = status::reference(&jws.claims).map_err(|reason| verified.rejected(reason))?;
    let proof = &mut Rc::make_mut(verified).proof;
    proof.status = status;
    proof.issued = claims::timestamp(&jws.claims, "iat").ok().flatten();
    Ok(cache.insert(token, remembered))
}

/// The kind of a token at its place. What belongs elsewhere is told so: whoever sends it there has
/// misunderstood something, and `token_wrong_type` would not help them.
fn kind(jws: &Jws<'_>, place: Place) -> Result<&'static Kind, Reason> {
    match place {
        Place::Authorization if jwt_svid::is_one(jws) => return Ok(&jwt_svid::KIND),
        // Whether its issuer may do without a type is the kind's to say.
        Place::Authorization if jws.is_untyped() => return Ok(&access_token::KIND),
        _ => {}
    }
    let here = |kind: &&Kind| kind.place == place && jws.is_of_type(kind.name);
    if let Some(kind) = KINDS.iter().find(here) {
        return Ok(kind);
    }
    match place {
        Place::Authorization if jws.is_of_type(ID_JAG) => Err(Reason::GrantAsToken),
        Place::Authorization if ELSEWHERE.iter().any(|name| jws.is_of_type(name)) => {
            Err(Reason::TokenMisplaced)
        }
        _ => Err(Reason::TokenWrongType),
    }
}

/// An assertion to be exchanged for an access token (ID-JAG, IDJ-1).
const ID_JAG: &str = "oauth-id-jag+jwt";
/// Tokens with a header of their own.
const ELSEWHERE: [&str; 4] = ["wit+jwt", "wpt+jwt", "dpop+jwt", "txntoken+jwt"];

/// What is logged in place of a credential (JWT-29).
fn thumbprint(credential: &[u8]) -> Rc<str> {
    format!("sha-256:{}", base64url::encode(&Sha256::digest(credential))).into()
}
