//! Who exists at this issuer, and what they agreed to.
//!
//! The gateway has its own register of agents (`deputy.json`): that an issuer vouches for an agent
//! does not yet mean that anybody answers for it.

/// An agent that can authenticate with its own key.
pub(super) struct Agent {
    pub(super) id: &'static str,
    pub(super) scopes: &'static [&'static str],
    /// The people who agreed that it acts for them.
    pub(super) acts_for: &'static [&'static str],
}

/// Every agent.
pub(super) const AGENTS: &[Agent] = &[
    Agent {
        id: "refund-bot",
        scopes: &["orders", "refunds", "customers"],
        acts_for: &["dana", "lee"],
    },
    Agent { id: "orphan-bot", scopes: &["orders"], acts_for: &["dana"] },
    Agent { id: "old-bot", scopes: &["orders"], acts_for: &["dana"] },
    Agent { id: "nightly-report", scopes: &["orders", "exports"], acts_for: &[] },
];

/// People who can sign in, and the scopes of the portal they sign in to.
pub(super) const PEOPLE: &[&str] = &["dana", "lee"];

/// The web application that people sign in to.
pub(super) const PORTAL: &str = "acme-portal";

/// What a person's own token may be used for.
pub(super) const PORTAL_SCOPES: &[&str] = &["orders", "refunds", "customers"];

/// The approval service: people sign in to it with OpenID Connect.
pub(super) const APPROVALS: &str = "approvals";

/// Everybody who authenticates with a key of their own.
pub(super) fn clients() -> impl Iterator<Item = &'static str> {
    AGENTS.iter().map(|agent| agent.id).chain([APPROVALS])
}

pub(super) fn agent(id: &str) -> Option<&'static Agent> {
    AGENTS.iter().find(|agent| agent.id == id)
}

/// Every scope there is.
pub(super) fn scopes() -> Vec<&'static str> {
    let mut all: Vec<_> = AGENTS.iter().flat_map(|agent| agent.scopes).copied().collect();
    all.push("openid");
    all.sort_unstable();
    all.dedup();
    all
}
