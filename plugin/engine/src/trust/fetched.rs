//! One document of an issuer that comes by fetch: what is known, since when, when to ask again. The times
//! are those of keys; a list of statuses has its own ([`Pace`]).
//!
//! | document | asks | why |
//! |---|---|---|
//! | none (at first, or older than [`MAX_AGE_MS`]) | at once, then every [`BACKOFF_MS`] | nothing works without, but a dead endpoint is not hit by every request |
//! | good | after [`REFRESH_MS`], in the background | a removed key stops working (JWKS-4) |
//! | good, and a token does not fit it | at once, not within [`FLOOR_MS`] of the last time | a key may be new; a flood of invented ones must not become a flood at the issuer (JWKS-2) |
//!
//! A fetch under way is shared: it is returned to everybody who asks, and the host makes one call.

use super::clock::Elapsed;
use super::refused::RefusedAnswer;
use crate::fetch::{EntityTag, Fetch, FetchReply};

/// A document by fetch.
#[derive(Debug)]
pub(super) struct Fetched<T> {
    fetch: Fetch,
    pace: Pace,
    /// The last good one.
    good: Option<Good<T>>,
    /// When the last fetch was asked for, or answered: whichever came later.
    last: Option<Elapsed>,
    /// When the last fetch was asked for.
    began: Option<Elapsed>,
    /// The last fetch has no answer yet.
    waiting: bool,
    /// What is known came from another place than the one that is asked now.
    moved: bool,
    error: Option<RefusedAnswer>,
}

/// How often a document is asked for again, and how long one counts that nobody confirms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) refresh_ms: u64,
    pub(super) max_age_ms: u64,
}

#[derive(Debug)]
struct Good<T> {
    document: T,
    /// When it came, or was last said to be unchanged.
    since: Elapsed,
    /// When that answer was asked for.
    asked: Option<Elapsed>,
    tag: Option<EntityTag>,
}

/// What an answer meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// There is another document now.
    Replaced,
    /// The one that was there still counts, or still does not.
    Unchanged,
}

impl<T> Fetched<T> {
    pub(super) fn new(fetch: Fetch) -> Self {
        Self::paced(fetch, Pace { refresh_ms: REFRESH_MS, max_age_ms: MAX_AGE_MS })
    }

    pub(super) fn paced(fetch: Fetch, pace: Pace) -> Self {
        let (good, last, began, error) = (None, None, None, None);
        Self { fetch, pace, good, last, began, waiting: false, moved: false, error }
    }

    /// From now on it is asked for again after that time.
    pub(super) fn refresh_after(&mut self, millis: u64) {
        self.pace.refresh_ms = millis;
    }

    /// The good document, unless nobody has confirmed it for too long.
    pub(super) fn current(&self, now: Elapsed) -> Option<&T> {
        self.confirmed(now).map(|good| &good.document)
    }

    /// Whether what is held is the answer to a fetch that was begun at that time or later.
    pub(super) fn asked_since(&self, since: Elapsed) -> bool {
        self.good.as_ref().and_then(|good| good.asked).is_some_and(|asked| asked >= since)
    }

    /// The fetch that may help now: the one under way, or a new one if it is time.
    pub(super) fn ask(&mut self, now: Elapsed) -> Option<Fetch> {
        if !self.under_way(now) {
            let floor = FLOOR_MS.min(self.pace.refresh_ms);
            let pause = if self.current(now).is_some() { floor } else { BACKOFF_MS };
            if self.last.is_some_and(|last| now.since(last) < pause) {
                return None;
            }
            (self.last, self.began) = (Some(now), Some(now));
            self.waiting = true;
            self.moved = false;
        }
        Some(self.asked(now))
    }

    /// A new fetch, if it is time and none is under way: for what is worth one wait, not everybody's.
    pub(super) fn ask_anew(&mut self, now: Elapsed) -> Option<Fetch> {
        if self.under_way(now) { None } else { self.ask(now) }
    }

    /// The fetch to make in the background, if it is time.
    pub(super) fn due(&mut self, now: Elapsed) -> Option<Fetch> {
        let fresh =
            self.good.as_ref().is_some_and(|good| now.since(good.since) < self.pace.refresh_ms);
        if fresh && !self.moved { None } else { self.ask_anew(now) }
    }

    /// Replaces the document as a whole (JWKS-4), or keeps it if the answer is no good (JWKS-3).
    pub(super) fn learn(
        &mut self,
        fetch: &Fetch,
        reply: FetchReply,
        read: impl FnOnce(&[u8]) -> Result<T, RefusedAnswer>,
        now: Elapsed,
    ) -> Taken {
        self.waiting = false;
        self.last = Some(now);
        let answer = match reply {
            FetchReply::Failed => Err(RefusedAnswer::NoAnswer),
            // JWKS-5: a redirect is not followed.
            FetchReply::Answered { status: 200, headers, body } => {
                read(&body).map(|document| (document, headers.entity_tag().cloned()))
            }
            // RFC 9110 §15.4.5: only to whom asked, and about what is still here.
            FetchReply::Answered { status: 304, .. } if self.confirm(fetch, now) => {
                return Taken::Unchanged;
            }
            FetchReply::Answered { status, .. } => Err(RefusedAnswer::Status(status)),
        };
        match answer {
            Ok((document, tag)) => {
                self.error = None;
                self.good = Some(Good { document, since: now, asked: self.began, tag });
                Taken::Replaced
            }
            Err(error) => {
                self.error = Some(error);
                Taken::Unchanged
            }
        }
    }

    /// What was good says itself that it no longer is.
    pub(super) fn forget(&mut self) {
        self.good = None;
    }

    /// From now on it comes from there, and the first time without a pause. What is known stays
    /// until then.
    pub(super) fn look_at(&mut self, fetch: Fetch) {
        if self.is_of(&fetch) {
            return;
        }
        self.look_later_at(fetch);
        self.last = None;
        self.moved = true;
        if let Some(good) = &mut self.good {
            // A validator is its own place's.
            good.tag = None;
        }
    }

    /// The same, after the usual pause.
    pub(super) fn look_later_at(&mut self, fetch: Fetch) {
        self.fetch = fetch;
        self.waiting = false;
    }

    /// Whether an answer to that fetch is about this document. One of another configuration, from
    /// another place, is nobody's.
    pub(super) fn is_of(&self, fetch: &Fetch) -> bool {
        self.fetch.is_for_same(fetch)
    }

    pub(super) fn error(&self) -> Option<&RefusedAnswer> {
        self.error.as_ref()
    }

    fn confirm(&mut self, fetch: &Fetch, now: Elapsed) -> bool {
        let unchanged = fetch.is_conditional() && self.asked(now) == *fetch;
        if let Some(good) = self.good.as_mut().filter(|_| unchanged) {
            (good.since, good.asked) = (now, self.began);
            self.error = None;
            return true;
        }
        false
    }

    fn asked(&self, now: Elapsed) -> Fetch {
        let tag = self.confirmed(now).and_then(|good| good.tag.as_ref());
        self.fetch.clone().unless(tag)
    }

    fn confirmed(&self, now: Elapsed) -> Option<&Good<T>> {
        self.good.as_ref().filter(|good| now.since(good.since) < self.pace.max_age_ms)
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
