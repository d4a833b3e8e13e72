//! The non-human identities this gateway knows, the people who answer for them, and the rules that
//! hold whatever policy says.
//!
//! Not here: what policy makes of them (`policy`), reading them (`config`).

mod agents;
mod bounds;
mod grant;
mod limits;
mod people;
mod revocation;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::decision::Reason;
use crate::model::{Actor, CallerClass, Delegation, Period, PrincipalId, Timestamp};

pub(crate) use agents::Agents;
pub(crate) use bounds::Bounds;
pub(crate) use grant::{Grant, Granted};
pub(crate) use limits::{ActionGroups, Limits};
pub(crate) use people::{Delegators, Human, People};
pub(crate) use revocation::{Presented, Revocations};

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
    /// An agent, or another registered identity that is none.
    pub(crate) class: CallerClass,
    /// A human's id or a team's name.
    pub(crate) owner: Option<String>,
    pub(crate) sponsor: Option<String>,
    pub(crate) status: Status,
    /// When it may act at all.
    pub(crate) valid: Period,
    /// The same agent as its workload certificate names it.
    pub(crate) spiffe: Option<PrincipalId>,
    /// For whom it may act; none: for whomever policy lets it.
    pub(crate) delegators: Option<Delegators>,
    /// The most it may ever have, whatever its token and policy say.
    pub(crate) limits: Rc<Limits>,
}

/// All agents and those who answer for them.
pub(crate) struct Registry {
    agents: Rc<dyn Agents>,
    people: Rc<People>,
    groups: Rc<ActionGroups>,
    grants: Rc<BTreeMap<PrincipalId, Vec<Rc<Grant>>>>,
    /// One that is none of these and was looked up for a request.
    looked_up: Option<(PrincipalId, Rc<Agent>)>,
}

impl Registry {
    pub(crate) fn new(
        agents: Rc<dyn Agents>,
        people: Rc<People>,
        groups: ActionGroups,
        grants: BTreeMap<PrincipalId, Vec<Rc<Grant>>>,
    ) -> Self {
        let (groups, grants) = (Rc::new(groups), Rc::new(grants));
        Self { agents, people, groups, grants, looked_up: None }
    }

    /// The same, with one agent more: it is known to nobody else, and the registry's own come first.
    pub(crate) fn with(&self, id: PrincipalId, agent: Rc<Agent>) -> Self {
        Self {
            agents: Rc::clone(&self.agents),
            people: Rc::clone(&self.people),
            groups: Rc::clone(&self.groups),
            grants: Rc::clone(&self.grants),
            looked_up: Some((id, agent)),
        }
    }

    /// What is known of an agent, fit or not.
    pub(crate) fn find(&self, id: &PrincipalId) -> Option<Rc<Agent>> {
        let looked_up = self.looked_up.as_ref().filter(|(known, _)| known == id);
        self.agents.find(id).or_else(|| looked_up.map(|(_, agent)| Rc::clone(agent)))
    }

    /// Whether that is a listed human, disabled or not.
    pub(crate) fn is_human(&self, id: &PrincipalId) -> bool {
        self.people.human(id).is_some()
    }

    /// Whether that is a listed human who is not disabled.
    pub(crate) fn is_active(&self, human: &PrincipalId) -> bool {
        self.people.active(human).is_some()
    }

    /// Whether an active human has that role.
    pub(crate) fn has_role(&self, human: &PrincipalId, role: &str) -> bool {
        self.people.active(human).is_some_and(|human| human.roles.contains(role))
    }

    /// Whether an active human is in that team, which is not disabled.
    pub(crate) fn is_in_team(&self, human: &PrincipalId, team: &str) -> bool {
        let member = self.people.active(human).is_some_and(|human| human.teams.contains(team));
        member && !self.people.is_disabled(team)
    }

    /// An id, and the SPIFFE id of the agent that is listed by it.
    pub(crate) fn names(&self, id: &PrincipalId) -> impl Iterator<Item = PrincipalId> {
        let spiffe = self.find(id).and_then(|agent| agent.spiffe.clone());
        [Some(id.clone()), spiffe].into_iter().flatten()
    }

    /// An id that is retired here and is not so any more in a later registry. To be dropped would be
    /// the first half of coming back (NHI9).
    pub(crate) fn revived<'r>(&'r self, later: &'r Self) -> Option<&'r PrincipalId> {
        self.agents.retired().difference(later.agents.retired()).next()
    }

    /// The bounds of whoever acts, if it may act at all.
    pub(crate) fn admit(&self, actor: &Actor, now: Timestamp) -> Result<Bounds, Reason> {
        let agent = self.fit(&actor.agent, now)?;
        if let Some(delegation) = &actor.delegation {
            self.may_delegate(&agent, delegation)?;
        }
        let grants = self.grants(actor);
        Ok(Bounds::new(Rc::clone(&agent.limits), Rc::clone(&self.groups), grants))
    }

    /// Grants to whoever acts, by people who may still give any.
    fn grants(&self, actor: &Actor) -> Vec<Rc<Grant>> {
        let grants = self.grants.get(&actor.agent).map(Vec::as_slice).unwrap_or_default();
        let counts = |grant: &&Rc<Grant>| {
            let by = self.people.human(&grant.by);
            grant.is_for(actor.delegation.as_ref()) && by.is_some_and(|human| !human.disabled)
        };
        grants.iter().filter(counts).cloned().collect()
    }

    /// The agent, if it may do anything: registered, active, in its time, and answered for by
    /// somebody who still can. What ended it comes before what it lacks.
    fn fit(&self, id: &PrincipalId, now: Timestamp) -> Result<Rc<Agent>, Reason> {
        let agent = self.find(id).ok_or(Reason::AgentUnknown)?;
        match agent.status {
            Status::Retired => return Err(Reason::AgentRetired),
            Status::Suspended => return Err(Reason::AgentSuspended),
            Status::Active => {}
        }
        if agent.valid.is_before(now) {
            return Err(Reason::AgentNotYetValid);
        }
        if agent.valid.is_over(now) {
            return Err(Reason::AgentExpired);
        }
        let owner = agent.owner.as_deref().ok_or(Reason::AgentWithoutOwner)?;
        match self.people.answers_for(owner) {
            Some(true) => Ok(agent),
            Some(false) => Err(Reason::OwnerDisabled),
            None => Err(Reason::AgentWithoutOwner),
        }
    }

    fn may_delegate(&self, agent: &Agent, delegation: &Delegation) -> Result<(), Reason> {
        let delegator = &delegation.delegator;
        let human = self.people.human(delegator);
        // An agent is never somebody's human: the chain would be the wrong way round. Nobody is listed as both.
        if human.is_none() && self.find(delegator).is_some() {
            return Err(Reason::DelegationInverted);
        }
        if human.is_some_and(|human| human.disabled) {
            return Err(Reason::DelegatorDisabled);
        }
        let accepted = agent.delegators.as_ref().is_none_or(|d| d.include(delegator, human));
        if accepted { Ok(()) } else { Err(Reason::DelegatorNotAccepted) }
    }
}
