//! Humans and teams: who owns agents, and for whom agents act.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::PrincipalId;

/// Somebody an agent may act for, or who answers for one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Human {
    pub(crate) disabled: bool,
    pub(crate) teams: BTreeSet<String>,
    /// What they are trusted with.
    pub(crate) roles: BTreeSet<String>,
}

/// Humans and teams of one document.
#[derive(Debug, Default)]
pub(crate) struct People {
    humans: BTreeMap<PrincipalId, Human>,
    /// By name, whether it is disabled; none: the document does not list teams.
    teams: Option<BTreeMap<String, bool>>,
}

/// For whom an agent may act.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delegators {
    pub(crate) humans: BTreeSet<PrincipalId>,
    pub(crate) teams: BTreeSet<String>,
}

impl People {
    pub(crate) fn new(
        humans: BTreeMap<PrincipalId, Human>,
        teams: Option<BTreeMap<String, bool>>,
    ) -> Self {
        Self { humans, teams }
    }

    pub(crate) fn human(&self, id: &PrincipalId) -> Option<&Human> {
        self.humans.get(id)
    }

    /// A listed human who is not disabled.
    pub(super) fn active(&self, id: &PrincipalId) -> Option<&Human> {
        self.humans.get(id).filter(|human| !human.disabled)
    }

    /// Whether a team still gives what it gives.
    pub(super) fn is_disabled(&self, team: &str) -> bool {
        self.teams.as_ref().is_some_and(|teams| teams.get(team).copied().unwrap_or(true))
    }

    /// Listed teams, if any are, and whether they are disabled.
    pub(crate) fn teams(&self) -> Option<&BTreeMap<String, bool>> {
        self.teams.as_ref()
    }

    /// Whether an owner can answer for an agent; none: there is no such owner. A team is taken at
    /// its word only where the document lists no teams at all; a human never is.
    pub(crate) fn answers_for(&self, owner: &str) -> Option<bool> {
        if let Ok(id) = PrincipalId::parse(owner) {
            return self.humans.get(&id).map(|human| !human.disabled);
        }
        match &self.teams {
            None => Some(true),
            Some(teams) => teams.get(owner).map(|disabled| !disabled),
        }
    }
}

impl Delegators {
    /// `human`: what the registry knows of the delegator.
    pub(super) fn include(&self, delegator: &PrincipalId, human: Option<&Human>) -> bool {
        self.humans.contains(delegator)
            || human.is_some_and(|human| !human.teams.is_disjoint(&self.teams))
    }
}
