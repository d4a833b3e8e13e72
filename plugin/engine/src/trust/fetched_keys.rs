//! The keys of one issuer that come by fetch.

use std::rc::Rc;

use super::NoKey;
use super::algorithm::{Algorithm, Algorithms};
use super::clock::Elapsed;
use super::fetched::{Fetched, Taken};
use super::jwk::Key;
use super::key_set::KeySet;
use super::refused::RefusedAnswer;
use crate::fetch::{Fetch, FetchReply};

/// Keys by fetch.
#[derive(Debug)]
pub(super) struct FetchedKeys {
    set: Fetched<KeySet>,
    allowed: Algorithms,
}

impl FetchedKeys {
    pub(super) fn new(fetch: Fetch, allowed: Algorithms) -> Self {
        Self { set: Fetched::new(fetch), allowed }
    }

    /// The key for a token. None that fits may mean that the issuer has new ones.
    pub(super) fn key(
        &mut self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Elapsed,
    ) -> Result<Rc<Key>, NoKey> {
        let found = self.set.current(now).map(|set| set.find(id, algorithm));
        let otherwise = match found {
            Some(Ok(key)) => return Ok(key),
            Some(Err(no_fit)) => NoKey::from(no_fit),
            None => NoKey::Unavailable,
        };
        Err(self.set.ask(now).map_or(otherwise, NoKey::Fetch))
    }

    /// See [`Fetched::ask_anew`].
    pub(super) fn ask_anew(&mut self, now: Elapsed) -> Option<Fetch> {
        self.set.ask_anew(now)
    }

    /// See [`Fetched::asked_since`].
    pub(super) fn asked_since(&self, since: Elapsed) -> bool {
        self.set.asked_since(since)
    }

    /// See [`Fetched::due`].
    pub(super) fn due(&mut self, now: Elapsed) -> Option<Fetch> {
        self.set.due(now)
    }

    /// See [`Fetched::look_at`].
    pub(super) fn look_at(&mut self, fetch: Fetch) {
        self.set.look_at(fetch);
    }

    /// Takes in an answer; the keys that count from now on, if they were replaced.
    pub(super) fn learn(
        &mut self,
        fetch: &Fetch,
        reply: FetchReply,
        now: Elapsed,
    ) -> Option<&KeySet> {
        if !self.set.is_of(fetch) {
            return None;
        }
        let read = |body: &[u8]| KeySet::parse(body, &self.allowed).map_err(RefusedAnswer::Keys);
        match self.set.learn(fetch, reply, read, now) {
            Taken::Replaced => self.set.current(now),
            Taken::Unchanged => None,
        }
    }

    /// Why the last answer to that fetch was not taken.
    pub(super) fn error(&self, fetch: &Fetch) -> Option<&RefusedAnswer> {
        self.set.error().filter(|_| self.set.is_of(fetch))
    }
}
