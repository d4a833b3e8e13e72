//! The section `revocations`: what no longer counts.

use std::collections::BTreeSet;

use super::fields::{Members, Node, Problems};
use crate::model::PrincipalId;
use crate::model::sorted;
use crate::registry::Revocations;

pub(super) fn read(members: &mut Members<'_>, problems: &mut Problems) -> Revocations {
    members.maybe("revocations").map(|node| list(&node, problems)).unwrap_or_default()
}

/// The section itself.
pub(super) fn list(node: &Node<'_>, problems: &mut Problems) -> Revocations {
    let Some(mut members) = node.members(problems) else { return Revocations::default() };
    let revocations = Revocations {
        agents: principals(&mut members, "agents", problems),
        delegators: principals(&mut members, "delegators", problems),
        owners: texts(&mut members, "owners", problems),
        delegations: delegations(&mut members, problems),
        tokens: tokens(&mut members, problems),
        keys: texts(&mut members, "keys", problems),
        issuers: texts(&mut members, "issuers", problems),
    };
    members.close(problems);
    revocations
}

fn principals(
    members: &mut Members<'_>,
    name: &'static str,
    problems: &mut Problems,
) -> BTreeSet<PrincipalId> {
    let nodes = members.items(name, problems);
    let id = |node: &Node<'_>| {
        let text = node.text(problems)?;
        problems.keep(node.path(), PrincipalId::parse(text))
    };
    sorted::set(nodes.iter().filter_map(id))
}

fn texts(
    members: &mut Members<'_>,
    name: &'static str,
    problems: &mut Problems,
) -> BTreeSet<String> {
    sorted::set(members.texts(name, problems))
}

fn delegations(
    members: &mut Members<'_>,
    problems: &mut Problems,
) -> BTreeSet<(PrincipalId, PrincipalId)> {
    let nodes = members.items("delegations", problems);
    let pair = |node: Node<'_>| {
        let mut members = node.members(problems)?;
        let mut id = |name| {
            let text = members.need_text(name, problems)?;
            problems.keep(&members.at(name), PrincipalId::parse(text))
        };
        let pair = (id("agent"), id("delegator"));
        members.close(problems);
        Some((pair.0?, pair.1?))
    };
    sorted::set(nodes.into_iter().filter_map(pair))
}

fn tokens(members: &mut Members<'_>, problems: &mut Problems) -> BTreeSet<(String, String)> {
    let nodes = members.items("tokens", problems);
    let token = |node: Node<'_>| {
        let mut members = node.members(problems)?;
        let issuer = members.need_text("issuer", problems);
        let jti = members.need_text("jti", problems);
        members.close(problems);
        Some((issuer?.to_owned(), jti?.to_owned()))
    };
    sorted::set(nodes.into_iter().filter_map(token))
}
