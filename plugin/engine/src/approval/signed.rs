//! The approval itself: an `agent-approval+jwt` of the configured service (APP-25).
//!
//! It is no credential: its type and place are its own, so neither is taken for the other.

use super::Service;
use crate::credential::{Limits, Statement, StatementRules, Unverified};
use crate::decision::Reason;
use crate::fetch::Fetch;
use crate::model::{IssuerId, PrincipalId, Timestamp};
use crate::recall::Once;
use crate::trust::Trust;

/// Somebody's yes to one action. Whether they may give it is another question.
#[derive(Clone, Debug)]
pub(crate) struct Approval {
    /// `jti`.
    pub(crate) id: String,
    pub(crate) approver: PrincipalId,
    /// When it was given.
    pub(crate) at: Timestamp,
    /// How the approver had authenticated.
    pub(crate) acr: Option<String>,
    /// The key that signed it (RFC 7638).
    pub(crate) key: String,
    /// That it is used once.
    pub(crate) once: Once,
}

/// Why there is no approval.
#[derive(Debug)]
pub(crate) enum Unapproved {
    Refused(Reason),
    /// Ask again when this has been fetched.
    Needs(Fetch),
}

impl Service {
    /// The approval that `text` is, if it is one of this service, for this gateway, and of what has that
    /// digest.
    pub(crate) fn verify(
        &self,
        text: &str,
        (digest, audience): (&str, &str),
        trust: &mut Trust,
        now: Timestamp,
    ) -> Result<Approval, Unapproved> {
        let rules = StatementRules {
            typ: TYPE,
            source: &self.source,
            algorithms: &self.algorithms,
            // APP-26: no clock difference is allowed for.
            limits: Limits {
                leeway_seconds: 0,
                max_lifetime_seconds: self.max_lifetime_seconds,
                foreign_audiences: false,
            },
            audience,
        };
        let said = Statement::verify(text, &rules, trust, now).map_err(Unapproved::from)?;
        // Before anything else it says: a yes to something else is none to this.
        if said.text("digest") != Some(digest) {
            return Err(Unapproved::Refused(Reason::ApprovalOutOfScope));
        }
        self.read(&said).ok_or(Unapproved::Refused(Reason::ApprovalUnverifiable))
    }

    fn read(&self, said: &Statement) -> Option<Approval> {
        let of_service = said.text("iss") == Some(self.issuer.as_str());
        // APP-21: more than once is not on offer.
        if !of_service || said.integer("uses") != Some(1) {
            return None;
        }
        let who = said.object("approver")?;
        let name = |name| who.get(name)?.as_str();
        let approver = PrincipalId::new(&IssuerId::parse(name("iss")?).ok()?, name("sub")?).ok()?;
        if said.text("sub") != Some(approver.as_str()) {
            return None;
        }
        // Nobody approves without having logged in.
        who.get("auth_time")?.as_integer()?;
        let acr = match who.get("acr") {
            None => None,
            Some(acr) => Some(acr.as_str()?.to_owned()),
        };
        let id = said.name("jti")?;
        // Beyond the last instant at which it is accepted.
        let parts = [self.issuer.as_bytes(), id.as_bytes()];
        let once = Once::new("approval", &parts, said.expires());
        Some(Approval { id, approver, at: said.issued()?, acr, key: said.key().to_owned(), once })
    }
}

impl From<Unverified> for Unapproved {
    fn from(not: Unverified) -> Self {
        match not {
            Unverified::Needs(fetch) => Self::Needs(fetch),
            Unverified::Rejected(rejected) => Self::Refused(match rejected.reason {
                Reason::TokenExpired => Reason::ApprovalExpired,
                Reason::KeysUnavailable => Reason::ApprovalUnavailable,
                _ => Reason::ApprovalUnverifiable,
            }),
        }
    }
}

/// `typ`: exclusive (RFC 8725 §3.11).
const TYPE: &str = "agent-approval+jwt";
