//! What an engine learns while it runs: keys, a bundle, revocations, and what other workers know.

use std::rc::Rc;

use super::Engine;
use super::retired::Retired;
use crate::approval::Answer;
use crate::config::Configuration;
use crate::credential::TokenCache;
use crate::decision::Reason;
use crate::model::Timestamp;
use crate::renewal::{Lacking, Worked};
use crate::step::{Absorbed, Document, Fetch, FetchReply, Joined, Work};

impl Engine {
    /// Fetches to make in the background: at the start and then on every tick.
    pub fn due(&mut self, now: Timestamp) -> Vec<Fetch> {
        let mut fetches = self.renewal.due(&self.configuration, now);
        fetches.extend(self.trust.due(now));
        fetches.extend(self.events.iter_mut().flat_map(|events| events.due(now)));
        fetches.extend(self.directory.iter().flat_map(|directory| directory.due()));
        fetches
    }

    /// Takes in what came of a fetch. A bad answer never replaces a good one. A bundle is not in force by
    /// that: see [`Engine::work`].
    pub fn absorb(&mut self, fetch: Fetch, reply: FetchReply, now: Timestamp) -> Absorbed {
        if matches!(fetch.document(), Document::Approval { .. }) {
            return self.answered(fetch, reply);
        }
        self.learned = self.learned.saturating_add(1);
        if matches!(fetch.document(), Document::Agent(_)) {
            if let Some(directory) = &self.directory {
                directory.learn(&fetch, reply, &self.configuration, now);
            }
            return Absorbed { fetch, passed_over: Vec::new(), answer: None };
        }
        let passed_over = match fetch.document() {
            Document::Keys(issuer) | Document::Metadata(issuer) => {
                let learned = self.trust.learn(issuer, &fetch, reply, now);
                self.cache.retain(&learned);
                learned.passed_over
            }
            Document::Events => {
                if let Some(events) = &mut self.events {
                    events.absorb(&fetch, reply, &mut self.trust, now);
                }
                self.renew_present();
                Vec::new()
            }
            Document::StatusList { .. } => {
                self.trust.learn_statuses(&fetch, reply, now);
                Vec::new()
            }
            Document::Bundle | Document::Revocations => {
                self.renewal.absorb(&fetch, reply, now);
                self.renew_present();
                Vec::new()
            }
            Document::Agent(_) | Document::Approval { .. } => Vec::new(),
        };
        Absorbed { fetch, passed_over, answer: None }
    }

    /// Whether a request may be decided with what is held.
    pub(super) fn standing(
        &mut self,
        configuration: &Configuration,
        now: Timestamp,
    ) -> Result<(), Lacking> {
        self.renewal.standing(configuration, now)?;
        let Some(events) = &mut self.events else { return Ok(()) };
        let nothing = Lacking::Nothing(Reason::EventsUnavailable);
        events.standing(now).map_err(|fetch| fetch.map_or(nothing, Lacking::Fetch))
    }

    fn renew_present(&self) {
        let cutoffs = self.events.as_ref().map(|events| Rc::clone(events.cutoffs()));
        self.present.renew(&self.configuration, self.renewal.feed(), cutoffs);
    }

    /// Works on a bundle that was absorbed, for a few milliseconds at most, so that a host is kept waiting by
    /// none, however long it is. To be called until there is nothing to do: at once, or whenever the host has
    /// time; until then what was in force before still is, and requests that need the bundle want its fetch,
    /// which is not to be made again.
    pub fn work(&mut self, now: Timestamp) -> Work {
        if self.retired.iter_mut().any(Retired::give_up) {
            return Work::More;
        }
        self.retired.retain(|retired| !retired.is_over());
        match self.renewal.work(&self.configuration, now) {
            Worked::Nothing => Work::Nothing,
            Worked::More => Work::More,
            Worked::Settled(next) => {
                self.learned = self.learned.saturating_add(1);
                if let Some(next) = next {
                    self.replace(*next);
                }
                Work::Settled
            }
        }
    }

