//! What changes while requests run: the bundle, and the list of what is revoked.
//!
//! A new one is verified before it is looked at, and looked at whole before it is used; one that is no
//! good changes nothing. Older ones are refused: who can replay a document must not be able to undo
//! what came after it. A bundle may be long, so it is taken in by steps (`underway`). Not here: signatures
//! (`bundle`), what the contents mean (`config`).

mod floor;
mod underway;

use std::rc::Rc;

use crate::bundle::{self, Fresh, Polled, REVOCATIONS, Signers};
use crate::config::{self, Blueprint, Configuration, Feed};
use crate::decision::Reason;
use crate::fetch::{Document, Fetch, FetchReply};
use crate::model::Timestamp;
use crate::recall::{Joined, Newest};
use crate::registry::Revocations;

use floor::Floor;
use underway::{Came, Underway};

/// Both sources, as far as a configuration has them.
#[derive(Default)]
pub(crate) struct Renewal {
    bundle: Option<BundleSource>,
    feed: Option<FeedSource>,
}

/// Why a request can't be decided with what is held.
pub(crate) enum Lacking {
    /// This fetch may bring it.
    Fetch(Fetch),
    Nothing(Reason),
}

struct BundleSource {
    blueprint: Blueprint,
    polled: Polled,
    floor: Floor,
    underway: Option<Underway>,
}

/// What came of some work on a bundle.
pub(crate) enum Worked {
    /// There is none.
    Nothing,
    More,
    /// It is done: the configuration from now on, if it is another.
    Settled(Option<Box<Configuration>>),
}

struct FeedSource {
    signers: Signers,
    polled: Polled,
    floor: Floor,
    held: Option<Feed>,
    /// Which one that is.
    newest: Option<Newest>,
}

impl Renewal {
    pub(crate) fn new(
        bundle: Option<(Blueprint, Polled)>,
        feed: Option<(Signers, Polled)>,
    ) -> Self {
        let bundle = bundle.map(|(blueprint, polled)| {
            let floor = Floor::of(polled.source(), blueprint.lowest_revision);
            BundleSource { blueprint, polled, floor, underway: None }
        });
        let feed = feed.map(|(signers, polled)| {
            let floor = Floor::of(polled.source(), 0);
            FeedSource { signers, polled, floor, held: None, newest: None }
        });
        Self { bundle, feed }
    }

    /// Fetches to make in the background.
    pub(crate) fn due(&mut self, current: &Configuration, now: Timestamp) -> Vec<Fetch> {
        let idle = self.bundle.as_mut().filter(|bundle| bundle.underway.is_none());
        let bundle = idle.and_then(|bundle| {
            let behind = bundle.floor.is_above(held(current).as_ref());
            bundle.polled.due(now, behind)
        });
        let feed = self.feed.as_mut().and_then(|feed| {
            let behind = feed.floor.is_above(feed.newest.as_ref());
            feed.polled.due(now, behind)
        });
        bundle.into_iter().chain(feed).collect()
    }

    /// Whether a request may be decided with what is held.
    pub(crate) fn standing(
        &mut self,
        configuration: &Configuration,
        now: Timestamp,
    ) -> Result<(), Lacking> {
        if let Some(bundle) = &mut self.bundle
            && !bundle.polled.is_fresh(now)
        {
            let reason = match configuration.term {
                None => Reason::BundleUnavailable,
                Some(_) => Reason::BundleStale,
            };
            return Err(match bundle.underway {
                None => lacking(&mut bundle.polled, reason, now),
                // It is here already; a host that asks again gets no other.
                Some(_) => Lacking::Fetch(bundle.polled.asked()),
            });
        }
        if configuration.term.is_some_and(|term| now >= term.expires) {
            return Err(Lacking::Nothing(Reason::BundleExpired));
        }
        let Some(feed) = &mut self.feed else { return Ok(()) };
        let over = feed.held.as_ref().is_some_and(|held| now >= held.term.expires);
        if over || !feed.polled.is_fresh(now) {
            return Err(lacking(&mut feed.polled, Reason::RevocationsUnavailable, now));
        }
        Ok(())
    }

