//! The section `approvals`: where a human is asked, and whose answer counts.

use super::fields::{Members, Node, Problems};
use super::issuers::algorithms;
use super::{credentials, keys, parts};
use crate::approval::{self, Rules, Service};
use crate::model::IssuerId;
use crate::trust::{Anchor, Host};

/// The rules, and the keys they need. As `endpoint`, a text only says in a refusal where an approval can be
/// asked for; an object is a service that the gateway itself asks.
pub(super) fn read(
    members: &mut Members<'_>,
    anchors: &mut Vec<Anchor>,
    problems: &mut Problems,
) -> Option<Rules> {
    let Some(node) = members.maybe("approvals") else { return Some(Rules::default()) };
    let is_object = |endpoint: &crate::json::Value| endpoint.as_object().is_some();
    let asks = node.value().as_object().and_then(|section| section.get("endpoint"));
    let mut members = node.members(problems)?;
    if !asks.is_some_and(is_object) {
        let url = parts::url(&mut members, "endpoint", problems);
        members.close(problems);
        return Some(Rules { url, service: None });
    }
    let service = service(&mut members, anchors, problems);
    members.close(problems);
    Some(Rules { url: None, service: Some(service?) })
}

fn service(
    members: &mut Members<'_>,
    anchors: &mut Vec<Anchor>,
    problems: &mut Problems,
) -> Option<Service> {
    let endpoint = members.need("endpoint", problems).and_then(|n| endpoint(&n, problems));
    let page = members.need("page", problems);
    let page = page.and_then(|_| parts::url(members, "page", problems));
    let issuer = members.need_text("issuer", problems).map(str::to_owned);
    let allowed =
        members.need("algorithms", problems).and_then(|n| algorithms(&n, false, problems));
    let keys = members.need("keys", problems);
    let keys = keys.and_then(|n| credentials::named_keys(&n, allowed.as_ref(), problems));
    let max_lifetime_seconds =
        members.number("max_lifetime_seconds", (1, LONGEST_SECONDS, LONGEST_SECONDS), problems);
    let delegator_may_approve = members.flag("delegator_may_approve", false, problems);
    let consumes = members.flag("consume_at_service", false, problems);
    let (algorithms, keys) = (allowed?, keys?);
    // No URL is written like that, so it is no issuer's name.
    let source = IssuerId::parse("approvals").ok()?;
    anchors.push(Anchor { id: source.clone(), algorithms: algorithms.clone(), keys });
    Some(Service {
        endpoint: endpoint?,
        page: page?,
        issuer: issuer?,
        source,
        algorithms,
        max_lifetime_seconds,
        delegator_may_approve,
        consumes,
    })
}

fn endpoint(node: &Node<'_>, problems: &mut Problems) -> Option<crate::fetch::Endpoint> {
    let mut members = node.members(problems)?;
    let host = keys::host(&mut members, problems);
    let path = keys::path(&mut members, problems);
    members.close(problems);
    let Host { cluster, authority } = host?;
    let path = path?;
    if path.ends_with('/') {
        problems.add(format!("{}.path", node.path()), "must not end in /: a digest follows it");
    }
    Some(approval::endpoint(cluster, authority, path))
}

/// APP-21: what was approved may be asked for at once, or by somebody who has looked again.
const LONGEST_SECONDS: u64 = 300;
