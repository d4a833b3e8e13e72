//! The `issuers` section.

use std::collections::BTreeSet;

use super::fields::{Members, Node, Problems};
use super::{keys, statuses};
use crate::model::IssuerId;
use crate::trust::{ActorIssuer, Algorithm, Algorithms, BindingMethod, Issuer, Keys, ScopeClaim};

pub(super) fn read(members: &mut Members<'_>, problems: &mut Problems) -> Option<Vec<Issuer>> {
    let nodes = members.need("issuers", problems).and_then(|n| n.items(problems))?;
    let mut issuers: Vec<Issuer> = Vec::new();
    for node in &nodes {
        let Some(issuer) = issuer(node, problems) else { continue };
        if let Some(other) = issuers.iter().find(|other| shares_a_key(other, &issuer)) {
            let other = other.id.as_str();
            problems
                .add(format!("{}.keys", node.path()), format!("has a key that {other} has, too"));
        }
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

/// Names under which the keys of services are kept, which sign no access tokens.
const OURS: [&str; 3] = ["approvals", "security-events", "transaction-tokens"];

fn issuer(node: &Node<'_>, problems: &mut Problems) -> Option<Issuer> {
    let mut members = node.members(problems)?;
    let path = members.at("issuer");
    let id = members.need_text("issuer", problems);
    if let Some(text) = id.filter(|text| OURS.contains(text)) {
        problems
            .add(path.as_str(), format!("`{text}` is what keys of a service are kept under here"));
    }
    let id = id.and_then(|text| problems.keep(&path, IssuerId::parse(text)));
    let alias = members.flag("eddsa_alias", false, problems);
    let allowed =
        members.need("algorithms", problems).and_then(|n| algorithms(&n, alias, problems));
    let keys = members.need("keys", problems);
    let keys = keys.and_then(|n| keys::read(&n, id.as_ref(), allowed.as_ref(), problems));
    let leeway_seconds = members.number("leeway_seconds", (0, 60, 60), problems);
    let max_lifetime_seconds = members.number("max_lifetime_seconds", (1, 3600, A_DAY), problems);
    let depth = members.number("max_delegation_depth", (1, 4, 8), problems);
    let may_delegate = members.flag("may_delegate", true, problems);
    let actor_issuer = members.maybe("actor_issuer").map(|n| actor_issuer(&n, problems));
    let foreign_audiences = members.flag("foreign_audiences", false, problems);
    let legacy = members.flag("legacy", false, problems);
    let scope_claim = members.maybe("scope_claim").map(|n| scope_claim(&n, problems));
    let require_binding = members.maybe("require_binding").map(|n| bindings(&n, problems));
    let status_lists = statuses::read(&mut members, problems);
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
        legacy,
        scope_claim: scope_claim.unwrap_or(Some(ScopeClaim::Scope))?,
        require_binding: require_binding.map_or(Some(None), |methods| methods.map(Some))?,
        status_lists,
    })
}

fn bindings(node: &Node<'_>, problems: &mut Problems) -> Option<BTreeSet<BindingMethod>> {
    const KNOWN: [BindingMethod; 3] =
        [BindingMethod::Dpop, BindingMethod::Mtls, BindingMethod::Wpt];
    let mut methods = BTreeSet::new();
    for name in node.items(problems)? {
        let text = name.text(problems)?;
        match KNOWN.into_iter().find(|method| method.as_str() == text) {
            Some(method) => {
                methods.insert(method);
            }
            None => return name.wrong(problems, "is not one of dpop, mtls, wpt"),
        }
    }
    if methods.is_empty() {
        return node.wrong(problems, "needs at least one way to be bound");
    }
    Some(methods)
}

/// Two issuers with one key are one issuer with two names: which of them signed, nobody can tell. Of
/// keys that are fetched, nobody knows here.
fn shares_a_key(one: &Issuer, other: &Issuer) -> bool {
    match (&one.keys, &other.keys) {
        (Keys::Inline(one), Keys::Inline(other)) => {
            !one.thumbprints().is_disjoint(&other.thumbprints())
        }
        _ => false,
    }
}

fn scope_claim(node: &Node<'_>, problems: &mut Problems) -> Option<ScopeClaim> {
    match node.text(problems)? {
        "scope" => Some(ScopeClaim::Scope),
        "scp" => Some(ScopeClaim::Scp),
        _ => node.wrong(problems, "must be scope or scp"),
    }
}

pub(super) fn algorithms(
    node: &Node<'_>,
    alias: bool,
    problems: &mut Problems,
) -> Option<Algorithms> {
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

fn actor_issuer(node: &Node<'_>, problems: &mut Problems) -> Option<ActorIssuer> {
    match node.text(problems)? {
        "required" => Some(ActorIssuer::Required),
        "same" => Some(ActorIssuer::Same),
        _ => node.wrong(problems, "must be required or same"),
    }
}

/// Longer-lived tokens are secrets that nobody rotates (NHI7).
const A_DAY: u64 = 86_400;
