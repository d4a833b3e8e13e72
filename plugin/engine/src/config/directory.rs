//! The section `agent_directory`: where agents are looked up that the registry does not list. And how what is
//! said of one there is read: as an element of `agents`.

use std::rc::Rc;

use super::fields::{Members, Node, Problems};
use super::{Configuration, keys, people, security_events};
use crate::fetch::Endpoint;
use crate::json::Value;
use crate::model::PrincipalId;
use crate::policy::AgentEntity;
use crate::registry::Agent;

/// Where agents are looked up, and how long what is said of them counts.
#[derive(Debug)]
pub(crate) struct AgentSource {
    /// The endpoint of all agents; what is asked of it comes behind its path.
    pub(crate) endpoint: Endpoint,
    /// What it is shown with every lookup.
    pub(crate) authorization: Option<Rc<str>>,
    pub(crate) max_age_ms: u64,
    /// That there is no such agent.
    pub(crate) negative_max_age_ms: u64,
    /// Of how many agents the answers are kept.
    pub(crate) most: usize,
}

/// One agent, as the registry and as policy sees it.
pub(crate) type Registration = (PrincipalId, Agent, AgentEntity);

impl Configuration {
    /// Reads an agent that is none of the document's own, by the rules of those.
    pub(crate) fn registration(&self, agent: &Value) -> Result<Registration, String> {
        let mut problems = Problems::default();
        let read = people::agent(&Node::named(agent, "agent"), &self.known, &mut problems);
        if let Some(first) = problems.0.first() {
            return Err(first.to_string());
        }
        let read = read.ok_or("agent: can't be read")?;
        let spiffe = read.1.spiffe.as_ref().map(|id| id.as_str());
        let of_another = |id: &str| {
            let listed = PrincipalId::parse(id).ok().and_then(|id| self.registry.find(&id));
            listed.is_some() || self.credentials.agents.contains_key(id)
        };
        if spiffe.is_some_and(|id| id != read.0.as_str() && of_another(id)) {
            return Err("agent.spiffe: is that of another agent as well".to_owned());
        }
        Ok(read)
    }
}

pub(super) fn read(members: &mut Members<'_>, problems: &mut Problems) -> Option<AgentSource> {
    let node = members.maybe("agent_directory")?;
    let mut members = node.members(problems)?;
    let fetch = members.need("fetch", problems);
    let endpoint = fetch.as_ref().and_then(|n| keys::endpoint(n, problems));
    let authorization = security_events::authorization(&mut members, problems);
    let max_age = members.number("max_age_seconds", (5, 60, AN_HOUR), problems);
    let negative = members.number("negative_max_age_seconds", (1, 10, 300), problems);
    let most = members.number("max_agents", (64, 4_096, 65_536), problems);
    members.close(problems);
    let endpoint = endpoint?;
    if endpoint.path.bytes().any(|b| matches!(b, b'?' | b'#')) {
        let at = format!("{}.path", fetch.as_ref().map_or("", Node::path));
        problems.add(at, "must have no ? and no #: what is asked for is added to it");
    }
    Some(AgentSource {
        endpoint: Endpoint { max_bytes: MAX_BYTES, ..endpoint },
        authorization,
        max_age_ms: max_age.saturating_mul(1000),
        negative_max_age_ms: negative.saturating_mul(1000),
        most: usize::try_from(most).unwrap_or(usize::MAX),
    })
}

const AN_HOUR: u64 = 3_600;
/// One agent with its certificates (`x509Certificates`), which are not read, takes a few kilobytes.
const MAX_BYTES: usize = 64 << 10;