    /// What the feed says is revoked.
    pub(crate) fn revoked(&self) -> Option<&Revocations> {
        self.feed.as_ref()?.held.as_ref().map(|held| &*held.revocations)
    }

    /// The same, to be kept.
    pub(crate) fn feed(&self) -> Option<Rc<Revocations>> {
        self.feed.as_ref()?.held.as_ref().map(|held| Rc::clone(&held.revocations))
    }

    /// Takes in what came of a fetch. Of a bundle it is only the beginning: the rest is [`Self::work`].
    pub(crate) fn absorb(&mut self, fetch: &Fetch, reply: FetchReply, now: Timestamp) {
        match fetch.document() {
            Document::Bundle => {
                if let Some(bundle) = &mut self.bundle {
                    bundle.absorb(fetch, reply, now);
                }
            }
            Document::Revocations => {
                if let Some(feed) = &mut self.feed {
                    feed.absorb(fetch, reply, now);
                }
            }
            _ => {}
        }
    }

    /// Whether a bundle has come that is not settled yet.
    pub(crate) fn is_underway(&self) -> bool {
        self.bundle.as_ref().is_some_and(|bundle| bundle.underway.is_some())
    }

    /// Works on a bundle that has come, for a millisecond or two.
    pub(crate) fn work(&mut self, current: &Configuration, now: Timestamp) -> Worked {
        match &mut self.bundle {
            Some(bundle) => bundle.work(current, now),
            None => Worked::Nothing,
        }
    }

    /// Why the last answer was not taken.
    pub(crate) fn last_error(&self, fetch: &Fetch) -> Option<String> {
        let polled = match fetch.document() {
            Document::Bundle => &self.bundle.as_ref()?.polled,
            Document::Revocations => &self.feed.as_ref()?.polled,
            _ => return None,
        };
        let error = polled.error().filter(|_| polled.is_of(fetch))?;
        Some(format!("{}: {error}", fetch.document().name()))
    }

    /// Revision and age in seconds of what is held of either source, each by its name.
    pub(crate) fn gauges(
        &mut self,
        current: &Configuration,
        now: Timestamp,
    ) -> Vec<(&'static str, u64)> {
        let mut gauges = Vec::new();
        if let Some(bundle) = &mut self.bundle {
            let revision = held(current).map_or(0, |held| held.revision);
            gauges.push(("bundle.revision", revision));
            gauges.push(("bundle.age_seconds", bundle.polled.unconfirmed_ms(now) / 1000));
        }
        if let Some(feed) = &mut self.feed {
            let revision = feed.newest.as_ref().map_or(0, |newest| newest.revision);
            gauges.push(("revocations.revision", revision));
            gauges.push(("revocations.age_seconds", feed.polled.unconfirmed_ms(now) / 1000));
        }
        gauges
    }

    /// The names under which all workers keep what is the newest.
    pub(crate) fn names(&self) -> Vec<String> {
        let bundle = self.bundle.as_ref().map(|b| &b.floor);
        let feed = self.feed.as_ref().map(|f| &f.floor);
        bundle.into_iter().chain(feed).map(|floor| floor.name().to_owned()).collect()
    }

    /// Takes in what the store has under such a name.
    pub(crate) fn join(
        &mut self,
        current: &Configuration,
        name: &str,
        value: Option<&[u8]>,
    ) -> Joined {
        let bundle = self.bundle.as_mut().map(|b| (held(current), &mut b.floor, &mut b.polled));
        let feed = self.feed.as_mut().map(|f| (f.newest.clone(), &mut f.floor, &mut f.polled));
        let mut sources = bundle.into_iter().chain(feed);
        let Some((held, floor, polled)) = sources.find(|(_, floor, _)| floor.name() == name) else {
            return Joined::default();
        };
        let joined = floor.join(value);
        if floor.is_above(held.as_ref()) {
            polled.ask_in_full();
        }
        joined
    }
}

