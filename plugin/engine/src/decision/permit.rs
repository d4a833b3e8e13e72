//! Permission as a value that can't be forged.

use super::Reason;

/// Proof that policy allowed the agent. Only `policy` makes one.
#[derive(Debug)]
pub struct AgentGrant(pub(crate) Vec<String>);

/// Proof that policy allowed the delegator, or that there is none. Only `policy` makes one.
#[derive(Debug)]
pub struct DelegatorGrant(Delegated);

#[derive(Debug)]
enum Delegated {
    Granted(Vec<String>),
    Autonomous,
}

impl DelegatorGrant {
    pub(crate) fn granted(policies: Vec<String>) -> Self {
        Self(Delegated::Granted(policies))
    }

    /// For an agent that acts for itself: there is nobody else to ask.
    pub(crate) fn autonomous() -> Self {
        Self(Delegated::Autonomous)
    }
}

/// Permission for one action. Can't exist without both grants; a host continues a request only
/// with one in hand.
///
/// ```compile_fail
/// let forged = deputy_engine::decision::Permit { agent: todo!(), delegator: todo!() };
/// ```
#[derive(Debug)]
pub struct Permit {
    agent: AgentGrant,
    delegator: DelegatorGrant,
}

impl Permit {
    pub(crate) fn new(agent: AgentGrant, delegator: DelegatorGrant) -> Self {
        Self { agent, delegator }
    }

    /// The permission for both of two things.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.agent.0.extend(other.agent.0);
        self.agent.0.sort_unstable();
        self.agent.0.dedup();
        self.delegator.0 = match (self.delegator.0, other.delegator.0) {
            (Delegated::Granted(mut policies), Delegated::Granted(more)) => {
                policies.extend(more);
                policies.sort_unstable();
                policies.dedup();
                Delegated::Granted(policies)
            }
            // Both are of one caller, so either is like the other; the one with a delegator counts.
            (Delegated::Granted(policies), _) | (_, Delegated::Granted(policies)) => {
                Delegated::Granted(policies)
            }
            (Delegated::Autonomous, Delegated::Autonomous) => Delegated::Autonomous,
        };
        self
    }

    /// The policies that allowed the agent.
    #[must_use]
    pub fn agent_policies(&self) -> &[String] {
        &self.agent.0
    }

    /// The policies that allowed the delegator; none for an autonomous agent.
    #[must_use]
    pub fn delegator_policies(&self) -> &[String] {
        match &self.delegator.0 {
            Delegated::Granted(policies) => policies,
            Delegated::Autonomous => &[],
        }
    }
}

/// The answer to one request. Exhaustive on purpose: a new answer must be taught to every host.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// Let it through.
    Allow(Permit),
    /// A human has to say yes first.
    NeedsApproval {
        /// Who may say yes, as the policies' `@approval` annotations name them.
        approvers: Vec<String>,
    },
    /// Refuse it.
    Deny(Reason),
}

impl Verdict {
    /// As receipts and metrics write it.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Allow(_) => "allow",
            Self::NeedsApproval { .. } => "needs_approval",
            Self::Deny(_) => "deny",
        }
    }

    /// Why not, unless it is allowed.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Allow(_) => None,
            Self::NeedsApproval { .. } => Some(Reason::ApprovalRequired),
            Self::Deny(reason) => Some(*reason),
        }
    }
}
