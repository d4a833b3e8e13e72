//! Remembers verified tokens, so that a token sent a hundred times costs one signature check.
//!
//! Only tokens enter that passed every check. A hit is looked up by all bytes of the token (K10),
//! and what can change is checked again each time: the key still counts under the same id for the
//! same algorithm, the token's time has come and not passed, and it is meant for this request. A
//! token that fails any of that is forgotten and verified anew, so refusals have one source.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::terms::Terms;
use super::{Asking, Credential, Place};
use crate::model::IssuerId;
use crate::trust::{Algorithm, Learned};

/// Verified tokens, least recently used ones dropped first.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    tokens: BTreeMap<Rc<str>, Entry>,
    /// By time of last use.
    order: BTreeMap<u64, Rc<str>>,
    uses: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    remembered: Remembered,
    used: u64,
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
        let entry = self.tokens.get(token).filter(|entry| entry.remembered.place == place)?;
        if !entry.remembered.holds(asking) {
            self.remove(token);
            return None;
        }
        let credential = entry.remembered.credential.clone();
        self.touch(token);
        Some(credential)
    }

    pub(super) fn insert(&mut self, token: &str, remembered: Remembered) -> Credential {
        let credential = remembered.credential.clone();
        self.remove(token);
        let token: Rc<str> = token.into();
        let used = self.next_use();
        self.bytes = self.bytes.saturating_add(token.len());
        self.order.insert(used, Rc::clone(&token));
        self.tokens.insert(token, Entry { remembered, used });
        self.evict();
        credential
    }

    /// Forgets the tokens of keys that no longer count (JWKS-4).
    pub(crate) fn retain(&mut self, learned: &Learned) {
        let Some(keys) = &learned.keys else { return };
        let gone = |entry: &Entry| {
            let Remembered { source, key_thumbprint, .. } = &entry.remembered;
            *source == learned.issuer && !keys.contains(key_thumbprint)
        };
        let tokens = self.tokens.iter().filter(|(_, entry)| gone(entry));
        let tokens: Vec<_> = tokens.map(|(token, _)| Rc::clone(token)).collect();
        tokens.iter().for_each(|token| self.remove(token));
    }

    fn evict(&mut self) {
        while self.tokens.len() > MAX_TOKENS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.order.values().next().cloned() else {
                return;
            };
            self.remove(&oldest);
        }
    }

    fn touch(&mut self, token: &str) {
        let used = self.next_use();
        if let Some(entry) = self.tokens.get_mut(token) {
            let token = self.order.remove(&entry.used);
            self.order.extend(token.map(|token| (used, token)));
            entry.used = used;
        }
    }

    fn remove(&mut self, token: &str) {
        if let Some((token, entry)) = self.tokens.remove_entry(token) {
            self.order.remove(&entry.used);
            self.bytes = self.bytes.saturating_sub(token.len());
        }
    }

    fn next_use(&mut self) -> u64 {
        self.uses = self.uses.saturating_add(1);
        self.uses
    }
}

impl Remembered {
    fn holds(&self, asking: &mut Asking<'_>) -> bool {
        let Asking { trust, audiences, now, .. } = asking;
        let key = trust.key(&self.source, self.key_id.as_deref(), self.algorithm, *now);
        key.is_ok_and(|key| key.thumbprint() == self.key_thumbprint)
            && self.terms.hold(audiences, *now).is_ok()
    }
}

/// More agents than one gateway worker is expected to serve within a token's life.
pub(super) const MAX_TOKENS: usize = 1024;
/// Of tokens as text; what is kept of their claims takes about as much again.
pub(super) const MAX_BYTES: usize = 2 * 1024 * 1024;

#[cfg(test)]
impl TokenCache {
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.tokens.len(), self.order.len());
        assert_eq!(self.bytes, self.tokens.keys().map(|token| token.len()).sum::<usize>());
        self.tokens.len()
    }

    /// Any entry.
    pub(super) fn sample(&self) -> Remembered {
        self.tokens.values().next().unwrap().remembered.clone()
    }
}
