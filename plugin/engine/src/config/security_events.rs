//! The section `security_events`: whose events are taken, and from where.

use super::bundle::pace;
use super::fields::{Members, Problems};
use super::issuers::algorithms;
use super::{credentials, keys};
use crate::bundle::Polled;
use crate::events::{Events, MAX_BYTES, Transmitter};
use crate::fetch::{Endpoint, Fetch};
use crate::model::IssuerId;
use crate::trust::Anchor;

/// The transmitter, if there is one; its keys go to the others.
pub(super) fn read(
    members: &mut Members<'_>,
    audience: Option<&str>,
    anchors: &mut Vec<Anchor>,
    problems: &mut Problems,
) -> Option<Transmitter> {
    let node = members.maybe("security_events")?;
    let mut members = node.members(problems)?;
    let issuer = members.need_text("issuer", problems).map(str::to_owned);
    let named = members.maybe_text("audience", problems).or(audience).map(str::to_owned);
    let allowed =
        members.need("algorithms", problems).and_then(|n| algorithms(&n, false, problems));
    let keys = members.need("keys", problems);
    let keys = keys.and_then(|n| credentials::named_keys(&n, allowed.as_ref(), problems));
    let poll = members.need("poll", problems).and_then(|n| keys::endpoint(&n, problems));
    let authorization = authorization(&mut members, problems);
    let pace = pace(&mut members, (1, 2, 60), (5, 300, AN_HOUR), problems);
    members.close(problems);
    let (algorithms, keys) = (allowed?, keys?);
    // No URL is written like that, so it is no issuer's name: an issuer may transmit events as well.
    let source = IssuerId::parse("security-events").ok()?;
    anchors.push(Anchor { id: source.clone(), algorithms: algorithms.clone(), keys });
    let endpoint = Endpoint { max_bytes: MAX_BYTES, ..poll? };
    Some(Transmitter {
        issuer: issuer?,
        audience: named?,
        source,
        algorithms,
        polled: Polled::new(Fetch::new(Events::document(), endpoint), pace),
        every_ms: pace.every_ms,
        authorization,
    })
}

/// What a fetch says in `Authorization`. A problem never shows it.
pub(super) fn authorization(
    members: &mut Members<'_>,
    problems: &mut Problems,
) -> Option<std::rc::Rc<str>> {
    let text = members.maybe_text("authorization", problems)?;
    if !text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        problems.add(members.at("authorization"), "must be printable ASCII");
        return None;
    }
    Some(text.into())
}

const AN_HOUR: u64 = 3_600;
