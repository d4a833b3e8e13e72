//! The `issuers` section.

use std::collections::BTreeSet;

use super::fields::{Members, Node, Problems};
use crate::fetch::Endpoint;
use crate::model::IssuerId;
use crate::trust::{ActorIssuer, Algorithm, Algorithms, Issuer, KeySet, Keys, keys_endpoint};

pub(super) fn read(members: &mut Members<'_>, problems: &mut Problems) -> Option<Vec<Issuer>> {
    let nodes = members.need("issuers", problems).and_then(|n| n.items(problems))?;
    let mut issuers: Vec<Issuer> = Vec::new();
    for node in &nodes {
        let Some(issuer) = issuer(node, problems) else { continue };
        if issuers.iter().any(|other| other.id == issuer.id) {
            problems.add(format!("{}.issuer", node.path()), "is configured twice");
        }
        issuers.push(issuer);
    }
    if nodes.is_empty() {
        problems.add(members.at("issuers"), "needs at least one issuer");
    }
    Some(issuers)
}

fn issuer(node: &Node<'_>, problems: &mut Problems) -> Option<Issuer> {
    let mut members = node.members(problems)?;
    let path = members.at("issuer");
    let id = members.need_text("issuer", problems);
    let id = id.and_then(|text| problems.keep(&path, IssuerId::parse(text)));
    let alias = members.flag("eddsa_alias", false, problems);
    let allowed =
        members.need("algorithms", problems).and_then(|n| algorithms(&n, alias, problems));
    let keys = members.need("keys", problems);
    let keys = keys.and_then(|n| keys_section(&n, allowed.as_ref(), problems));
    let leeway_seconds = members.number("leeway_seconds", (0, 60, 60), problems);
    let max_lifetime_seconds = members.number("max_lifetime_seconds", (1, 3600, A_DAY), problems);
    let depth = members.number("max_delegation_depth", (1, 4, 8), problems);
    let may_delegate = members.flag("may_delegate", true, problems);
    let actor_issuer = members.maybe("actor_issuer").map(|n| actor_issuer(&n, problems));
    let foreign_audiences = members.flag("foreign_audiences", false, problems);
    members.close(problems);
    Some(Issuer {
        id: id?,
        algorithms: allowed?,
        keys: keys?,
        leeway_seconds,
        max_lifetime_seconds,
        max_delegation_depth: usize::try_from(depth).ok()?,
        may_delegate,
        actor_issuer: actor_issuer.unwrap_or(Some(ActorIssuer::Required))?,
        foreign_audiences,
    })
}

fn algorithms(node: &Node<'_>, alias: bool, problems: &mut Problems) -> Option<Algorithms> {
    let mut allowed = BTreeSet::new();
    for name in node.items(problems)? {
        match Algorithm::named(name.text(problems)?) {
            Some(algorithm) => {
                allowed.insert(algorithm);
            }
            None => {
                let known = Algorithm::ALL.map(Algorithm::name).join(", ");
                return name.wrong(problems, &format!("is not one of {known}"));
            }
        }
    }
    if allowed.is_empty() {
        return node.wrong(problems, "needs at least one algorithm");
    }
    if alias && !allowed.contains(&Algorithm::Ed25519) {
        return node.wrong(problems, "eddsa_alias needs Ed25519 among the algorithms");
    }
    Some(Algorithms::new(allowed, alias))
}

fn keys_section(
    node: &Node<'_>,
    allowed: Option<&Algorithms>,
    problems: &mut Problems,
) -> Option<Keys> {
    let mut members = node.members(problems)?;
    let (inline, fetch) = (members.maybe("inline"), members.maybe("fetch"));
    members.close(problems);
    match (inline, fetch) {
        (Some(inline), None) => {
            let set = KeySet::read(inline.value(), allowed?);
            problems.keep(inline.path(), set).map(Keys::Inline)
        }
        (None, Some(fetch)) => endpoint(&fetch, problems).map(Keys::Fetch),
        _ => node.wrong(problems, "needs exactly one of inline and fetch"),
    }
}

fn endpoint(node: &Node<'_>, problems: &mut Problems) -> Option<Endpoint> {
    let mut members = node.members(problems)?;
    let mut text = |name| {
        let text = members.need_text(name, problems)?;
        let printable = text.bytes().all(|b| matches!(b, b'!'..=b'~'));
        if !printable {
            problems.add(members.at(name), "must be printable ASCII without spaces");
            return None;
        }
        Some(text.to_owned())
    };
    let (cluster, authority, path) = (text("cluster"), text("authority"), text("path"));
    if path.as_ref().is_some_and(|p| !p.starts_with('/')) {
        problems.add(members.at("path"), "must begin with /");
    }
    members.close(problems);
    Some(keys_endpoint(cluster?, authority?, path?))
}

fn actor_issuer(node: &Node<'_>, problems: &mut Problems) -> Option<ActorIssuer> {
    match node.text(problems)? {
        "required" => Some(ActorIssuer::Required),
        "same" => Some(ActorIssuer::Same),
        _ => node.wrong(problems, "must be required or same"),
    }
}

/// Longer-lived tokens are secrets that nobody rotates (NHI7).
const A_DAY: u64 = 86_400;
