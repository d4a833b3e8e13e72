//! `issuers[].keys`: where an issuer's keys come from.

use super::fields::{Members, Node, Problems};
use crate::fetch::Endpoint;
use crate::model::IssuerId;
use crate::trust::{Algorithms, Discovery, Form, Host, KeySet, Keys, keys_endpoint};

pub(super) fn read(
    node: &Node<'_>,
    issuer: Option<&IssuerId>,
    allowed: Option<&Algorithms>,
    problems: &mut Problems,
) -> Option<Keys> {
    let mut members = node.members(problems)?;
    let (inline, fetch) = (members.maybe("inline"), members.maybe("fetch"));
    let discover = members.maybe("discover");
    members.close(problems);
    match (inline, fetch, discover) {
        (Some(inline), None, None) => {
            let set = KeySet::read(inline.value(), allowed?);
            problems.keep(inline.path(), set).map(Keys::Inline)
        }
        (None, Some(fetch), None) => endpoint(&fetch, problems).map(Keys::Fetch),
        (None, None, Some(node)) => discovery(&node, issuer, problems).map(Keys::Discover),
        _ => node.wrong(problems, "needs exactly one of inline, fetch and discover"),
    }
}

/// Where something is fetched from.
pub(super) fn endpoint(node: &Node<'_>, problems: &mut Problems) -> Option<Endpoint> {
    let mut members = node.members(problems)?;
    let host = host(&mut members, problems);
    let path = path(&mut members, problems);
    members.close(problems);
    let Host { cluster, authority } = host?;
    Some(keys_endpoint(cluster, authority, path?))
}

fn discovery(
    node: &Node<'_>,
    issuer: Option<&IssuerId>,
    problems: &mut Problems,
) -> Option<Discovery> {
    let mut members = node.members(problems)?;
    let main = host(&mut members, problems);
    let forms = members.maybe("forms").map(|n| forms(&n, problems));
    let more: Vec<_> = members
        .items("hosts", problems)
        .iter()
        .map(|n| {
            let mut members = n.members(problems)?;
            let host = host(&mut members, problems);
            members.close(problems);
            host
        })
        .collect();
    members.close(problems);
    let forms = forms.unwrap_or_else(|| Some(vec![Form::OAuth, Form::OpenId]))?;
    let more = more.into_iter().collect::<Option<Vec<_>>>()?;
    let discovery = Discovery::new(issuer?, main?, more, &forms);
    discovery.or_else(|| {
        node.wrong(problems, "needs an issuer that is an https or http URL without a query")
    })
}

/// The path to ask for.
pub(super) fn path(members: &mut Members<'_>, problems: &mut Problems) -> Option<String> {
    let path = visible(members, "path", problems);
    if path.as_ref().is_some_and(|p| !p.starts_with('/')) {
        problems.add(members.at("path"), "must begin with /");
    }
    path
}

/// How a host is reached.
pub(super) fn host(members: &mut Members<'_>, problems: &mut Problems) -> Option<Host> {
    let cluster = visible(members, "cluster", problems);
    let authority = visible(members, "authority", problems);
    if authority.as_ref().is_some_and(|text| text.contains('/')) {
        problems.add(
            members.at("authority"),
            "must be a host, and a port if need be: no scheme, no path",
        );
    }
    Some(Host { cluster: cluster?, authority: authority? })
}

fn forms(node: &Node<'_>, problems: &mut Problems) -> Option<Vec<Form>> {
    let mut forms = Vec::new();
    for item in node.items(problems)? {
        let form = match item.text(problems)? {
            "oauth" => Form::OAuth,
            "openid" => Form::OpenId,
            _ => return item.wrong(problems, "must be oauth or openid"),
        };
        if forms.contains(&form) {
            return item.wrong(problems, "is there twice");
        }
        forms.push(form);
    }
    if forms.is_empty() {
        return node.wrong(problems, "needs at least one of oauth and openid");
    }
    Some(forms)
}

fn visible(
    members: &mut Members<'_>,
    name: &'static str,
    problems: &mut Problems,
) -> Option<String> {
    let text = members.need_text(name, problems)?;
    let printable = text.bytes().all(|b| matches!(b, b'!'..=b'~'));
    if !printable {
        problems.add(members.at(name), "must be printable ASCII without spaces");
        return None;
    }
    Some(text.to_owned())
}
