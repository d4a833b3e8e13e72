//! The section `grants`: authority for a while.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::fields::{Members, Node, Problems};
use super::people::{maybe_principal, period};
use super::roster::Roster;
use crate::model::PrincipalId;
use crate::model::sorted;
use crate::registry::{Grant, People};

/// Grants by the agent they are given to.
pub(super) fn read(
    members: &mut Members<'_>,
    agents: &Roster,
    people: &People,
    problems: &mut Problems,
) -> BTreeMap<PrincipalId, Vec<Rc<Grant>>> {
    let mut grants: BTreeMap<PrincipalId, Vec<Rc<Grant>>> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for node in members.items("grants", problems) {
        let Some((agent, grant)) = grant(&node, (agents, people), problems) else { continue };
        if !ids.insert(grant.id.clone()) {
            problems.add(format!("{}.id", node.path()), "is the id of another grant as well");
        }
        let of_agent = grants.entry(agent).or_default();
        of_agent.push(Rc::new(grant));
        if of_agent.len() > MAX_GRANTS {
            problems.add(node.path(), format!("an agent has at most {MAX_GRANTS} grants"));
        }
    }
    grants
}

fn grant(
    node: &Node<'_>,
    (agents, people): (&Roster, &People),
    problems: &mut Problems,
) -> Option<(PrincipalId, Grant)> {
    let mut members = node.members(problems)?;
    let id = members.need_text("id", problems);
    let name = members.need_text("name", problems);
    let agent = needed(&mut members, "agent", problems);
    let delegator = maybe_principal(&mut members, "delegator", problems);
    let actions = members.need("actions", problems).and_then(|n| names(&n, problems));
    let resources = members.maybe("resources").map(|n| names(&n, problems));
    let valid = period(&mut members, ("from", "until"), problems);
    for (end, at) in [("from", valid.from), ("until", valid.until)] {
        // A grant without an end is a right, and belongs into a policy.
        if at.is_none() && members.maybe(end).is_none() {
            problems.add(members.at(end), "is missing");
        }
    }
    members.need_text("why", problems);
    let by = needed(&mut members, "by", problems);
    if agent.as_ref().is_some_and(|id| !agents.contains(id)) {
        problems.add(members.at("agent"), "is not in `agents`");
    }
    if by.as_ref().is_some_and(|id| people.human(id).is_none()) {
        problems.add(members.at("by"), "is not in `humans`: somebody has to answer for it");
    }
    members.close(problems);
    let grant = Grant {
        id: id?.to_owned(),
        name: name?.to_owned(),
        delegator,
        actions: actions?,
        resources: resources.flatten(),
        valid,
        by: by?,
    };
    Some((agent?, grant))
}

fn needed(
    members: &mut Members<'_>,
    name: &'static str,
    problems: &mut Problems,
) -> Option<PrincipalId> {
    let text = members.need_text(name, problems)?;
    problems.keep(&members.at(name), PrincipalId::parse(text))
}

fn names(node: &Node<'_>, problems: &mut Problems) -> Option<BTreeSet<String>> {
    let items = node.items(problems)?;
    if items.is_empty() {
        return node.wrong(problems, "must not be empty");
    }
    Some(sorted::set(items.iter().filter_map(|n| n.text(problems)).map(str::to_owned)))
}

/// All of an agent's grants are looked at for each of its requests.
const MAX_GRANTS: usize = 64;