/// Which bundle is in force, if one is.
fn held(current: &Configuration) -> Option<Newest> {
    let digest = current.bundle.clone()?;
    Some(Newest { revision: current.policy.revision(), digest })
}

impl BundleSource {
    fn absorb(&mut self, fetch: &Fetch, reply: FetchReply, now: Timestamp) {
        if !self.polled.is_of(fetch) {
            return;
        }
        self.underway = None;
        let Some(fresh) = self.polled.answered(fetch, reply, now) else { return };
        let name = fresh.name.clone();
        match Underway::begin(fresh, &self.blueprint) {
            Ok(underway) => self.underway = Some(underway),
            Err(why) => self.polled.rejected(name, why, now),
        }
    }

    fn work(&mut self, current: &Configuration, now: Timestamp) -> Worked {
        let Some(mut underway) = self.underway.take() else { return Worked::Nothing };
        let judged = match underway.work(&self.blueprint, current) {
            Ok(Came::More) => {
                self.underway = Some(underway);
                return Worked::More;
            }
            Ok(Came::Same(digest)) => self.again(current, digest).map(|newest| (newest, None)),
            Ok(Came::Next(next, digest)) => {
                self.judge(current, &next, digest).map(|newest| (newest, Some(next)))
            }
            Err(why) => Err(why),
        };
        match judged {
            // By a clock that may be wrong, so it is looked at again.
            Ok((newest, Some(next))) if next.term.is_some_and(|term| now >= term.expires) => {
                self.polled.refused(expired(newest.revision));
                Worked::Settled(None)
            }
            Ok((newest, configuration)) => {
                self.polled.taken(underway.into_name(), now);
                self.floor.raise(newest);
                Worked::Settled(configuration)
            }
            Err(why) => {
                self.polled.rejected(underway.into_name(), why, now);
                Worked::Settled(None)
            }
        }
    }

    /// Whether the bundle that is in force may be so still.
    fn again(&self, current: &Configuration, digest: String) -> Result<Newest, String> {
        let newest = Newest { revision: current.policy.revision(), digest };
        self.floor.admits(&newest).map(|()| newest)
    }

    /// Whether this bundle may take the place of the one in force.
    fn judge(
        &self,
        current: &Configuration,
        next: &Configuration,
        digest: String,
    ) -> Result<Newest, String> {
        let newest = Newest { revision: next.policy.revision(), digest };
        self.floor.admits(&newest)?;
        if let Some(id) = current.registry.revived(&next.registry) {
            return Err(format!("{id} is retired; a retired id stays listed as retired"));
        }
        Ok(newest)
    }
}

impl FeedSource {
    fn absorb(&mut self, fetch: &Fetch, reply: FetchReply, now: Timestamp) {
        if !self.polled.is_of(fetch) {
            return;
        }
        let Some(fresh) = self.polled.answered(fetch, reply, now) else { return };
        match self.judge(&fresh) {
            // As of a bundle.
            Ok((newest, feed)) if now >= feed.term.expires => {
                self.polled.refused(expired(newest.revision));
            }
            Ok((newest, feed)) => {
                self.held = Some(feed);
                self.newest = Some(newest.clone());
                self.floor.raise(newest);
                self.polled.taken(fresh.name, now);
            }
            // It is short, and says what has to be known within seconds: it is asked for as if nothing had come.
            Err(why) => self.polled.refused(why),
        }
    }

    fn judge(&self, fresh: &Fresh) -> Result<(Newest, Feed), String> {
        let opened = bundle::open(&fresh.body, REVOCATIONS, &self.signers);
        let opened = opened.map_err(|e| e.to_string())?;
        let feed = config::read_feed(&opened).map_err(|problems| problems.to_string())?;
        let newest = Newest { revision: feed.revision, digest: opened.digest };
        self.floor.admits(&newest)?;
        Ok((newest, feed))
    }
}

fn expired(revision: u64) -> String {
    format!("revision {revision} has expired")
}

fn lacking(polled: &mut Polled, reason: Reason, now: Timestamp) -> Lacking {
    polled.wanted(now).map_or(Lacking::Nothing(reason), Lacking::Fetch)
}
