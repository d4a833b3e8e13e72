//! What a request presents, read once from its head and not yet believed.
//!
//! Every place is read strictly: what comes twice, or joined by a comma, is ambiguous, and a malformed
//! one is refused, never taken for absent (H1…H7). Not here: whether any of it is true.

use super::bearer::{self, Authorization};
use super::certificate::{self, Certificate, CertificateRules};
use crate::decision::Reason;
use crate::evidence::{Head, Line, Once, is_token_header};

/// All proofs of a request.
#[derive(Debug)]
pub(super) struct Presented<'h> {
    pub(super) line: Line<'h>,
    pub(super) authorization: Option<Authorization<'h>>,
    /// Values of `DPoP`. How often it may come is the binding's to say (DPOP-1).
    pub(super) dpop: Once<'h>,
    /// `Workload-Identity-Token` (WIT-1).
    pub(super) workload: Option<&'h str>,
    /// `Workload-Proof-Token` (WPT-1).
    pub(super) workload_proof: Option<&'h str>,
    /// `Txn-Token` (TXN-1).
    pub(super) transaction: Option<&'h str>,
    /// Whether there is an HTTP message signature, of whatever kind (RFC 9421 §4).
    pub(super) signature: bool,
    /// The client's certificate, if the configuration says who tells of it.
    pub(super) certificate: Option<Certificate>,
    pub(super) head: &'h Head,
}

impl<'h> Presented<'h> {
    pub(super) fn read(head: &'h Head, rules: &CertificateRules) -> Result<Self, Reason> {
        let line = head.line().map_err(|_| Reason::RequestMalformed)?;
        let presented = Self {
            line,
            authorization: bearer::find(head, line)?,
            dpop: head.once("dpop"),
            workload: token(head, "workload-identity-token")?,
            workload_proof: token(head, "workload-proof-token")?,
            transaction: token(head, "txn-token")?,
            signature: head.has("signature") || head.has("signature-input"),
            certificate: certificate::read(head, rules)?,
            head,
        };
        match presented.names_somebody() && head.names().any(is_token_header) {
            true => Err(Reason::AmbiguousCredential),
            false => Ok(presented),
        }
    }

    /// Whether there is a credential in a place that counts.
    fn names_somebody(&self) -> bool {
        self.authorization.is_some()
            || self.workload.is_some()
            || self.transaction.is_some()
            || self.certificate.is_some()
    }

    /// What is said when nothing here proves anything: a shared secret is told from nothing at all.
    pub(super) fn nothing(&self) -> Reason {
        match SHARED_SECRETS.iter().any(|name| self.head.has(name)) {
            true => Reason::SharedSecret,
            false => Reason::NoCredential,
        }
    }
}

/// A header that is one token. No token has a comma, so a comma is two of them, joined by a hop.
fn token<'h>(head: &'h Head, name: &str) -> Result<Option<&'h str>, Reason> {
    match head.once(name) {
        Once::Absent => Ok(None),
        Once::Many => Err(Reason::AmbiguousCredential),
        Once::One(value) if value.contains(',') => Err(Reason::AmbiguousCredential),
        Once::One(value) if bearer::has_white_space(value) => Err(Reason::RequestMalformed),
        Once::One(value) => Ok(Some(value)),
    }
}

/// Headers in which APIs take a secret that whoever holds it can use (OWASP NHI4). They identify
/// nobody here, and a request that has nothing else is told so.
pub(super) const SHARED_SECRETS: [&str; 9] = [
    "x-api-key",
    "api-key",
    "apikey",
    "x-apikey",
    "x-api-token",
    "x-auth-token",
    "x-access-token",
    "x-goog-api-key",
    "ocp-apim-subscription-key",
];
