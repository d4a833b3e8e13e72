//! Whose word counts: issuers, their keys, and whether a signature is theirs.
//!
//! Keys are looked up inside one issuer's set and nowhere else (JWKS-7, T17), come only from where
//! the configuration says (JWKS-1), and are never made up when they can't be had (K8). And what issuers say
//! of tokens after they have issued them (`statuses`). Not here: what a token says.

mod algorithm;
pub(crate) mod base64url;
mod clock;
mod discovered;
mod fetched;
mod fetched_keys;
mod issuer;
mod jwk;
mod key_set;
mod metadata;
mod refused;
mod roca;
mod status_list;
mod statuses;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub(crate) use algorithm::{Algorithm, Algorithms, KeyUse};
pub(crate) use issuer::{
    ActorIssuer, Anchor, BindingMethod, Discovery, Form, Host, Issuer, Keys, ScopeClaim,
    keys_endpoint,
};
pub(crate) use jwk::{Key, MAX_KEY_ID_BYTES};
pub(crate) use key_set::{KeySet, KeySetError};
pub(crate) use verify::{ByHost, Piecemeal, PureRust, SignatureVerifier};
pub use verify::{HostAlgorithm, HostCheck, HostFitness, HostVerifier};

pub(crate) use clock::{Clock, Elapsed};
use discovered::DiscoveredKeys;
use fetched_keys::FetchedKeys;
use key_set::NoFit;
use statuses::Statuses;
pub(crate) use statuses::{NoStatus, StatusReference, StatusSource, StatusUris};

use crate::fetch::{Document, Fetch, FetchReply};
use crate::model::sorted;
use crate::model::{IssuerId, Timestamp};

/// The issuers of a configuration and what is known of their keys.
#[derive(Debug)]
pub(crate) struct Trust {
    sources: BTreeMap<IssuerId, Source>,
    verifier: Box<dyn SignatureVerifier>,
    clock: Clock,
    /// What issuers say of the tokens they have issued.
    statuses: Statuses,
    /// What has been said of the keys that are not used, by issuer.
    told: BTreeMap<IssuerId, Vec<String>>,
}

#[derive(Debug)]
struct Source {
    /// None of keys that sign no access tokens.
    issuer: Option<Rc<Issuer>>,
    keys: Held,
}

#[derive(Debug)]
enum Held {
    Inline(KeySet),
    Fetched(Box<FetchedKeys>),
    Discovered(Box<DiscoveredKeys>),
}

/// Why there is no key to verify with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// This fetch may bring it.
    Fetch(Fetch),
    /// There are no keys, or only too old ones, and it was tried a moment ago.
    Unavailable,
    /// No key has that id; or the token has none and not exactly one key fits.
    Unknown,
    /// The key of that id is for another algorithm.
    Algorithm,
}

/// Why a signature is not an issuer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotSigned {
    NoKey(NoKey),
    Signature,
}

/// What an answer changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) issuer: IssuerId,
    /// Thumbprints of the keys that count from now on, if they were replaced.
    pub(crate) keys: Option<BTreeSet<String>>,
    /// Which keys of a new set are not used and why; told once, until it changes.
    pub(crate) passed_over: Vec<String>,
}

