//! A JWK Set (RFC 7517 §5) of one issuer.
//!
//! A key that can't be used is passed over, so that issuers can add kinds we don't know (JWT-19). A
//! set with a secret in it is refused whole: whoever published it does not know what it is doing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use super::algorithm::{Algorithm, Algorithms};
use super::jwk::{Key, Unusable};
use crate::json::{self, Limits, Malformed, Object, Value};
use crate::model::sorted;

/// The usable keys of one issuer; at least one.
#[derive(Clone, Debug)]
pub(crate) struct KeySet {
    keys: Vec<Rc<Key>>,
    passed_over: Vec<PassedOver>,
}

/// A key of the set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PassedOver {
    /// Its place in `keys`, from 0.
    pub(crate) index: usize,
    pub(crate) why: Why,
}

/// Why it is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Unusable(Unusable),
    /// Another key of the set has its `kid`: either could be meant (JWT-18).
    DuplicateKeyId,
}

/// Why a whole set is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySetError {
    /// Not strict JSON, or longer than [`MAX_BYTES`].
    Json(Malformed),
    /// No member `keys` that is an array of objects.
    Form,
    /// More than [`MAX_KEYS`].
    TooMany,
    /// A key holds private members or is symmetric.
    Secret,
    /// No key can be used; an empty set has none either (K8).
    NoUsableKey(Vec<PassedOver>),
}

/// Why no key of the set fits a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoFit {
    /// No key has that `kid`; or there is none in the token, and not exactly one key fits.
    Unknown,
    /// The key of that `kid` is for another algorithm.
    Algorithm,
}

impl KeySet {
    /// Reads hostile bytes.
    pub(crate) fn parse(bytes: &[u8], allowed: &Algorithms) -> Result<Self, KeySetError> {
        let value = json::read(bytes, &LIMITS).map_err(KeySetError::Json)?;
        Self::read(&value, allowed)
    }

    /// Reads a set that is part of a document.
    pub(crate) fn read(value: &Value, allowed: &Algorithms) -> Result<Self, KeySetError> {
        let keys = value.as_object().and_then(|set| set.get("keys")?.as_array());
        let keys = keys.and_then(|keys| keys.iter().map(Value::as_object).collect());
        let keys: Vec<&Object> = keys.ok_or(KeySetError::Form)?;
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        if keys.iter().any(|jwk| holds_secret(jwk)) {
            return Err(KeySetError::Secret);
        }
        Self::of(&keys, allowed)
    }

    fn of(jwks: &[&Object], allowed: &Algorithms) -> Result<Self, KeySetError> {
        let doubled = doubled_key_ids(jwks);
        let (mut keys, mut passed_over) = (Vec::new(), Vec::new());
        for (index, jwk) in jwks.iter().enumerate() {
            match Key::read(jwk, allowed) {
                Ok(key) if key.id().is_some_and(|id| doubled.contains(id)) => {
                    passed_over.push(PassedOver { index, why: Why::DuplicateKeyId });
                }
                Ok(key) => keys.push(Rc::new(key)),
                Err(why) => passed_over.push(PassedOver { index, why: Why::Unusable(why) }),
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey(passed_over));
        }
        Ok(Self { keys, passed_over })
    }

    /// The one key for a token with that `kid` and algorithm. Never a trial of several (T12).
    pub(crate) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Rc<Key>, NoFit> {
        let fits = |key: &&Rc<Key>| key.algorithm() == algorithm;
        if id.is_some() {
            let key = self.keys.iter().find(|key| key.id() == id).ok_or(NoFit::Unknown)?;
            return Some(key).filter(fits).cloned().ok_or(NoFit::Algorithm);
        }
        let mut fitting = self.keys.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(Rc::clone(only)),
            _ => Err(NoFit::Unknown),
        }
    }

    /// Which keys are not used and why, the first few of them, for the operator.
    pub(crate) fn passed_over(&self) -> Vec<String> {
        self.passed_over.iter().take(MAX_REASONS).map(ToString::to_string).collect()
    }

    /// The key of that thumbprint (RFC 7638).
    pub(crate) fn of_thumbprint(&self, thumbprint: &str) -> Option<&Rc<Key>> {
        self.keys.iter().find(|key| key.thumbprint() == thumbprint)
    }

    pub(crate) fn thumbprints(&self) -> BTreeSet<String> {
        sorted::set(self.keys.iter().map(|key| key.thumbprint().to_owned()))
    }
}

/// RFC 7518 §6.2.2, §6.3.2, §6.4.1, and `priv` of the AKP keys to come: members that only their
/// owner may hold. `k` is a shared secret: whoever verifies with it could also sign.
pub(super) fn holds_secret(jwk: &Object) -> bool {
    const SECRET: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
    let symmetric = jwk.get("kty").and_then(Value::as_str) == Some("oct");
    symmetric || SECRET.iter().any(|name| jwk.get(name).is_some())
}

fn doubled_key_ids<'j>(jwks: &[&'j Object]) -> BTreeSet<&'j str> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for id in jwks.iter().filter_map(|jwk| jwk.get("kid")?.as_str()) {
        let times = count.entry(id).or_default();
        *times = times.saturating_add(1);
    }
    sorted::set(count.into_iter().filter(|(_, times)| *times > 1).map(|(id, _)| id))
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Unusable(why) => write!(f, "key {} is not used: {why}", self.index),
            Why::DuplicateKeyId => {
                write!(f, "key {} is not used: another has its `kid`", self.index)
            }
        }
    }
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(malformed) => write!(f, "the key set {}", malformed),
            Self::Form => f.write_str("the key set has no member `keys` that is a list of keys"),
            Self::TooMany => write!(f, "the key set has more than {MAX_KEYS} keys"),
            Self::Secret => f.write_str("the key set holds a private or symmetric key"),
            Self::NoUsableKey(passed_over) => {
                f.write_str("the key set has no usable key")?;
                let first = passed_over.iter().take(MAX_REASONS);
                first.into_iter().try_for_each(|reason| write!(f, "; {reason}"))
            }
        }
    }
}

/// JWKS-5.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// JWKS-5. Issuers publish two to five.
const MAX_KEYS: usize = 100;
/// A set is an object of an array of objects whose members are texts or arrays of texts.
const LIMITS: Limits = Limits { bytes: MAX_BYTES, depth: 8, items: 4_096 };
/// Enough to see what is wrong; a log line is not a report.
const MAX_REASONS: usize = 5;

#[cfg(test)]
mod tests;
