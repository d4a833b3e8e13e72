//! What credentials are accepted besides access tokens: the sections `client_certificates`,
//! `shared_credentials`, `trust_domains`, `transaction_tokens`, `bot_directories` and `authorization_details_types`.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{Members, Node, Problems};
use super::issuers::algorithms;
use super::{keys, proofs};
use crate::credential::{
    CertificateRules, Directory, DomainRules, KINDS, Limits, Rules, Sharing, TransactionRules, Uris,
};
use crate::model::{IssuerId, TrustDomain};
use crate::trust::{Algorithm, Algorithms, Anchor, Issuer, KeySet, KeyUse, Keys};

/// The rules, and the keys they need.
pub(super) type Accepted = (Rules, Vec<Anchor>);

pub(super) fn read(
    members: &mut Members<'_>,
    issuers: &[Issuer],
    problems: &mut Problems,
) -> Option<Accepted> {
    let mut anchors = Vec::new();
    let certificates = members.maybe("client_certificates");
    let certificates = certificates.map(|node| certificates_section(&node, problems));
    let told = certificates.is_some();
    let binding = proofs::read(members, told, issuers, problems);
    let sharing = sharing(members, binding.dpop.is_some(), problems);
    let domains = domains(members, &mut anchors, problems);
    let transactions = members.maybe("transaction_tokens");
    let transactions = transactions.map(|node| transactions_section(&node, &mut anchors, problems));
    let bots = bots(members, problems);
    let detail_types = members.texts("authorization_details_types", problems);
    let detail_types = detail_types.into_iter().collect();
    let certificates = certificates.unwrap_or_else(|| Some(CertificateRules::default()))?;
    let rules = Rules {
        certificates,
        binding,
        sharing,
        domains,
        transactions: transactions.flatten(),
        bots,
        detail_types,
        agents: BTreeMap::new(),
    };
    Some((rules, anchors))
}

/// `shared_credentials`. Where proofs are used once the store that tells is there anyway.
fn sharing(members: &mut Members<'_>, dpop: bool, problems: &mut Problems) -> Sharing {
    let Some(node) = members.maybe("shared_credentials") else {
        return if dpop { Sharing::Refused } else { Sharing::Ignored };
    };
    let sharing = node.text(problems).and_then(|text| match text {
        "refuse" => Some(Sharing::Refused),
        "flag" => Some(Sharing::Flagged),
        "ignore" => Some(Sharing::Ignored),
        _ => node.wrong(problems, "must be refuse, flag or ignore"),
    });
    sharing.unwrap_or_default()
}

fn certificates_section(node: &Node<'_>, problems: &mut Problems) -> Option<CertificateRules> {
    let mut members = node.members(problems)?;
    let validated = members.flag("mtls_validated", false, problems);
    let uris = members.maybe("uris").map(|n| uris(&n, problems));
    if uris.is_some() && !validated {
        // ENV-2: a listener that only asks for a certificate takes one that its owner made himself.
        let why =
            "must be true for uris: say that the listener verifies chains, and see that it does";
        problems.add(members.at("mtls_validated"), why);
    }
    members.close(problems);
    let uris = uris.unwrap_or(Some(None))?;
    Some(CertificateRules { connection: true, uris })
}

fn uris(node: &Node<'_>, problems: &mut Problems) -> Option<Option<Uris>> {
    let mut members = node.members(problems)?;
    let state = members.maybe_text("filter_state", problems);
    let xfcc = members.maybe_text("xfcc", problems);
    let proxy = members.maybe_text("proxy", problems);
    members.close(problems);
    match (state, xfcc, proxy) {
        (Some(key), None, None) => Some(Some(Uris::FilterState(key.to_owned()))),
        (None, Some("listener"), None) => Some(Some(Uris::Ours)),
        (None, Some("proxy"), Some(uri)) => Some(Some(Uris::Proxy(uri.to_owned()))),
        _ => node.wrong(
            problems,
            "must be filter_state with a key, xfcc `listener`, or xfcc `proxy` with its URI as proxy",
        ),
    }
}

fn domains(
    members: &mut Members<'_>,
    anchors: &mut Vec<Anchor>,
    problems: &mut Problems,
) -> BTreeMap<String, DomainRules> {
    let mut domains = BTreeMap::new();
    for node in members.items("trust_domains", problems) {
        let Some((name, rules)) = domain(&node, anchors, problems) else { continue };
        if domains.insert(name, rules).is_some() {
            problems.add(format!("{}.name", node.path()), "is configured twice");
        }
    }
    domains
}