/// What to verify: the parts of a JWS that lead to a key, and those that it signs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) key_id: Option<&'a str>,
    pub(crate) algorithm: Algorithm,
    pub(crate) message: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl Trust {
    /// Issuers with different ids; the configuration has checked that.
    pub(crate) fn new(issuers: Vec<Issuer>) -> Self {
        Self::with_verifier(issuers, Box::new(PureRust))
    }

    pub(crate) fn with_verifier(
        issuers: Vec<Issuer>,
        verifier: Box<dyn SignatureVerifier>,
    ) -> Self {
        let source = |issuer: Issuer| (issuer.id.clone(), Source::of_issuer(issuer));
        let sources = sorted::map(issuers.into_iter().map(source));
        let (clock, statuses, told) = (Clock::default(), Statuses::default(), BTreeMap::new());
        Self { sources, verifier, clock, statuses, told }
    }

    /// Adds keys of other credentials; their ids are nobody else's.
    pub(crate) fn with_anchors(mut self, anchors: Vec<Anchor>) -> Self {
        for anchor in anchors {
            let source = Source { issuer: None, keys: Held::new(&anchor) };
            self.sources.insert(anchor.id, source);
        }
        self
    }

    /// Lets a host verify, as far as it knows the known answers. What came of that.
    pub(crate) fn verify_by(
        &mut self,
        host: Box<dyn HostVerifier>,
    ) -> Vec<(HostAlgorithm, HostFitness)> {
        let by_host = ByHost::probe(host);
        let fitness = by_host.fitness().to_vec();
        self.verifier = Box::new(by_host);
        fitness
    }

    /// The issuer of access tokens of exactly that name (JWT-23).
    pub(crate) fn issuer(&self, iss: &str) -> Option<Rc<Issuer>> {
        self.issuer_of(&IssuerId::parse(iss).ok()?)
    }

    /// The same, of a name that was read before.
    pub(crate) fn issuer_of(&self, id: &IssuerId) -> Option<Rc<Issuer>> {
        self.sources.get(id)?.issuer.clone()
    }

    /// Whether a key that needs no looking up made the signature.
    pub(crate) fn holds(&self, key: &Key, message: &[u8], signature: &[u8]) -> bool {
        verify::holds(&*self.verifier, key, message, signature)
    }

    /// The key that a token of this issuer with that `kid` and algorithm must be signed with.
    pub(crate) fn key(
        &mut self,
        issuer: &IssuerId,
        key_id: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Rc<Key>, NoKey> {
        let now = self.clock.at(now);
        let source = self.sources.get_mut(issuer).ok_or(NoKey::Unknown)?;
        source.key(key_id, algorithm, now)
    }

    /// The key that made the signature.
    ///
    /// A wrong signature may be a key that was replaced under its old name: it is worth one fetch,
    /// no more often than an unknown key is (JWKS-6). Only one request waits for it: a thousand forged
    /// ones would otherwise all be verified a second time when it comes back.
    pub(crate) fn verify(
        &mut self,
        issuer: &IssuerId,
        signed: Signed<'_>,
        now: Timestamp,
    ) -> Result<Rc<Key>, NotSigned> {
        let key = self.key(issuer, signed.key_id, signed.algorithm, now);
        let key = key.map_err(NotSigned::NoKey)?;
        if verify::holds(&*self.verifier, &key, signed.message, signed.signature) {
            return Ok(key);
        }
        let now = self.clock.at(now);
        let fetch = self.sources.get_mut(issuer).and_then(|source| source.ask_anew(now));
        Err(fetch.map_or(NotSigned::Signature, |f| NotSigned::NoKey(NoKey::Fetch(f))))
    }

    /// That instant, for [`Trust::asked_since`].
    pub(crate) fn at(&mut self, now: Timestamp) -> Elapsed {
        self.clock.at(now)
    }

    /// Whether the keys that are held were asked for at that time or later: what has no key among them never
    /// had one then. Keys of the configuration are all there are.
    pub(crate) fn asked_since(&self, issuer: &IssuerId, since: Elapsed) -> bool {
        self.sources.get(issuer).is_none_or(|source| match &source.keys {
            Held::Inline(_) => true,
            Held::Fetched(keys) => keys.asked_since(since),
            Held::Discovered(keys) => keys.asked_since(since),
        })
    }

    /// Takes in what came of a fetch of this issuer's. An answer that is no good changes nothing.
    pub(crate) fn learn(
        &mut self,
        issuer: &IssuerId,
        fetch: &Fetch,
        reply: FetchReply,
        now: Timestamp,
    ) -> Learned {
        let now = self.clock.at(now);
        let source = self.sources.get_mut(issuer);
        let set = source.and_then(|source| source.learn(fetch, reply, now));
        let keys = set.map(KeySet::thumbprints);
        let passed_over = set.map(KeySet::passed_over).unwrap_or_default();
        keys.iter().for_each(|keys| self.statuses.retain(issuer, keys, now));
        let told = keys.is_none() || self.told.get(issuer) == Some(&passed_over);
        let passed_over = if told { Vec::new() } else { passed_over };
        if !told {
            self.told.insert(issuer.clone(), passed_over.clone());
        }
        Learned { issuer: issuer.clone(), keys, passed_over }
    }

    /// Which keys of the configuration are not used and why.
    pub(crate) fn passed_over(&self) -> impl Iterator<Item = String> {
        self.sources.iter().flat_map(|(issuer, source)| {
            let inline = match &source.keys {
                Held::Inline(set) => set.passed_over(),
                Held::Fetched(_) | Held::Discovered(_) => Vec::new(),
            };
            inline.into_iter().map(move |why| format!("keys of {}: {why}", issuer.as_str()))
        })
    }

    /// The fetches to make without a request: at the start, and when keys grow old.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<Fetch> {
        let now = self.clock.at(now);
        let mut due: Vec<_> =
            self.sources.values_mut().flat_map(|source| source.due(now)).collect();
        due.extend(self.statuses.due(now));
        due
    }

    /// Why the last answer to that fetch of this issuer's was not taken, for a log line.
    pub(crate) fn last_error(&self, issuer: &IssuerId, fetch: &Fetch) -> Option<String> {
        let error = match (fetch.document(), &self.sources.get(issuer)?.keys) {
            (Document::StatusList { .. }, _) => self.statuses.error(fetch),
            (_, Held::Fetched(keys)) => keys.error(fetch),
            (_, Held::Discovered(keys)) => keys.error(fetch),
            (_, Held::Inline(_)) => None,
        };
        Some(format!("{}: {}", fetch.document().name(), error?))
    }
}

