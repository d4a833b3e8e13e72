//! The policies that could apply to a request, as sets that Cedar evaluates.
//!
//! A set is made when it is first needed and kept, as most requests of an agent need one that
//! another needed before. What a request costs follows the policies that fit it, not those there
//! are.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::rc::Rc;

use cedar_policy::{Effect, Entities, EntityUid, Policy, PolicySet};

use super::APPROVAL;
use super::scope::Scopes;
use crate::decision::Reason;

/// All policies.
pub(super) struct Slices {
    /// In the order of their ids.
    policies: Vec<Policy>,
    scopes: Scopes,
    made: RefCell<Made>,
}

/// The policies that fit one request.
pub(super) struct Slice {
    pub(super) all: PolicySet,
    /// Without the forbids that an approval lifts, if there are such.
    lifted: Option<PolicySet>,
}

/// Sets by the numbers of their policies, and by what was asked.
#[derive(Default)]
struct Made {
    slices: BTreeMap<Vec<u32>, Rc<Slice>>,
    policies: usize,
    /// To look up the hierarchy for the same question again costs half as much as to answer it.
    asked: HashMap<Asked, Rc<Slice>, BuildHasherDefault<DefaultHasher>>,
}

/// Principal, action and resource.
type Asked = (EntityUid, EntityUid, EntityUid);

impl Slices {
    pub(super) fn of(policies: Vec<Policy>) -> Self {
        let scopes = Scopes::of(&policies);
        Self { policies, scopes, made: RefCell::default() }
    }

    /// The policies that fit this request.
    ///
    /// # Errors
    /// Never, as the ids of loaded policies differ; but if it could not be made, nobody may decide.
    pub(super) fn find(
        &self,
        principal: &EntityUid,
        action: &EntityUid,
        resource: &EntityUid,
        entities: &Entities,
    ) -> Result<Rc<Slice>, Reason> {
        let mut made = self.made.try_borrow_mut().map_err(|_| Reason::PolicyError)?;
        let asked = (principal.clone(), action.clone(), resource.clone());
        if let Some(slice) = made.asked.get(&asked) {
            return Ok(Rc::clone(slice));
        }
        let numbers = self.scopes.fitting(principal, action, resource, entities);
        let slice = match made.slices.get(&numbers) {
            Some(slice) => Rc::clone(slice),
            None => {
                let slice = Rc::new(self.make(&numbers).ok_or(Reason::PolicyError)?);
                made.keep(numbers, &slice);
                slice
            }
        };
        made.remember(asked, &slice);
        Ok(slice)
    }

    fn make(&self, numbers: &[u32]) -> Option<Slice> {
        let policy = |number: &u32| self.policies.get(usize::try_from(*number).ok()?);
        let policies: Vec<&Policy> = numbers.iter().map(policy).collect::<Option<_>>()?;
        let set = |lifted: bool| {
            let some = policies.iter().filter(|policy| !lifted || !is_approvable(policy));
            PolicySet::from_policies(some.map(|policy| (*policy).clone())).ok()
        };
        let lifted = policies.iter().any(|policy| is_approvable(policy));
        Some(Slice { all: set(false)?, lifted: if lifted { Some(set(true)?) } else { None } })
    }
}

impl Slice {
    /// What counts once every approval has been given.
    pub(super) fn if_approved(&self) -> &PolicySet {
        self.lifted.as_ref().unwrap_or(&self.all)
    }
}

impl Made {
    /// Forgets all others when there are too many: whoever is asked for next is made anew.
    fn keep(&mut self, numbers: Vec<u32>, slice: &Rc<Slice>) {
        self.policies = self.policies.saturating_add(numbers.len());
        if self.slices.len() >= MAX_SLICES || self.policies > MAX_POLICIES {
            self.policies = numbers.len();
            self.slices.clear();
            // They hold slices too.
            self.asked.clear();
        }
        self.slices.insert(numbers, Rc::clone(slice));
    }

    fn remember(&mut self, asked: Asked, slice: &Rc<Slice>) {
        if self.asked.len() >= MAX_ASKED {
            self.asked.clear();
        }
        self.asked.insert(asked, Rc::clone(slice));
    }
}

fn is_approvable(policy: &Policy) -> bool {
    policy.effect() == Effect::Forbid && policy.annotation(APPROVAL).is_some()
}

/// As many as there are tokens remembered (`credential::cache`): an agent that comes again finds
/// both.
const MAX_SLICES: usize = 1024;
/// Two for each of as many requests as there are tokens remembered, of about a quarter of a kilobyte.
const MAX_ASKED: usize = 2048;
/// In all sets together, about half a kilobyte each.
const MAX_POLICIES: usize = 16_384;
