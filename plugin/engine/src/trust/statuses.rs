//! The lists in which issuers say which of their tokens still count: which are held, and when each is asked
//! for again.
//!
//! A list is asked for when a token that is otherwise good names it, from where its issuer's configuration
//! says such URIs are (TSL-5: a token never names an address). It is asked for again after its `ttl`, in the
//! background, for as long as somebody asks. One that is no good replaces nothing, and one that nobody
//! confirms counts for `max_age_seconds`.

use std::collections::BTreeSet;

use super::clock::Elapsed;
use super::fetched::{Fetched, Pace};
use super::issuer::Host;
use super::metadata::split_scheme;
use super::refused::RefusedAnswer;
use super::status_list::{MAX_BYTES, Status, StatusList, Unproven};
use super::{NoKey, NotSigned, Trust};
use crate::fetch::{Document, Endpoint, Fetch, FetchReply};
use crate::model::{IssuerId, Timestamp};

/// Where a token says that its status is (§6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusReference {
    pub(crate) uri: String,
    pub(crate) index: u64,
}

/// Which status lists of an issuer are taken, and from where.
#[derive(Clone, Debug)]
pub(crate) struct StatusSource {
    pub(crate) uris: StatusUris,
    pub(crate) host: Host,
    pub(crate) max_age_ms: u64,
}

/// Their URIs.
#[derive(Clone, Debug)]
pub(crate) enum StatusUris {
    Exactly(String),
    /// All that begin like this; it ends with `/`.
    Below(String),
}

/// Why a token's status does not let it count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoStatus {
    /// This fetch may bring the list.
    Fetch(Fetch),
    /// Its issuer's lists are not taken from there.
    NotTaken,
    /// There is no list, or only one that is too old, and it was tried a moment ago; or there is no room.
    Unavailable,
    /// The list ends before it.
    BeyondEnd,
    Invalid,
    Suspended,
    Other,
}

/// What is held, by issuer and URI.
#[derive(Debug, Default)]
pub(super) struct Statuses {
    /// A few, so they are looked through.
    lists: Vec<Held>,
    /// Fetches of keys that a list needed.
    wanted: Vec<Fetch>,
}

#[derive(Debug)]
struct Held {
    issuer: IssuerId,
    uri: String,
    list: Fetched<StatusList>,
    /// When the newest that was taken was issued, held or not: whoever replays a list must not undo what
    /// came after it.
    newest: u64,
    max_age_ms: u64,
    /// When somebody asked last.
    used: Elapsed,
}

impl StatusSource {
    /// From where that list is to be had, if it is one of these.
    fn endpoint(&self, uri: &str) -> Option<Endpoint> {
        let is_one = match &self.uris {
            StatusUris::Exactly(one) => one == uri,
            StatusUris::Below(prefix) => uri.strip_prefix(prefix.as_str()).is_some_and(is_plain),
        };
        let (_, rest) = split_scheme(uri).filter(|_| is_one)?;
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").to_owned();
        let Host { cluster, authority } = self.host.clone();
        Some(Endpoint { cluster, authority, path, timeout_ms: TIMEOUT_MS, max_bytes: MAX_BYTES })
    }
}

/// What may follow a prefix: nothing that could lead out from under it, or be read in two ways.
fn is_plain(rest: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let segment = |s: &str| s.bytes().all(plain) && !matches!(s, "" | "." | "..");
    rest.len() <= MAX_REST_BYTES && rest.split('/').all(segment)
}

impl Trust {
    /// Whether a token of that issuer still counts, by the list that it names.
    pub(crate) fn status(
        &mut self,
        issuer: &IssuerId,
        of: &StatusReference,
        now: Timestamp,
    ) -> Result<(), NoStatus> {
        let elapsed = self.clock.at(now);
        let held = self.list(issuer, &of.uri, elapsed)?;
        held.used = elapsed;
        match held.list.current(elapsed) {
            Some(list) if list.is_over(now) => held.list.forget(),
            Some(list) => {
                return match list.status(of.index).ok_or(NoStatus::BeyondEnd)? {
                    Status::Valid => Ok(()),
                    Status::Invalid => Err(NoStatus::Invalid),
                    Status::Suspended => Err(NoStatus::Suspended),
                    Status::Other => Err(NoStatus::Other),
                };
            }
            None => {}
        }
        Err(held.list.ask(elapsed).map_or(NoStatus::Unavailable, NoStatus::Fetch))
    }

    /// The place of that list, if it is one that is taken and there is room for it.
    fn list(&mut self, issuer: &IssuerId, uri: &str, now: Elapsed) -> Result<&mut Held, NoStatus> {
        let settings = self.sources.get(issuer).and_then(|source| source.issuer.as_ref());
        let sources = settings.map(|issuer| issuer.status_lists.as_slice()).unwrap_or_default();
        let source = sources.iter().find_map(|source| Some((source, source.endpoint(uri)?)));
        let (source, endpoint) = source.ok_or(NoStatus::NotTaken)?;
        let lists = &mut self.statuses.lists;
        let place = match lists.iter().position(|held| held.is(issuer, uri)) {
            Some(place) => place,
            None => {
                make_room(lists, issuer, now)?;
                let (issuer, uri) = (issuer.clone(), uri.to_owned());
                let document = Document::StatusList { issuer: issuer.clone(), uri: uri.clone() };
                let max_age_ms = source.max_age_ms;
                let pace = Pace { refresh_ms: DEFAULT_TTL_MS.min(max_age_ms), max_age_ms };
                let list = Fetched::paced(Fetch::new(document, endpoint), pace);
                lists.push(Held { issuer, uri, list, newest: 0, max_age_ms, used: now });
                lists.len().saturating_sub(1)
            }
        };
        lists.get_mut(place).ok_or(NoStatus::Unavailable)
    }

