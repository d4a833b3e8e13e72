//! The `proofs` section: how senders prove that a token is theirs.

use std::collections::BTreeSet;

use super::fields::{Members, Node, Problems};
use super::issuers;
use crate::credential::{BindingRules, DpopRules, Nonces, Origin, WptRules};
use crate::trust::{Algorithm, Algorithms, BindingMethod, Issuer};

pub(super) fn read(
    members: &mut Members<'_>,
    certificates: bool,
    issuers: &[Issuer],
    problems: &mut Problems,
) -> BindingRules {
    let section = members.maybe("proofs");
    let rules = section.and_then(|node| proofs(&node, problems)).unwrap_or_default();
    for (i, issuer) in issuers.iter().enumerate() {
        let accepted = |method: &BindingMethod| match method {
            BindingMethod::Dpop => rules.dpop.is_some(),
            BindingMethod::Wpt => rules.wpt.is_some(),
            BindingMethod::Mtls | BindingMethod::Tls => certificates,
        };
        let required = issuer.require_binding.iter().flatten();
        for method in required.filter(|method| !accepted(method)) {
            let path = format!("{}[{i}].require_binding", members.at("issuers"));
            problems.add(path, format!("{} is not accepted: {}", method.as_str(), fix(*method)));
        }
    }
    rules
}

fn fix(method: BindingMethod) -> &'static str {
    match method {
        BindingMethod::Dpop => "set proofs.dpop",
        BindingMethod::Wpt => "set proofs.wpt",
        BindingMethod::Mtls | BindingMethod::Tls => "set client_certificates",
    }
}

fn proofs(node: &Node<'_>, problems: &mut Problems) -> Option<BindingRules> {
    let mut members = node.members(problems)?;
    let mut origins = Vec::new();
    let nodes = members.need("origins", problems).and_then(|n| n.items(problems));
    if nodes.as_ref().is_some_and(Vec::is_empty) {
        problems.add(members.at("origins"), "needs at least one origin");
    }
    for node in nodes.unwrap_or_default() {
        match node.text(problems).map(Origin::parse) {
            Some(Some(origin)) => origins.push(origin),
            Some(None) => {
                problems.add(node.path(), "must be scheme, host and port, as https://host.example");
            }
            None => {}
        }
    }
    let dpop = members.maybe("dpop").and_then(|node| dpop(&node, problems));
    let wpt = members.maybe("wpt").and_then(|node| wpt(&node, problems));
    members.close(problems);
    Some(BindingRules { origins, dpop, wpt })
}

fn dpop(node: &Node<'_>, problems: &mut Problems) -> Option<DpopRules> {
    let mut members = node.members(problems)?;
    let alias = members.flag("eddsa_alias", false, problems);
    let algorithms = match members.maybe("algorithms") {
        Some(node) => issuers::algorithms(&node, alias, problems),
        None => {
            Some(Algorithms::new(BTreeSet::from([Algorithm::Es256, Algorithm::Ed25519]), alias))
        }
    };
    let window_seconds = members.number("window_seconds", (1, 60, 300), problems);
    let nonce = members.maybe("nonce").and_then(|node| nonces(&node, problems));
    members.close(problems);
    Some(DpopRules { algorithms: algorithms?, window_seconds, nonces: nonce })
}

fn nonces(node: &Node<'_>, problems: &mut Problems) -> Option<Nonces> {
    let mut members = node.members(problems)?;
    let secret = members.need_text("secret", problems);
    if secret.is_some_and(|secret| secret.len() < LEAST_SECRET_BYTES) {
        problems.add(members.at("secret"), "must have at least 32 bytes");
    }
    let seconds = members.number("seconds", (10, 300, 3600), problems);
    members.close(problems);
    Some(Nonces::new(secret?.as_bytes(), seconds))
}

fn wpt(node: &Node<'_>, problems: &mut Problems) -> Option<WptRules> {
    let mut members = node.members(problems)?;
    let audiences = members.texts("audiences", problems);
    let max_seconds = members.number("max_seconds", (1, 300, 900), problems);
    members.close(problems);
    Some(WptRules { audiences, max_seconds })
}

/// As long as what HMAC-SHA-256 makes of it.
const LEAST_SECRET_BYTES: usize = 32;
