//! Remembers verified tokens, so that a token sent a hundred times costs one signature check.
//!
//! Only tokens enter that passed every check. A hit is all bytes of the token (K10), and what can
//! change is checked again each time: the key still counts under the same id for the same algorithm,
//! the token's time has come and not passed, and it is meant for this request. A token that fails any
//! of that is forgotten and verified anew, so refusals have one source.
//!
//! There are two generations. A token that is used belongs to the recent one; when that is full it
//! becomes the older one, and what the older one still held, unused for a whole generation, is dropped.
//! So a hit among the recent writes nothing, and nothing has to be kept in order.

use std::collections::BTreeMap;

use super::terms::Terms;
use super::{Asking, Credential, Place};
use crate::model::IssuerId;
use crate::trust::{Algorithm, Learned};

/// Verified tokens; those that were not used for long are dropped first.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    recent: Generation,
    older: Generation,
}

/// By the ends of the tokens: they begin alike, and end in their signatures.
#[derive(Debug, Default)]
struct Generation {
    tokens: BTreeMap<u64, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    token: Box<str>,
    remembered: Remembered,
}

/// A verified token, and what is needed to see that it still is.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub(super) credential: Credential,
    /// Where it was found; elsewhere it is something else.
    pub(super) place: Place,
    pub(super) terms: Terms,
    /// Whose key signed it, and which.
    pub(super) source: IssuerId,
    pub(super) key_thumbprint: String,
    pub(super) key_id: Option<String>,
    pub(super) algorithm: Algorithm,
}

impl TokenCache {
    /// The token's proof, if it was verified before and still holds.
    pub(super) fn find(
        &mut self,
        token: &str,
        place: Place,
        asking: &mut Asking<'_>,
    ) -> Option<Credential> {
        if let Some(entry) = self.recent.find(token, place) {
            if entry.remembered.holds(asking) {
                return Some(entry.remembered.credential.clone());
            }
            self.recent.remove(token);
            return None;
        }
        self.older.find(token, place)?;
        let entry = self.older.remove(token)?;
        let credential =
            entry.remembered.holds(asking).then(|| entry.remembered.credential.clone());
        if credential.is_some() {
            self.keep(entry);
        }
        credential
    }

    pub(super) fn insert(&mut self, token: &str, remembered: Remembered) -> Credential {
        let credential = remembered.credential.clone();
        self.older.remove(token);
        self.recent.remove(token);
        self.keep(Entry { token: token.into(), remembered });
        credential
    }

    /// Forgets the tokens of keys that no longer count (JWKS-4).
    pub(crate) fn retain(&mut self, learned: &Learned) {
        let Some(keys) = &learned.keys else { return };
        for generation in [&mut self.recent, &mut self.older] {
            generation.tokens.retain(|_, entry| {
                let Remembered { source, key_thumbprint, .. } = &entry.remembered;
                *source != learned.issuer || keys.contains(key_thumbprint)
            });
            generation.bytes = generation.tokens.values().map(|entry| entry.token.len()).sum();
        }
    }

    fn keep(&mut self, entry: Entry) {
        if !self.recent.has_room(entry.token.len()) {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(entry);
    }
}

impl Generation {
    fn find(&self, token: &str, place: Place) -> Option<&Entry> {
        let entry = self.tokens.get(&end(token))?;
        let is = entry.remembered.place == place && equal(entry.token.as_bytes(), token.as_bytes());
        is.then_some(entry)
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.tokens.len() < GENERATION_TOKENS
            && self.bytes.saturating_add(bytes) <= GENERATION_BYTES
    }

    /// Takes the place of a token that ends alike, if there is one.
    fn insert(&mut self, entry: Entry) {
        let (end, bytes) = (end(&entry.token), entry.token.len());
        let before = self.tokens.insert(end, entry).map_or(0, |before| before.token.len());
        self.bytes = self.bytes.saturating_add(bytes).saturating_sub(before);
    }

    /// Removes what ends like that.
    fn remove(&mut self, token: &str) -> Option<Entry> {
        let entry = self.tokens.remove(&end(token))?;
        self.bytes = self.bytes.saturating_sub(entry.token.len());
        Some(entry)
    }
}

/// The last bytes of a token, as a number.
fn end(token: &str) -> u64 {
    token.bytes().rev().take(8).fold(0, |end, byte| end << 8 | u64::from(byte))
}

impl Remembered {
    fn holds(&self, asking: &mut Asking<'_>) -> bool {
        let Asking { trust, audiences, now, .. } = asking;
        let key = trust.key(&self.source, self.key_id.as_deref(), self.algorithm, *now);
        key.is_ok_and(|key| key.thumbprint() == self.key_thumbprint)
            && self.terms.hold(audiences, *now).is_ok()
    }
}

/// Byte for byte, eight at a time: WebAssembly's own comparison takes them one by one, and this is the
/// longest one of every request. Not for secrets that a guess could be compared with: it ends early, but
/// whoever asks with all but one byte of a signature right has forged the rest.
fn equal(one: &[u8], other: &[u8]) -> bool {
    let ((ones, one_end), (others, other_end)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let same = |(a, b): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b);
    one.len() == other.len() && one_end == other_end && ones.iter().zip(others).all(same)
}

/// Of one generation: more agents than one gateway worker is expected to serve within a token's life.
pub(super) const GENERATION_TOKENS: usize = 1024;
/// Likewise, of tokens as text; what is kept of their claims takes about as much again.
pub(super) const GENERATION_BYTES: usize = 1024 * 1024;

#[cfg(test)]
impl TokenCache {
    pub(super) fn len(&self) -> usize {
        for generation in [&self.recent, &self.older] {
            let bytes = generation.tokens.values().map(|entry| entry.token.len());
            assert_eq!(generation.bytes, bytes.sum::<usize>());
        }
        self.recent.tokens.len().saturating_add(self.older.tokens.len())
    }

    /// Any entry.
    pub(super) fn sample(&self) -> Remembered {
        self.recent.tokens.values().next().unwrap().remembered.clone()
    }
}
