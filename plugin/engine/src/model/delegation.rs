//! On whose behalf, as proven by a credential.

use super::PrincipalId;

/// Who acts, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The current actor: the agent, the principal of every decision.
    pub agent: PrincipalId,
    /// The chain it acts through; none for an autonomous agent, which acts for itself.
    pub delegation: Option<Delegation>,
}

/// Authority that somebody else gave (RFC 8693 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// The subject of the token: on whose behalf.
    pub delegator: PrincipalId,
    /// Earlier actors, latest first. For `forbid`, depth and audit only: RFC 8693 §4.1 forbids
    /// granting anything because of them (DEL-2).
    pub prior: Vec<PrincipalId>,
}

impl Delegation {
    /// Number of `act` objects: the current actor and those before it.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.prior.len().saturating_add(1)
    }
}
