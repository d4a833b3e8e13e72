//! What a question needs, found once and kept: the policies that fit it and the entities they can reach. Most
//! requests of an agent ask what it asked before.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash};
use std::rc::Rc;

use cedar_policy::{Entities, EntityUid};

use super::bits::{Bits, bits};
use super::reach::{LookedUp, Reach};
use super::reads::Reads;
use super::slices::{Slice, Slices};
use crate::decision::Reason;

/// The policies that fit a question, and everything they can look at.
pub(super) struct Prepared {
    pub(super) agent: Fit,
    pub(super) delegator: Option<Fit>,
    pub(super) entities: Entities,
    /// What any of the policies reads of the context.
    pub(super) reads: Reads,
}

/// One who is asked about, and the policies whose scope holds for them.
pub(super) type Fit = (EntityUid, Slice);

/// Agent, delegator, action and resource; and of an agent that was looked up, the version.
pub(super) type Asked = (EntityUid, Option<EntityUid>, EntityUid, EntityUid, u64);

/// What was asked for last. When there is no more room, what has not been asked for lately is forgotten: the
/// older half.
pub(super) struct Kept<K, V> {
    newer: Map<K, V>,
    older: Map<K, V>,
    weight: usize,
    most: Most,
}

type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// How much is kept: in each half, that many, of that weight together.
#[derive(Clone, Copy)]
pub(super) struct Most {
    pub(super) count: usize,
    pub(super) weight: usize,
}

impl<K: Eq + Hash + Clone, V> Kept<K, Rc<V>> {
    pub(super) fn new(most: Most) -> Self {
        Self { newer: Map::default(), older: Map::default(), weight: 0, most }
    }

    pub(super) fn get(&mut self, key: &K, weight: impl FnOnce(&V) -> usize) -> Option<Rc<V>> {
        if let Some(value) = self.newer.get(key) {
            return Some(Rc::clone(value));
        }
        let (key, value) = self.older.remove_entry(key)?;
        let weight = weight(&value);
        self.put(key, &value, weight);
        Some(value)
    }

    pub(super) fn put(&mut self, key: K, value: &Rc<V>, weight: usize) {
        self.weight = self.weight.saturating_add(weight);
        let full = self.newer.len() >= self.most.count || self.weight > self.most.weight;
        if full {
            self.older = std::mem::take(&mut self.newer);
            self.weight = weight;
        }
        self.newer.insert(key, Rc::clone(value));
    }
}

impl<K: 'static, V: 'static> Kept<K, V> {
    pub(super) fn into_bits(self) -> [Bits; 2] {
        [bits(self.newer), bits(self.older)]
    }
}

impl Prepared {
    pub(super) fn of(
        (asked, also): (&Asked, Option<&LookedUp>),
        slices: &Slices,
        reach: &Reach,
    ) -> Result<Self, Reason> {
        let (agent, delegator, action, resource, _) = asked;
        let about = [Some(agent), delegator.as_ref(), Some(action), Some(resource)];
        let mut uids: Vec<EntityUid> = about.into_iter().flatten().cloned().collect();
        let count = uids.len();
        let mut entities = reach.around(uids.clone(), also)?;
        let fit = |who: &EntityUid| -> Result<Fit, Reason> {
            Ok((who.clone(), slices.find([who, action, resource], &entities)?))
        };
        let (agent, delegator) = (fit(agent)?, delegator.as_ref().map(fit).transpose()?);
        let mut reads = Reads::default();
        for (_, slice) in std::iter::once(&agent).chain(&delegator) {
            for clause in slice.iter() {
                uids.extend(clause.names.iter().cloned());
                reads = reads.and(clause.reads);
            }
        }
        if uids.len() > count {
            entities = reach.around(uids, also)?;
        }
        Ok(Self { agent, delegator, entities, reads })
    }

    /// The same, with one more who may be looked at.
    pub(super) fn reaching(
        &self,
        whom: &EntityUid,
        also: Option<&LookedUp>,
        reach: &Reach,
    ) -> Result<Self, Reason> {
        let mut uids: Vec<_> = self.entities.iter().map(|entity| entity.uid()).collect();
        uids.push(whom.clone());
        let (agent, delegator) = (self.agent.clone(), self.delegator.clone());
        Ok(Self { agent, delegator, entities: reach.around(uids, also)?, reads: self.reads })
    }

    /// In policies, a pointer each, and entities, which are larger.
    pub(super) fn weight(&self) -> usize {
        let delegator = self.delegator.as_ref().map_or(0, |(_, slice)| slice.len());
        let entities = self.entities.iter().count().saturating_mul(ENTITY_WEIGHT);
        self.agent.1.len().saturating_add(delegator).saturating_add(entities)
    }
}

/// Twice that is as many as there are tokens remembered in a generation (`credential::cache`), of one to two
/// kilobytes; fewer where many policies fit, or name many entities: two megabytes of pointers.
pub(super) const MOST: Most = Most { count: 512, weight: 524_288 };
/// A few hundred bytes, in pointers.
const ENTITY_WEIGHT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_what_is_asked_for_stays() {
        let mut kept: Kept<usize, Rc<usize>> = Kept::new(Most { count: 8, weight: 1000 });
        let one = Rc::new(0);
        for n in 0..100 {
            kept.put(n, &Rc::new(n), 1);
            if n == 0 {
                kept.put(0, &one, 1);
            }
            assert!(kept.get(&0, |_| 1).is_some_and(|found| Rc::ptr_eq(&found, &one)), "{n}");
            assert!(kept.newer.len() <= 8 && kept.older.len() <= 8);
        }
        assert!(kept.get(&1, |_| 1).is_none());
        kept.put(1000, &Rc::new(1000), 2000);
        assert_eq!(kept.newer.len(), 1);
    }
}
