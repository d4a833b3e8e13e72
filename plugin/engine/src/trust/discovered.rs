//! The keys of one issuer whose place is in its metadata: two documents, one after the other.
//!
//! The metadata is asked for in each configured form in turn, until one is there. Keys that are
//! known outlive a move: they count until those of the new place have come, or grow too old.

use std::rc::Rc;

use super::NoKey;
use super::algorithm::{Algorithm, Algorithms};
use super::clock::Elapsed;
use super::fetched::{Fetched, Taken};
use super::fetched_keys::FetchedKeys;
use super::issuer::Discovery;
use super::jwk::Key;
use super::key_set::KeySet;
use super::metadata;
use super::refused::RefusedAnswer;
use crate::fetch::{Document, Endpoint, Fetch, FetchReply};
use crate::model::IssuerId;

/// Keys by metadata.
#[derive(Debug)]
pub(super) struct DiscoveredKeys {
    issuer: IssuerId,
    allowed: Algorithms,
    discovery: Discovery,
    metadata: Fetched<Endpoint>,
    /// Which form of the metadata's path is asked for.
    form: usize,
    keys: Option<FetchedKeys>,
}

impl DiscoveredKeys {
    pub(super) fn new(issuer: IssuerId, allowed: Algorithms, discovery: Discovery) -> Self {
        let fetch = Fetch::new(Document::Metadata(issuer.clone()), discovery.first().clone());
        let metadata = Fetched::new(fetch);
        Self { issuer, allowed, discovery, metadata, form: 0, keys: None }
    }

    /// See [`FetchedKeys::key`].
    pub(super) fn key(
        &mut self,
        id: Option<&str>,
        algorithm: Algorithm,
        now: Elapsed,
    ) -> Result<Rc<Key>, NoKey> {
        match (&mut self.keys, self.metadata.current(now)) {
            (Some(keys), Some(_)) => keys.key(id, algorithm, now),
            _ => Err(self.metadata.ask(now).map_or(NoKey::Unavailable, NoKey::Fetch)),
        }
    }

    /// See [`Fetched::ask_anew`]: of the keys, which the metadata only leads to.
    pub(super) fn ask_anew(&mut self, now: Elapsed) -> Option<Fetch> {
        self.keys.as_mut()?.ask_anew(now)
    }

    /// See [`Fetched::asked_since`].
    pub(super) fn asked_since(&self, since: Elapsed) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.asked_since(since))
    }

    /// The fetches to make in the background.
    pub(super) fn due(&mut self, now: Elapsed) -> impl Iterator<Item = Fetch> {
        let keys = self.keys.as_mut().and_then(|keys| keys.due(now));
        self.metadata.due(now).into_iter().chain(keys)
    }

    /// Takes in an answer to either; the keys that count from now on, if they were replaced.
    pub(super) fn learn(
        &mut self,
        fetch: &Fetch,
        reply: FetchReply,
        now: Elapsed,
    ) -> Option<&KeySet> {
        if self.metadata.is_of(fetch) {
            self.learn_metadata(fetch, reply, now);
            return None;
        }
        self.keys.as_mut()?.learn(fetch, reply, now)
    }

    /// Why the last answer to that fetch was not taken.
    pub(super) fn error(&self, fetch: &Fetch) -> Option<&RefusedAnswer> {
        if self.metadata.is_of(fetch) {
            return self.metadata.error();
        }
        self.keys.as_ref()?.error(fetch)
    }

    fn learn_metadata(&mut self, fetch: &Fetch, reply: FetchReply, now: Elapsed) {
        let absent = matches!(reply, FetchReply::Answered { status: 404, .. });
        let (issuer, discovery) = (&self.issuer, &self.discovery);
        let read =
            |body: &[u8]| metadata::read(body, issuer, discovery).map_err(RefusedAnswer::Metadata);
        match self.metadata.learn(fetch, reply, read, now) {
            Taken::Replaced => self.locate(now),
            Taken::Unchanged if absent => self.try_next_form(now),
            Taken::Unchanged => {}
        }
    }

    fn locate(&mut self, now: Elapsed) {
        let Some(endpoint) = self.metadata.current(now) else { return };
        let fetch = Fetch::new(Document::Keys(self.issuer.clone()), endpoint.clone());
        match &mut self.keys {
            Some(keys) => keys.look_at(fetch),
            None => self.keys = Some(FetchedKeys::new(fetch, self.allowed.clone())),
        }
    }

    /// Only while there is none: an issuer that publishes one may lose it for a while. After the last
    /// form the first is asked for again, after the pause for what is not there.
    fn try_next_form(&mut self, now: Elapsed) {
        if self.metadata.current(now).is_some() {
            return;
        }
        let next = self.form.saturating_add(1);
        let endpoint = self.discovery.form(next);
        self.form = if endpoint.is_some() { next } else { 0 };
        let endpoint = endpoint.unwrap_or(self.discovery.first());
        let fetch = Fetch::new(Document::Metadata(self.issuer.clone()), endpoint.clone());
        if self.form == 0 {
            self.metadata.look_later_at(fetch);
        } else {
            self.metadata.look_at(fetch);
        }
    }
}

#[cfg(test)]
mod tests;
