//! What was proven, by what, and what was not.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::binding::Bound;
use super::details::Detail;
use super::transaction::Transaction;
use crate::decision::Reason;
use crate::fetch::Fetch;
use crate::model::{Actor, CallerClass, IssuerId, PrincipalId, Timestamp};
use crate::recall::Once;
use crate::trust::StatusReference;

/// What was proven. Only [`super::verify`] makes one, after every check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) actor: Actor,
    /// The proof that says who the agent is.
    pub(crate) proof: Proof,
    /// Further proofs, that say the same.
    pub(crate) also: Vec<Proof>,
    /// The OAuth client; of tokens that have one. Never an actor (ACT-3).
    pub(crate) client_id: Option<String>,
    /// Whose certificate the connection has, where a token is bound to nothing and somebody asks.
    pub(crate) client: Option<String>,
    pub(crate) grant: Grant,
    pub(crate) authentication: Authentication,
    /// All of `aud`; none of a proof that has no audience.
    pub(crate) audiences: Vec<String>,
    /// What the request is a part of. Context, never identity (TXN-4).
    pub(crate) transaction: Option<Transaction>,
}

impl Verified {
    /// What must not have been used before, and what it is called if it was.
    pub(crate) fn used_once(&self) -> impl Iterator<Item = (&Once, Reason)> {
        let proofs = [&self.proof].into_iter().chain(&self.also);
        proofs.filter_map(|proof| proof.bound.as_ref()?.once())
    }

    /// A refusal of what is genuine and yet not the sender's: its receipt says whose it is.
    pub(super) fn rejected(&self, reason: Reason) -> Unverified {
        let delegator = self.actor.delegation.as_ref().map(|d| d.delegator.clone());
        let known = Known {
            kind: self.proof.kind,
            class: CallerClass::Unknown,
            subject: Some(delegator.unwrap_or_else(|| self.actor.agent.clone())),
            issuer: self.proof.issuer.as_str().to_owned(),
            thumbprint: self.proof.thumbprint.clone(),
        };
        Unverified::Rejected(Rejected { reason, known: Some(known) })
    }
}

/// One credential that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The name of its kind, as receipts and policies write it.
    pub(crate) kind: &'static str,
    /// Who vouches: an issuer, or a trust domain written `spiffe://name`.
    pub(crate) issuer: IssuerId,
    /// `sha-256:` and the base64url digest of the whole credential; logged in its place (JWT-29).
    pub(crate) thumbprint: Rc<str>,
    /// The same of what was signed: an ECDSA signature has a twin that anybody can make.
    pub(crate) content: Rc<str>,
    /// RFC 7638, of the key that signed it. None of a certificate: the host verified that.
    pub(crate) key_thumbprint: Option<String>,
    pub(crate) expires: Option<Timestamp>,
    /// `iat`; none of a certificate, or a token that does not say.
    pub(crate) issued: Option<Timestamp>,
    pub(crate) jti: Option<String>,
    /// Where its issuer says whether it still counts.
    pub(crate) status: Option<StatusReference>,
    /// What proved that the sender is the one it was issued to; none of a bearer token.
    pub(crate) bound: Option<Bound>,
}

/// What an access token grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) scopes: BTreeSet<String>,
    /// RFC 9396 §2: `authorization_details`, each with a `type`. None: the token has no such claim.
    pub(crate) details: Option<Vec<Detail>>,
}

/// How the subject of a token authenticated, as its issuer says (RFC 9470 §6, RFC 8176).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Authentication {
    pub(crate) acr: Option<String>,
    pub(crate) auth_time: Option<Timestamp>,
    pub(crate) amr: BTreeSet<String>,
}

impl Verified {
    /// All proofs, the one that says who the agent is first.
    pub(crate) fn proofs(&self) -> impl Iterator<Item = &Proof> {
        std::iter::once(&self.proof).chain(&self.also)
    }
}

impl Authentication {
    /// Whether it was by something that whoever learns it can use (RFC 8176 §2, T28).
    pub(super) fn by_secret(&self) -> bool {
        const SECRETS: [&str; 3] = ["pwd", "pin", "kba"];
        SECRETS.iter().any(|secret| self.amr.contains(*secret))
    }
}

/// Why nothing was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unverified {
    Rejected(Rejected),
    /// Ask again when this has been fetched.
    Needs(Fetch),
}

/// A credential that is refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) reason: Reason,
    pub(crate) known: Option<Known>,
}

/// What is known of a refused credential. Only one whose signature holds is known at all: what
/// others say about themselves belongs in no receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) kind: &'static str,
    pub(crate) class: CallerClass,
    /// `sub`: the delegator or, in an impersonation, whoever was impersonated.
    pub(crate) subject: Option<PrincipalId>,
    /// As in [`Proof`]; of a bot, the directory it named.
    pub(crate) issuer: String,
    pub(crate) thumbprint: Rc<str>,
}

impl From<Reason> for Unverified {
    fn from(reason: Reason) -> Self {
        Self::Rejected(Rejected { reason, known: None })
    }
}
