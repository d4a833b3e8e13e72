//! Whether somebody may decide a request.
//!
//! The gateway checks it again, from its own register: neither relies on the other. Not here: who somebody
//! is.

use crate::binding::Binding;
use crate::config::{Config, Person};

/// Why somebody may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ineligible {
    /// Not in the directory.
    Unknown,
    /// They are the agent, or act in its chain.
    Actor,
    /// The action is for them, and they may not approve what is done for themselves.
    Delegator,
    /// They lack what the policy asks for.
    Lacks(String),
}

impl Ineligible {
    /// For the person, and for the audit.
    pub(crate) fn explained(&self) -> String {
        match self {
            Self::Unknown => "You are not in the directory of people who may approve.".to_owned(),
            Self::Actor => "You act in this request yourself.".to_owned(),
            Self::Delegator => {
                "It is done on your behalf, so somebody else has to decide.".to_owned()
            }
            Self::Lacks(what) => format!("The policy asks for {what}, which you are not."),
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown_person",
            Self::Actor => "acts_themselves",
            Self::Delegator => "delegator",
            Self::Lacks(_) => "lacks_role",
        }
    }
}

/// APP-24: not the agent, not in its chain, not its delegator unless allowed; every deciding policy's
/// approver must be satisfied.
pub(crate) fn check(
    config: &Config,
    id: &str,
    binding: &Binding,
    approvers: &[String],
) -> Result<(), Ineligible> {
    let person = person(config, id).ok_or(Ineligible::Unknown)?;
    if binding.agent.id == id || binding.actors.iter().any(|actor| actor == id) {
        return Err(Ineligible::Actor);
    }
    if binding.delegator.as_deref() == Some(id) && !config.delegator_may_approve {
        return Err(Ineligible::Delegator);
    }
    match approvers.iter().find(|asked| !has(person, asked)) {
        Some(asked) => Err(Ineligible::Lacks(asked.clone())),
        // Nothing asked for would be satisfied by everybody.
        None if approvers.is_empty() => Err(Ineligible::Lacks("somebody".to_owned())),
        None => Ok(()),
    }
}

/// Who has this id.
pub(crate) fn person<'a>(config: &'a Config, id: &str) -> Option<&'a Person> {
    config.people.iter().find(|person| person.id == id)
}

/// `role:NAME`: a role or a team of that name; `team:NAME`: a team; `issuer#subject`: that person.
fn has(person: &Person, asked: &str) -> bool {
    let is_in = |names: &[String], name: &str| names.iter().any(|has| has == name);
    if let Some(role) = asked.strip_prefix("role:") {
        return is_in(&person.roles, role) || is_in(&person.teams, role);
    }
    match asked.strip_prefix("team:") {
        Some(team) => is_in(&person.teams, team),
        None => person.id == asked,
    }
}
