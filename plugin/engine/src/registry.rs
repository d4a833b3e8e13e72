//! The non-human identities this gateway knows, and the rules that hold whatever policy says.
//!
//! Not here yet: validity periods, allowed delegators, revocation feeds.

use std::collections::BTreeMap;

use crate::model::PrincipalId;

/// Where an agent is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Active,
    Suspended,
    Retired,
}

/// One agent.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) name: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) sponsor: Option<String>,
    pub(crate) status: Status,
}

/// Why an agent may do nothing at all. The engine gives each a reason of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    Unknown,
    WithoutOwner,
    Suspended,
    Retired,
}

/// All agents, by id.
#[derive(Debug, Default)]
pub(crate) struct Registry(BTreeMap<PrincipalId, Agent>);

impl Registry {
    pub(crate) fn new(agents: BTreeMap<PrincipalId, Agent>) -> Self {
        Self(agents)
    }

    /// What is known of an agent, fit or not.
    pub(crate) fn find(&self, id: &PrincipalId) -> Option<&Agent> {
        self.0.get(id)
    }

    /// The agent, if it may do anything: registered, owned and active. A retired agent is reported
    /// as such even without an owner: what ended it comes first.
    pub(crate) fn fit(&self, id: &PrincipalId) -> Result<&Agent, Unfit> {
        let agent = self.find(id).ok_or(Unfit::Unknown)?;
        match agent.status {
            Status::Retired => Err(Unfit::Retired),
            Status::Suspended => Err(Unfit::Suspended),
            Status::Active if agent.owner.is_none() => Err(Unfit::WithoutOwner),
            Status::Active => Ok(agent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_registered_owned_and_active_agent_is_fit() {
        let agent = |owner: Option<&str>, status| Agent {
            name: None,
            owner: owner.map(str::to_owned),
            sponsor: None,
            status,
        };
        let id = |subject: &str| PrincipalId::parse(&format!("https://i#{subject}")).unwrap();
        let registry = Registry::new(BTreeMap::from([
            (id("good"), agent(Some("team"), Status::Active)),
            (id("orphan"), agent(None, Status::Active)),
            (id("paused"), agent(Some("team"), Status::Suspended)),
            (id("gone"), agent(None, Status::Retired)),
        ]));
        assert!(registry.fit(&id("good")).is_ok());
        assert_eq!(registry.fit(&id("orphan")).unwrap_err(), Unfit::WithoutOwner);
        assert_eq!(registry.fit(&id("paused")).unwrap_err(), Unfit::Suspended);
        assert_eq!(registry.fit(&id("gone")).unwrap_err(), Unfit::Retired);
        assert_eq!(registry.fit(&id("other")).unwrap_err(), Unfit::Unknown);
    }
}