    /// Does all of that work at once: for a host that nobody waits for.
    pub fn finish_work(&mut self, now: Timestamp) {
        while self.work(now) != Work::Nothing {}
    }

    /// Whether a bundle was absorbed that is neither in force nor refused yet.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        self.renewal.is_underway()
    }

    fn replace(&mut self, next: Configuration) {
        self.pinned = self.pinned.renewed(&next);
        let before = std::mem::replace(&mut self.configuration, Rc::new(next));
        if self.retired.len() >= MOST_RETIRED {
            self.retired.remove(0);
        }
        self.retired.push(Retired::new(before));
        // Which agent a workload is may have changed with it.
        self.cache = TokenCache::default();
        if let Some(directory) = &self.directory {
            directory.read_anew();
        }
        self.renew_present();
    }

    /// Nothing is learned from what the approval service says: it is for those who asked.
    fn answered(&mut self, fetch: Fetch, reply: FetchReply) -> Absorbed {
        let answer = Answer::read(reply);
        self.unanswered = match &answer {
            Answer::Unavailable(why) => Some(format!("{}: {why}", fetch.document().name())),
            _ => None,
        };
        Absorbed { fetch, passed_over: Vec::new(), answer: Some(Rc::new(answer)) }
    }

    /// Names of the values that the engines of all workers keep together in the host's store: for
    /// each, at the start, before and after a document is absorbed and on every tick, a host reads it
    /// and calls [`Engine::join`]. They follow from the configuration and are few.
    #[must_use]
    pub fn common(&self) -> Vec<String> {
        let pinned = self.pinned.name().map(str::to_owned);
        let events = self.events.as_ref().map(|events| events.name().to_owned());
        self.renewal.names().into_iter().chain(pinned).chain(events).collect()
    }

    /// Takes in what the store has under one of these names, and says what to write instead. A write
    /// must fail if somebody else wrote meanwhile; then all of it is done again. After one that did not, a host
    /// calls this once more with what it wrote, or with the next tick: a security event is acknowledged once the
    /// store is known to hold it.
    pub fn join(&mut self, name: &str, value: Option<&[u8]>) -> Joined {
        self.learned = self.learned.saturating_add(1);
        if let Some(events) = self.events.as_mut().filter(|events| events.name() == name) {
            let joined = events.join(value);
            self.renew_present();
            return joined;
        }
        match self.pinned.name() == Some(name) {
            true => self.pinned.join(value),
            false => self.renewal.join(&self.configuration, name, value),
        }
    }

    /// What operators watch, by name: the revision of the policies in force; of a fetched bundle and
    /// of the list of revocations, revision (0: there is none) and the seconds since anybody
    /// confirmed it, or since there is none.
    pub fn gauges(&mut self, now: Timestamp) -> Vec<(&'static str, u64)> {
        let mut gauges = self.renewal.gauges(&self.configuration, now);
        gauges.push(("policy.revision", self.configuration.policy.revision()));
        gauges
    }

    /// Why the last fetch of that kind was refused, for a log line.
    #[must_use]
    pub fn fetch_error(&self, fetch: &Fetch) -> Option<String> {
        match fetch.document() {
            Document::Keys(issuer)
            | Document::Metadata(issuer)
            | Document::StatusList { issuer, .. } => self.trust.last_error(issuer, fetch),
            Document::Bundle | Document::Revocations => self.renewal.last_error(fetch),
            Document::Events => self.events.as_ref()?.error(),
            Document::Agent(_) => self.directory.as_ref()?.error(fetch),
            Document::Approval { .. } => self.unanswered.clone(),
        }
    }
}

/// A stream holds what it was opened under. Of more than that, what was retired first is given up at once when its
/// stream ends.
const MOST_RETIRED: usize = 4;
