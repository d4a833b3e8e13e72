//! A document that is asked for again and again: when to ask, what an answer means, how old what is
//! held may be.
//!
//! Whatever is refused confirms nothing: what is held grows older, and from its bound on it is none.

use crate::fetch::{EntityTag, Fetch, FetchReply};
use crate::model::Timestamp;
use crate::trust::{Clock, Elapsed};

/// How often to ask, and how old an answer may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) every_ms: u64,
    pub(crate) max_age_ms: u64,
}

/// A document by fetch, without the document.
#[derive(Debug)]
pub(crate) struct Polled {
    fetch: Fetch,
    pace: Pace,
    clock: Clock,
    /// When this was first looked at: how long nothing has been held.
    began: Option<Elapsed>,
    /// When what is held came, or was last said to be what there is.
    confirmed: Option<Elapsed>,
    tag: Option<EntityTag>,
    /// What was no good and will not become so: not to be sent again, for a while.
    rejected: Option<(EntityTag, Elapsed)>,
    /// When the last fetch was asked for, or answered: whichever came later.
    last: Option<Elapsed>,
    waiting: bool,
    error: Option<String>,
}

/// An answer that is worth reading.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) body: Vec<u8>,
    pub(crate) name: Name,
}

/// What its sender calls it.
#[derive(Clone, Debug)]
pub(crate) struct Name(Option<EntityTag>);

impl Polled {
    pub(crate) fn new(fetch: Fetch, pace: Pace) -> Self {
        Self {
            fetch,
            pace,
            clock: Clock::default(),
            began: None,
            confirmed: None,
            tag: None,
            rejected: None,
            last: None,
            waiting: false,
            error: None,
        }
    }

    /// The fetch to make in the background, if it is time: sooner, where there is known to be
    /// something newer.
    pub(crate) fn due(&mut self, now: Timestamp, behind: bool) -> Option<Fetch> {
        let now = self.clock.at(now);
        let pause = if behind || self.error.is_some() {
            self.pace.every_ms.min(BACKOFF_MS)
        } else {
            self.pace.every_ms
        };
        if self.under_way(now) || self.last.is_some_and(|last| now.since(last) < pause) {
            return None;
        }
        Some(self.start(now))
    }

    /// The fetch that a request without the document waits for: the one under way, or a new one if
    /// the last was not a moment ago.
    pub(crate) fn wanted(&mut self, now: Timestamp) -> Option<Fetch> {
        let now = self.clock.at(now);
        if self.under_way(now) {
            return Some(self.asked());
        }
        if self.last.is_some_and(|last| now.since(last) < self.pace.every_ms.min(BACKOFF_MS)) {
            return None;
        }
        Some(self.start(now))
    }

    /// Whether what is held may still be used.
    pub(crate) fn is_fresh(&mut self, now: Timestamp) -> bool {
        self.age_ms(now).is_some_and(|age| age < self.pace.max_age_ms)
    }

    /// How long ago what is held was confirmed; none: nothing is held.
    fn age_ms(&mut self, now: Timestamp) -> Option<u64> {
        let now = self.clock.at(now);
        self.confirmed.map(|confirmed| now.since(confirmed))
    }

    /// How long nobody has confirmed what is held, or, if nothing is, how long there is nothing.
    pub(crate) fn unconfirmed_ms(&mut self, now: Timestamp) -> u64 {
        let now = self.clock.at(now);
        let began = *self.began.get_or_insert(now);
        now.since(self.confirmed.unwrap_or(began))
    }

    /// Where it comes from.
    pub(crate) fn source(&self) -> &Fetch {
        &self.fetch
    }

    /// Whether an answer to that fetch is one to this.
    pub(crate) fn is_of(&self, fetch: &Fetch) -> bool {
        self.fetch.is_for_same(fetch)
    }

    /// Takes in an answer; what is new in it, if anything, is still to be judged.
    pub(crate) fn answered(
        &mut self,
        fetch: &Fetch,
        reply: FetchReply,
        now: Timestamp,
    ) -> Option<Fresh> {
        let now = self.clock.at(now);
        self.waiting = false;
        self.last = Some(now);
        match reply {
            FetchReply::Answered { status: 200, headers, body } => {
                return Some(Fresh { body, name: Name(headers.entity_tag().cloned()) });
            }
            // It is what was rejected.
            FetchReply::Answered { status: 304, .. }
                if self.rejected.is_some() && self.asked() == *fetch => {}
            // RFC 9110 §15.4.5: only to whom asked, and about what is still here.
            FetchReply::Answered { status: 304, .. }
                if fetch.is_conditional() && self.asked() == *fetch =>
            {
                self.confirmed = Some(now);
                self.error = None;
            }
            FetchReply::Answered { status, .. } => {
                self.refused(format!("status {status} where 200 was expected"));
            }
            FetchReply::Failed => self.refused("no answer".to_owned()),
        }
        None
    }

    /// What was new is held from now on.
    pub(crate) fn taken(&mut self, name: Name, now: Timestamp) {
        self.confirmed = Some(self.clock.at(now));
        self.tag = name.0;
        self.rejected = None;
        self.error = None;
    }

    /// Somebody else got an answer for all, so long ago.
    pub(crate) fn confirmed_by_others(&mut self, millis_ago: u64, now: Timestamp) {
        let then = self.clock.at(now).before(millis_ago);
        self.confirmed = self.confirmed.max(Some(then));
    }