impl Source {
    fn of_issuer(issuer: Issuer) -> Self {
        let Issuer { id, algorithms, keys, .. } = issuer.clone();
        Self { issuer: Some(Rc::new(issuer)), keys: Held::new(&Anchor { id, algorithms, keys }) }
    }

    fn key(&mut self, id: Option<&str>, alg: Algorithm, now: Elapsed) -> Result<Rc<Key>, NoKey> {
        match &mut self.keys {
            Held::Inline(set) => set.find(id, alg).map_err(NoKey::from),
            Held::Fetched(keys) => keys.key(id, alg, now),
            Held::Discovered(keys) => keys.key(id, alg, now),
        }
    }

    fn ask_anew(&mut self, now: Elapsed) -> Option<Fetch> {
        match &mut self.keys {
            Held::Inline(_) => None,
            Held::Fetched(keys) => keys.ask_anew(now),
            Held::Discovered(keys) => keys.ask_anew(now),
        }
    }

    fn due(&mut self, now: Elapsed) -> Vec<Fetch> {
        match &mut self.keys {
            Held::Inline(_) => Vec::new(),
            Held::Fetched(keys) => keys.due(now).into_iter().collect(),
            Held::Discovered(keys) => keys.due(now).collect(),
        }
    }

    fn learn(&mut self, fetch: &Fetch, reply: FetchReply, now: Elapsed) -> Option<&KeySet> {
        match &mut self.keys {
            Held::Inline(_) => None,
            Held::Fetched(keys) => keys.learn(fetch, reply, now),
            Held::Discovered(keys) => keys.learn(fetch, reply, now),
        }
    }
}

impl Held {
    fn new(anchor: &Anchor) -> Self {
        match &anchor.keys {
            Keys::Inline(set) => Self::Inline(set.clone()),
            Keys::Fetch(endpoint) => {
                let fetch = Fetch::new(Document::Keys(anchor.id.clone()), endpoint.clone());
                Self::Fetched(Box::new(FetchedKeys::new(fetch, anchor.algorithms.clone())))
            }
            Keys::Discover(discovery) => {
                let (id, algorithms) = (anchor.id.clone(), anchor.algorithms.clone());
                let keys = DiscoveredKeys::new(id, algorithms, discovery.clone());
                Self::Discovered(Box::new(keys))
            }
        }
    }
}

impl From<NoFit> for NoKey {
    fn from(no_fit: NoFit) -> Self {
        match no_fit {
            NoFit::Unknown => Self::Unknown,
            NoFit::Algorithm => Self::Algorithm,
        }
    }
}