    /// Takes in what came of a fetch of a list. One that is no good changes nothing.
    pub(crate) fn learn_statuses(&mut self, fetch: &Fetch, reply: FetchReply, now: Timestamp) {
        let Document::StatusList { issuer, uri } = fetch.document() else { return };
        let place = self.statuses.lists.iter().position(|held| held.is(issuer, uri));
        let Some(place) = place else { return };
        // Taken out, as to verify it may change whose keys are asked for.
        let mut held = self.statuses.lists.swap_remove(place);
        if held.list.is_of(fetch) {
            let elapsed = self.clock.at(now);
            let newest = held.newest;
            let mut read = |body: &[u8]| {
                let list = self.read_list(issuer, uri, body, now)?;
                match list.issued < newest {
                    true => Err("the status list token is older than the one before"),
                    false => Ok(list),
                }
            };
            held.list.learn(
                fetch,
                reply,
                |body| read(body).map_err(RefusedAnswer::Statuses),
                elapsed,
            );
            let taken = held.list.current(elapsed);
            let taken = taken.map(|list| (list.issued, list.ttl_ms.unwrap_or(DEFAULT_TTL_MS)));
            if let Some((issued, ttl)) = taken {
                held.newest = newest.max(issued);
                // In the background, so before it lapses.
                let most = held.max_age_ms.saturating_sub(MARGIN_MS).max(LEAST_TTL_MS);
                held.list.refresh_after(ttl.clamp(LEAST_TTL_MS, most));
            }
        }
        self.statuses.lists.push(held);
    }

    /// A list of that URI which the issuer's own key has signed.
    fn read_list(
        &mut self,
        issuer: &IssuerId,
        uri: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<StatusList, &'static str> {
        let settings = self.issuer(issuer.as_str()).ok_or(STRANGER)?;
        let unproven = Unproven::parse(body)?;
        let signed = unproven.signed(&settings.algorithms)?;
        let key = self.verify(issuer, signed, now).map_err(|not| {
            // Nobody waits for these keys; the next time that the list is asked for they are there.
            if let NotSigned::NoKey(NoKey::Fetch(keys)) = not
                && self.statuses.wanted.len() < MAX_WANTED
            {
                self.statuses.wanted.push(keys);
            }
            STRANGER
        })?;
        let leeway_ms = settings.leeway_seconds.saturating_mul(1000);
        unproven.read((uri, key.thumbprint()), leeway_ms, now)
    }
}

/// A place for one list more of that issuer: one that nobody has asked for in a while goes.
fn make_room(lists: &mut Vec<Held>, issuer: &IssuerId, now: Elapsed) -> Result<(), NoStatus> {
    let of_issuer = || lists.iter().enumerate().filter(|(_, held)| held.issuer == *issuer);
    if of_issuer().count() < MAX_LISTS {
        return Ok(());
    }
    let oldest = of_issuer().min_by_key(|(_, held)| held.used);
    let idle = oldest.filter(|(_, held)| now.since(held.used) >= IDLE_MS);
    let gone = idle.map(|(place, _)| place).ok_or(NoStatus::Unavailable)?;
    lists.swap_remove(gone);
    Ok(())
}

impl Held {
    fn is(&self, issuer: &IssuerId, uri: &str) -> bool {
        self.uri == uri && self.issuer == *issuer
    }
}

impl Statuses {
    /// The fetches to make in the background. A list that nobody asks for is no longer held.
    pub(super) fn due(&mut self, now: Elapsed) -> Vec<Fetch> {
        self.lists.retain(|held| now.since(held.used) < FORGOTTEN_MS);
        let mut fetches = std::mem::take(&mut self.wanted);
        for held in &mut self.lists {
            if held.list.current(now).is_some() {
                fetches.extend(held.list.due(now));
            }
        }
        fetches
    }

    /// Forgets the lists of keys that no longer count (JWKS-4).
    pub(super) fn retain(&mut self, issuer: &IssuerId, keys: &BTreeSet<String>, now: Elapsed) {
        for held in &mut self.lists {
            if held.issuer == *issuer
                && held.list.current(now).is_some_and(|list| !keys.contains(&list.key))
            {
                held.list.forget();
            }
        }
    }

    /// Why the last answer to that fetch was not taken.
    pub(super) fn error(&self, fetch: &Fetch) -> Option<&RefusedAnswer> {
        let held = self.lists.iter().find(|held| held.list.is_of(fetch))?;
        held.list.error()
    }
}

const STRANGER: &str = "the status list token is not signed with a known key of the issuer";

/// The draft leaves it open; as often as keys.
const DEFAULT_TTL_MS: u64 = 5 * 60 * 1000;
/// §11.5: what an issuer may make a gateway ask for.
const LEAST_TTL_MS: u64 = 10 * 1000;
/// Some ticks, and the time that an answer may take.
const MARGIN_MS: u64 = 10 * 1000;
/// As long as for keys: a request may wait for it.
const TIMEOUT_MS: u32 = 2_000;
/// Of one issuer; each of at most 1 MiB of statuses.
const MAX_LISTS: usize = 16;
/// One that was asked for a moment ago is not dropped for another: tokens of many lists would else have each
/// request fetch one.
const IDLE_MS: u64 = 60 * 1000;
/// Longer than most tokens live.
const FORGOTTEN_MS: u64 = 60 * 60 * 1000;
/// One of each list, between two ticks.
const MAX_WANTED: usize = 16;
/// A path that a request line can carry anywhere.
const MAX_REST_BYTES: usize = 1_024;

#[cfg(test)]
mod tests;
