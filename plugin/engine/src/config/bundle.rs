//! The sections `bundle` and `revocation_feed`: whose documents are taken, and from where. And the head of
//! what is in them.

use super::fields::{Members, Node, Problems};
use super::keys::endpoint;
use super::law::{LAST_REVISION, Term};
use super::people::instant;
use crate::bundle::{self, BUNDLE, MAX_BYTES, Opened, Pace, Polled, Signers};
use crate::fetch::{Document, Endpoint, Fetch};

/// Whose bundle is taken, and from where.
pub(super) struct Section {
    pub(super) signers: Signers,
    pub(super) lowest_revision: u64,
    pub(super) from: From,
}

/// Where a bundle comes from.
pub(super) enum From {
    /// Part of the configuration, its signature verified.
    Inline(Opened),
    Fetch(Polled),
}

impl Section {
    /// The bundle, if it is part of the configuration.
    pub(super) fn opened(&self) -> Option<&Opened> {
        match &self.from {
            From::Inline(opened) => Some(opened),
            From::Fetch(_) => None,
        }
    }
}

pub(super) fn read(node: &Node<'_>, problems: &mut Problems) -> Option<Section> {
    let mut members = node.members(problems)?;
    let signers = signers(&mut members, problems);
    let lowest_revision = members.number("lowest_revision", (0, 0, LAST_REVISION), problems);
    let (inline, fetch) = (members.maybe("inline"), members.maybe("fetch"));
    let pace = match fetch {
        Some(_) => pace(&mut members, (2, 30, AN_HOUR), (60, AN_HOUR, A_WEEK), problems),
        None => Pace { every_ms: 0, max_age_ms: 0 },
    };
    members.close(problems);
    let from = match (inline, fetch) {
        (Some(inline), None) => {
            let text = inline.text(problems)?;
            let opened = bundle::open(text.as_bytes(), BUNDLE, signers.as_ref()?);
            From::Inline(problems.keep(inline.path(), opened)?)
        }
        (None, Some(fetch)) => {
            let endpoint = Endpoint { max_bytes: MAX_BYTES, ..endpoint(&fetch, problems)? };
            From::Fetch(Polled::new(Fetch::new(Document::Bundle, endpoint), pace))
        }
        _ => return node.wrong(problems, "needs exactly one of inline and fetch"),
    };
    Some(Section { signers: signers?, lowest_revision, from })
}

/// The feed of revocations, if there is one.
pub(super) fn feed(node: &Node<'_>, problems: &mut Problems) -> Option<(Signers, Polled)> {
    let mut members = node.members(problems)?;
    let signers = signers(&mut members, problems);
    let fetch = members.need("fetch", problems);
    let endpoint = fetch.and_then(|n| endpoint(&n, problems));
    let pace = pace(&mut members, (1, 2, 60), (5, 60, AN_HOUR), problems);
    members.close(problems);
    let endpoint = Endpoint { max_bytes: FEED_BYTES, ..endpoint? };
    let fetch = Fetch::new(Document::Revocations, endpoint);
    Some((signers?, Polled::new(fetch, pace)))
}

pub(super) fn pace(
    members: &mut Members<'_>,
    every: (u64, u64, u64),
    age: (u64, u64, u64),
    problems: &mut Problems,
) -> Pace {
    let every = members.number("poll_seconds", every, problems);
    let age = members.number("max_age_seconds", age, problems);
    if age <= every {
        problems.add(members.at("max_age_seconds"), "must be more than poll_seconds");
    }
    Pace { every_ms: every.saturating_mul(1000), max_age_ms: age.saturating_mul(1000) }
}

/// `keys`, a JWK Set, and what they may sign with. Not RSA: nobody has an old signer here.
fn signers(members: &mut Members<'_>, problems: &mut Problems) -> Option<Signers> {
    let keys = members.need("keys", problems)?;
    let read = Signers::read(keys.value());
    problems.keep(keys.path(), read)
}

/// The members that every signed document begins with.
pub(super) fn head(members: &mut Members<'_>, problems: &mut Problems) -> Option<(u64, Term)> {
    let version = members.need("version", problems).and_then(|n| n.number(1, 1, problems));
    let revision =
        members.need("revision", problems).and_then(|n| n.number(0, LAST_REVISION, problems));
    let mut at = |name| members.need(name, problems).and_then(|n| instant(&n, problems));
    let (issued_at, expires) = (at("issued_at"), at("expires"));
    version?;
    let term = Term { issued_at: issued_at?, expires: expires? };
    if term.issued_at >= term.expires {
        problems.add(members.at("expires"), "must be later than issued_at");
    }
    Some((revision?, term))
}

/// What [`head`] reads.
pub(super) const HEAD: [&str; 4] = ["version", "revision", "issued_at", "expires"];

const AN_HOUR: u64 = 3_600;
const A_WEEK: u64 = 7 * 86_400;
/// Ten thousand revoked agents.
pub(super) const FEED_BYTES: usize = 2 << 20;
