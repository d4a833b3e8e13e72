//! The keys of one issuer that come by fetch: what is known, since when, and when to ask again.
//!
//! | keys | asks | why |
//! |---|---|---|
//! | none (at first, or older than [`MAX_AGE_MS`]) | at once, then every [`BACKOFF_MS`] | nothing works without, but a dead endpoint is not hit by every request |
//! | good | after [`REFRESH_MS`], in the background | a removed key stops working (JWKS-4) |
//! | good, and a token does not fit them | at once, not within [`FLOOR_MS`] of the last time | a key may be new; a flood of invented ones must not become a flood at the issuer (JWKS-2) |
//!
//! A fetch under way is shared: it is returned to everybody who asks, and the host makes one call.

use std::rc::Rc;

use super::algorithm::{Algorithm, Algorithms};
use super::clock::Elapsed;
use super::fetch::{Endpoint, Fetch, FetchReply};
use super::jwk::Key;
use super::key_set::KeySet;
use super::{NoKey, RefusedKeys};
use crate::model::IssuerId;

/// Keys by fetch.
#[derive(Debug)]
pub(super) struct Fetched {
    fetch: Fetch,
    allowed: Algorithms,
    /// The last good set and when it came.
    good: Option<(KeySet, Elapsed)>,
    /// When the last fetch was asked for, or answered: whichever came later.
    last: Option<Elapsed>,
    /// The last fetch has no answer yet.
    waiting: bool,
    error: Option<RefusedKeys>,
}

impl Fetched {
    pub(super) fn new(issuer: IssuerId, allowed: Algorithms, endpoint: Endpoint) -> Self {
        let fetch = Fetch::keys(issuer, endpoint);
        Self { fetch, allowed, good: None, last: None, waiting: false, error: None }
    }

    /// The key for a token. None that fits may mean that the issuer has new ones.
    pub(super) fn key(
        &mut self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Elapsed,
    ) -> Result<Rc<Key>, NoKey> {
        let found = self.current(now).map(|set| set.find(id, algorithm));
        let otherwise = match found {
            Some(Ok(key)) => return Ok(key),
            Some(Err(no_fit)) => NoKey::from(no_fit),
            None => NoKey::Unavailable,
        };
        Err(self.ask(now).map_or(otherwise, NoKey::Fetch))
    }

    /// The fetch that may help now: the one under way, or a new one if it is time.
    pub(super) fn ask(&mut self, now: Elapsed) -> Option<Fetch> {
        if !self.under_way(now) {
            let pause = if self.current(now).is_some() { FLOOR_MS } else { BACKOFF_MS };
            if self.last.is_some_and(|last| now.since(last) < pause) {
                return None;
            }
            self.last = Some(now);
            self.waiting = true;
        }
        Some(self.fetch.clone())
    }

    /// A new fetch, if it is time and none is under way: for what is worth one wait, not everybody's.
    pub(super) fn ask_anew(&mut self, now: Elapsed) -> Option<Fetch> {
        if self.under_way(now) { None } else { self.ask(now) }
    }

    /// The fetch to make in the background, if it is time.
    pub(super) fn due(&mut self, now: Elapsed) -> Option<Fetch> {
        let fresh = self.good.as_ref().is_some_and(|(_, since)| now.since(*since) < REFRESH_MS);
        if fresh { None } else { self.ask_anew(now) }
    }

    /// Replaces the keys as a whole (JWKS-4), or keeps them if the answer is no good (JWKS-3).
    pub(super) fn learn(&mut self, reply: FetchReply, now: Elapsed) -> Option<&KeySet> {
        self.waiting = false;
        self.last = Some(now);
        match self.read(reply) {
            Ok(set) => {
                self.error = None;
                self.good = Some((set, now));
                self.good.as_ref().map(|(set, _)| set)
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }

    pub(super) fn fetch(&self) -> &Fetch {
        &self.fetch
    }

    pub(super) fn error(&self) -> Option<&RefusedKeys> {
        self.error.as_ref()
    }

    fn read(&self, reply: FetchReply) -> Result<KeySet, RefusedKeys> {
        match reply {
            FetchReply::Failed => Err(RefusedKeys::NoAnswer),
            // JWKS-5: 200 and nothing else; a redirect is not followed, 304 was not asked for.
            FetchReply::Answered { status: 200, body } => {
                KeySet::parse(&body, &self.allowed).map_err(RefusedKeys::Set)
            }
            FetchReply::Answered { status, .. } => Err(RefusedKeys::Status(status)),
        }
    }

    /// The good set, unless nobody has confirmed it for too long.
    fn current(&self, now: Elapsed) -> Option<&KeySet> {
        let (set, since) = self.good.as_ref()?;
        (now.since(*since) < MAX_AGE_MS).then_some(set)
    }

    /// A host that lost the call must not block the issuer for ever: after its time the fetch
    /// counts as answered by nobody.
    fn under_way(&self, now: Elapsed) -> bool {
        let patience = u64::from(self.fetch.endpoint().timeout_ms).saturating_add(GRACE_MS);
        self.waiting && self.last.is_some_and(|last| now.since(last) < patience)
    }
}

/// RFC 7517 has no rule. Five minutes is how long a key may outlive its removal.
const REFRESH_MS: u64 = 5 * 60 * 1000;
/// JWKS-2: at most once per minute and issuer.
const FLOOR_MS: u64 = 60 * 1000;
/// Short, so that a gateway works soon after its issuer does.
const BACKOFF_MS: u64 = 5 * 1000;
/// JWKS-3: then an issuer that nobody can reach is no longer believed.
const MAX_AGE_MS: u64 = 24 * 60 * 60 * 1000;
/// A host's tick and its timers are not exact.
const GRACE_MS: u64 = 1000;