fn domain(
    node: &Node<'_>,
    anchors: &mut Vec<Anchor>,
    problems: &mut Problems,
) -> Option<(String, DomainRules)> {
    let mut members = node.members(problems)?;
    let path = members.at("name");
    let name = members.need_text("name", problems);
    let name = name.and_then(|text| problems.keep(&path, TrustDomain::parse(text)));
    let accepts = members.need("accepts", problems).and_then(|n| accepts(&n, problems));
    let allowed = members.maybe("algorithms").map(|n| svid_algorithms(&n, problems));
    let keys = members.maybe("keys");
    let limits = limits(&mut members, 3600, problems);
    members.close(problems);
    let (name, accepts) = (name?, accepts?);
    // An empty list for a domain that signs no tokens; it is never looked at.
    let none = || Some(Algorithms::new(BTreeSet::from([Algorithm::Es256]), false));
    let signs = accepts.contains("jwt-svid") || accepts.contains("wit+jwt");
    if signs != keys.is_some() || signs != allowed.is_some() {
        let why = "needs keys and algorithms if it accepts jwt-svid or wit+jwt, and only then";
        return node.wrong(problems, why);
    }
    let allowed = allowed.unwrap_or_else(none)?;
    let rules = DomainRules {
        limits,
        jwt_source: IssuerId::parse(&format!("spiffe://{}", name.as_str())).ok()?,
        jwt_algorithms: allowed.clone().for_use(KeyUse::JwtSvid),
        wit_source: IssuerId::parse(&format!("wimse://{}", name.as_str())).ok()?,
        wit_algorithms: allowed.for_use(KeyUse::WitSvid),
        accepts,
    };
    if let Some(node) = keys {
        for (kind, id, algorithms) in [
            ("jwt-svid", &rules.jwt_source, &rules.jwt_algorithms),
            ("wit+jwt", &rules.wit_source, &rules.wit_algorithms),
        ] {
            if rules.accepts.contains(kind) {
                let keys = named_keys(&node, Some(algorithms), problems)?;
                anchors.push(Anchor { id: id.clone(), algorithms: algorithms.clone(), keys });
            }
        }
    }
    Some((name.as_str().to_owned(), rules))
}

/// Keys whose place is said: nobody but an issuer has metadata to discover them by.
pub(super) fn named_keys(
    node: &Node<'_>,
    allowed: Option<&Algorithms>,
    problems: &mut Problems,
) -> Option<Keys> {
    match node.value().as_object().and_then(|keys| keys.get("discover")) {
        Some(_) => node.wrong(problems, "needs exactly one of inline and fetch"),
        None => keys::read(node, None, allowed, problems),
    }
}

fn accepts(node: &Node<'_>, problems: &mut Problems) -> Option<BTreeSet<&'static str>> {
    const OF_WORKLOADS: [&str; 3] = ["jwt-svid", "wit+jwt", "x509-svid"];
    let mut accepted = BTreeSet::new();
    for item in node.items(problems)? {
        let text = item.text(problems)?;
        let known = KINDS.iter().find(|k| k.name == text && OF_WORKLOADS.contains(&k.name));
        match known {
            Some(kind) => drop(accepted.insert(kind.name)),
            None => {
                let known = OF_WORKLOADS.join(", ");
                return item.wrong(problems, &format!("is not one of {known}"));
            }
        }
    }
    if accepted.is_empty() {
        return node.wrong(problems, "needs at least one kind of credential");
    }
    Some(accepted)
}

/// JS-1: SPIFFE knows RSA and ECDSA.
fn svid_algorithms(node: &Node<'_>, problems: &mut Problems) -> Option<Algorithms> {
    let allowed = algorithms(node, false, problems)?;
    match allowed.allows(Algorithm::Ed25519) {
        true => node.wrong(problems, "must not have Ed25519: SPIFFE allows RSA and ECDSA only"),
        false => Some(allowed),
    }
}

fn limits(members: &mut Members<'_>, lifetime: u64, problems: &mut Problems) -> Limits {
    const A_DAY: u64 = 24 * 3600;
    Limits {
        leeway_seconds: members.number("leeway_seconds", (0, 60, 60), problems),
        max_lifetime_seconds: members.number(
            "max_lifetime_seconds",
            (1, lifetime, A_DAY),
            problems,
        ),
        foreign_audiences: false,
    }
}

fn transactions_section(
    node: &Node<'_>,
    anchors: &mut Vec<Anchor>,
    problems: &mut Problems,
) -> Option<TransactionRules> {
    let mut members = node.members(problems)?;
    let audience = members.need_text("audience", problems).map(str::to_owned);
    let allowed =
        members.need("algorithms", problems).and_then(|n| algorithms(&n, false, problems));
    let keys = members.need("keys", problems);
    let keys = keys.and_then(|n| named_keys(&n, allowed.as_ref(), problems));
    let limits = limits(&mut members, 300, problems);
    members.close(problems);
    let (audience, algorithms, keys) = (audience?, allowed?, keys?);
    // No URL is written like that, so it is no issuer's name.
    let source = IssuerId::parse("transaction-tokens").ok()?;
    anchors.push(Anchor { id: source.clone(), algorithms: algorithms.clone(), keys });
    Some(TransactionRules { audience, source, algorithms, limits })
}

fn bots(members: &mut Members<'_>, problems: &mut Problems) -> BTreeMap<String, Directory> {
    let mut bots = BTreeMap::new();
    for node in members.items("bot_directories", problems) {
        let Some((agent, directory)) = directory(&node, problems) else { continue };
        if bots.insert(agent, directory).is_some() {
            problems.add(format!("{}.signature_agent", node.path()), "is configured twice");
        }
    }
    bots
}

fn directory(node: &Node<'_>, problems: &mut Problems) -> Option<(String, Directory)> {
    let mut members = node.members(problems)?;
    let agent = members.need_text("signature_agent", problems).map(str::to_owned);
    if agent.as_ref().is_some_and(|agent| !agent.starts_with("https://")) {
        problems.add(members.at("signature_agent"), "must be an https URL");
    }
    let any = Algorithms::new(Algorithm::ALL.into(), true);
    let keys = members.need("keys", problems);
    let keys = keys.and_then(|n| problems.keep(n.path(), KeySet::read(n.value(), &any)));
    members.close(problems);
    Some((agent?, Directory { keys: keys? }))
}
