//! A Transaction Token (OAuth Transaction Tokens): what a request is a part of.
//!
//! Context and nothing else: it authenticates nobody and permits nothing (TXN-4). Without a
//! configured service the header is not ours to believe, and goes no further (TXN-7). It is verified for
//! every request: one is rarely seen twice.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::claims::{identifier, scopes, text};
use super::jws::Jws;
use super::signed::signed;
use super::terms::{Form, Limits, Terms};
use super::{Asking, Kind, Place, Unverified, Verified, status, thumbprint};
use crate::decision::Reason;
use crate::model::IssuerId;
use crate::trust::Algorithms;

/// In a header of its own; never in `Authorization`.
pub(super) const KIND: Kind = Kind {
    name: "txntoken+jwt",
    place: Place::TxnToken,
    from: "`transaction_tokens`",
    proves: "nothing about who sends it: `context.transaction` for policy, beside a proof",
    bound: "nothing; the header is taken away where no service is configured",
    rules: "TXN-1…7: `aud` is the trust domain; `txn`, `sub`, `scope` and `req_wl` are required",
    verify: None,
};

/// Whose transaction tokens count.
#[derive(Clone, Debug)]
pub(crate) struct TransactionRules {
    /// The trust domain: what `aud` must be.
    pub(crate) audience: String,
    /// Names the keys; no issuer of access tokens.
    pub(crate) source: IssuerId,
    pub(crate) algorithms: Algorithms,
    pub(crate) limits: Limits,
}

/// What a request is a part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// `txn`, the same along the whole call chain.
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) scopes: BTreeSet<String>,
    /// `req_wl`: the workload that asked for it.
    pub(crate) workload: String,
    pub(crate) thumbprint: Rc<str>,
    /// Whose key signed it, and which (RFC 7638).
    pub(crate) source: IssuerId,
    pub(crate) key_thumbprint: String,
}

/// The transaction that `token` says a verified request belongs to.
pub(super) fn verify(
    token: &str,
    rules: &TransactionRules,
    verified: &Verified,
    asking: &mut Asking<'_>,
) -> Result<Transaction, Unverified> {
    let jws = Jws::parse(token)?;
    if !jws.is_of_type(KIND.name) {
        return Err(Reason::TokenWrongType.into());
    }
    let (key, _) = signed(&jws, &rules.source, &rules.algorithms, asking)?;
    let terms = Terms::read(&jws.claims, Form::Issued, rules.limits)?;
    terms.hold(&[&rules.audience], asking.now)?;
    let claims = &jws.claims;
    // A token about one human beside a transaction of another is somebody's mistake, or worse.
    let subject = identifier(claims, "sub")?;
    let delegator = verified.actor.delegation.as_ref().map(|d| d.delegator.subject());
    if delegator.is_some_and(|delegator| delegator != subject) {
        return Err(Reason::TransactionMismatch.into());
    }
    text(claims, "scope")?;
    // No service has lists configured, so nobody could tell.
    if status::reference(claims)?.is_some() {
        return Err(Reason::StatusNotAccepted.into());
    }
    Ok(Transaction {
        id: identifier(claims, "txn")?,
        subject,
        scopes: scopes(claims, "scope")?,
        workload: identifier(claims, "req_wl")?,
        thumbprint: thumbprint(token.as_bytes()),
        source: rules.source.clone(),
        key_thumbprint: key.thumbprint().to_owned(),
    })
}