    /// The last answer was good, and is not all: it confirms nothing.
    pub(crate) fn unfinished(&mut self) {
        self.error = None;
    }

    /// Whether the last fetch has no answer yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// There is more to be had, so no pause.
    pub(crate) fn ask_at_once(&mut self) {
        self.last = None;
    }

    /// That nothing has changed is no answer from now on: what is held is known to be replaced.
    pub(crate) fn ask_in_full(&mut self) {
        self.tag = None;
        self.rejected = None;
    }

    /// The last answer is not what was asked for.
    pub(crate) fn refused(&mut self, why: String) {
        self.error = Some(why);
    }

    /// Nor will it be: it need not be sent again for a minute. Not for longer, as what came may be damaged, and go by
    /// the tag of what is good.
    pub(crate) fn rejected(&mut self, name: Name, why: String, now: Timestamp) {
        let now = self.clock.at(now);
        self.rejected = name.0.map(|tag| (tag, now));
        self.refused(why);
    }

    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    fn start(&mut self, now: Elapsed) -> Fetch {
        self.last = Some(now);
        self.waiting = true;
        let in_time = |(_, then): &(EntityTag, Elapsed)| now.since(*then) < REJECTED_MS;
        self.rejected = self.rejected.take().filter(in_time);
        self.asked()
    }

    /// The fetch that would be made now.
    pub(crate) fn asked(&self) -> Fetch {
        let rejected = self.rejected.as_ref().map(|(tag, _)| tag);
        self.fetch.clone().unless(rejected.or(self.tag.as_ref()))
    }

    /// A host that lost the call must not stop the asking for ever.
    fn under_way(&self, now: Elapsed) -> bool {
        let patience = u64::from(self.fetch.endpoint().timeout_ms).saturating_add(GRACE_MS);
        self.waiting && self.last.is_some_and(|last| now.since(last) < patience)
    }
}

/// Short, so that a gateway works soon after what it lacks is there.
const BACKOFF_MS: u64 = 2 * 1000;
/// Long against the pause between two fetches, short against how long what is held may be used.
const REJECTED_MS: u64 = 60 * 1000;
/// A host's tick and its timers are not exact.
const GRACE_MS: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::{Document, Endpoint};

    fn answer(status: u16, tag: &str) -> FetchReply {
        let headers = Fetch::reply_headers(|_| Some(tag.into()));
        FetchReply::Answered { status, headers, body: Vec::new() }
    }

    fn polled() -> Polled {
        let (cluster, authority) = ("bundles".to_owned(), "b.example".to_owned());
        let path = "/b".to_owned();
        let endpoint = Endpoint { cluster, authority, path, timeout_ms: 1000, max_bytes: 1000 };
        let fetch = Fetch::new(Document::Bundle, endpoint);
        Polled::new(fetch, Pace { every_ms: 10_000, max_age_ms: 30_000 })
    }

    #[test]
    fn what_was_rejected_is_not_sent_again_and_confirms_nothing() {
        let mut polled = polled();
        let sent = |fetch: &Fetch| {
            fetch.headers().map(|(_, value)| value.to_owned()).collect::<Vec<String>>()
        };
        let at = Timestamp::from_unix_millis;
        let asked = polled.due(at(0), false).unwrap();
        let good = polled.answered(&asked, answer(200, "\"good\""), at(0)).unwrap();
        polled.taken(good.name, at(0));
        let asked = polled.due(at(10_000), false).unwrap();
        assert_eq!(sent(&asked), ["\"good\""]);
        let bad = polled.answered(&asked, answer(200, "\"bad\""), at(10_000)).unwrap();
        polled.rejected(bad.name, "is no good".to_owned(), at(10_000));
        let asked = polled.due(at(12_000), false).unwrap();
        assert_eq!(sent(&asked), ["\"bad\""]);
        assert!(polled.answered(&asked, answer(304, "\"bad\""), at(12_000)).is_none());
        assert_eq!(polled.error(), Some("is no good"));
        assert_eq!(polled.unconfirmed_ms(at(12_000)), 12_000);
        // The good one is there again.
        let asked = polled.due(at(14_000), false).unwrap();
        let good = polled.answered(&asked, answer(200, "\"good\""), at(14_000)).unwrap();
        polled.taken(good.name, at(14_000));
        assert_eq!(polled.unconfirmed_ms(at(14_000)), 0);
        assert_eq!(polled.error(), None);
        assert_eq!(sent(&polled.asked()), ["\"good\""]);
    }

    /// A cache, or whoever was in between, has answered once with something else under the tag of what is good.
    #[test]
    fn what_was_damaged_on_its_way_is_asked_for_again() {
        let mut polled = polled();
        let at = Timestamp::from_unix_millis;
        let asked = polled.due(at(0), false).unwrap();
        let damaged = polled.answered(&asked, answer(200, "\"good\""), at(0)).unwrap();
        polled.rejected(damaged.name, "is no good".to_owned(), at(0));
        assert!(polled.due(at(2_000), false).unwrap().is_conditional());
        assert!(!polled.due(at(70_000), false).unwrap().is_conditional());
        // Sooner, where another worker has told that there is something newer.
        let asked = polled.due(at(80_000), false).unwrap();
        let damaged = polled.answered(&asked, answer(200, "\"good\""), at(80_000)).unwrap();
        polled.rejected(damaged.name, "is no good".to_owned(), at(80_000));
        polled.ask_in_full();
        assert!(!polled.due(at(82_000), true).unwrap().is_conditional());
    }
}
