//! `issuers[].status_lists`: which status lists of an issuer are taken, and from where.

use super::fields::{Members, Node, Problems};
use super::keys::host;
use crate::trust::{StatusSource, StatusUris};

pub(super) fn read(members: &mut Members<'_>, problems: &mut Problems) -> Vec<StatusSource> {
    let nodes = members.items("status_lists", problems);
    nodes.iter().filter_map(|node| source(node, problems)).collect()
}

fn source(node: &Node<'_>, problems: &mut Problems) -> Option<StatusSource> {
    let mut members = node.members(problems)?;
    let uris = uris(node, &mut members, problems);
    let host = host(&mut members, problems);
    let max_age = members.number("max_age_seconds", (60, AN_HOUR, 24 * AN_HOUR), problems);
    members.close(problems);
    Some(StatusSource { uris: uris?, host: host?, max_age_ms: max_age.saturating_mul(1000) })
}

fn uris(node: &Node<'_>, members: &mut Members<'_>, problems: &mut Problems) -> Option<StatusUris> {
    let (uri, prefix) = (members.maybe("uri"), members.maybe("prefix"));
    let (uris, at) = match (uri, prefix) {
        (Some(at), None) => (StatusUris::Exactly(at.text(problems)?.to_owned()), at),
        (None, Some(at)) => (StatusUris::Below(at.text(problems)?.to_owned()), at),
        _ => return node.wrong(problems, "needs exactly one of uri and prefix"),
    };
    let (StatusUris::Exactly(text) | StatusUris::Below(text)) = &uris;
    let visible = |b: u8| matches!(b, b'!'..=b'~') && !matches!(b, b'#' | b'\\');
    let web = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    if !(text.bytes().all(visible) && web.is_some_and(|rest| !rest.starts_with('/'))) {
        return at.wrong(problems, "must be an http or https URI without a fragment");
    }
    // Or `…/lists` would take `…/lists.evil` as well.
    let below = web.is_some_and(|rest| rest.contains('/') && rest.ends_with('/'));
    if matches!(uris, StatusUris::Below(_)) && (!below || text.contains('?')) {
        return at.wrong(problems, "must end with the / of a path");
    }
    Some(uris)
}

const AN_HOUR: u64 = 3_600;
