//! The policies that could apply to a request.
//!
//! A slice is found once for a principal, an action and a resource, and kept: most requests of an
//! agent ask what it asked before. What a request costs follows the policies that fit it, not those
//! there are.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::rc::Rc;

use cedar_policy::{Entities, EntityUid, Policy};

use super::evaluation::{Clause, Uids};
use super::reads::Reads;
use super::scope::Scopes;
use crate::decision::Reason;

/// All policies.
pub(super) struct Slices {
    /// In the order of their ids.
    clauses: Vec<Rc<Clause>>,
    scopes: Scopes,
    /// What any of them reads of the context.
    pub(super) reads: Reads,
    found: RefCell<Found>,
}

/// The policies whose scope holds for one principal, action and resource.
pub(super) type Slice = Rc<[Rc<Clause>]>;

/// Slices by what was asked.
#[derive(Default)]
struct Found {
    slices: HashMap<[EntityUid; 3], Slice, BuildHasherDefault<DefaultHasher>>,
    policies: usize,
}

impl Slices {
    /// `policies`: in the order of their ids.
    pub(super) fn of(policies: &[Policy]) -> Self {
        let clauses: Vec<_> = policies.iter().map(|policy| Rc::new(Clause::of(policy))).collect();
        let reads = clauses.iter().fold(Reads::default(), |reads, clause| reads.and(clause.reads));
        Self { clauses, scopes: Scopes::of(policies), reads, found: RefCell::default() }
    }

    /// The policies that fit this request.
    ///
    /// # Errors
    /// Never, as every number of a scope is that of a policy; but if one were missing, nobody may
    /// decide.
    pub(super) fn find(&self, uids: Uids<'_>, entities: &Entities) -> Result<Slice, Reason> {
        let mut found = self.found.try_borrow_mut().map_err(|_| Reason::PolicyError)?;
        let asked = uids.map(Clone::clone);
        if let Some(slice) = found.slices.get(&asked) {
            return Ok(Rc::clone(slice));
        }
        let [principal, action, resource] = uids;
        let numbers = self.scopes.fitting(principal, action, resource, entities);
        let clause = |number| self.clauses.get(usize::try_from(number).ok()?).map(Rc::clone);
        let slice: Option<Slice> = numbers.into_iter().map(clause).collect();
        let slice = slice.ok_or(Reason::PolicyError)?;
        found.keep(asked, &slice);
        Ok(slice)
    }
}

impl Found {
    /// Forgets all others when there are too many: whoever is asked for next is found anew.
    fn keep(&mut self, asked: [EntityUid; 3], slice: &Slice) {
        self.policies = self.policies.saturating_add(slice.len());
        if self.slices.len() >= MAX_SLICES || self.policies > MAX_POLICIES {
            self.policies = slice.len();
            self.slices.clear();
        }
        self.slices.insert(asked, Rc::clone(slice));
    }
}

/// Two for each of as many requests as there are tokens remembered (`credential::cache`), of about a
/// quarter of a kilobyte.
const MAX_SLICES: usize = 2048;
/// In all slices together, a pointer each.
const MAX_POLICIES: usize = 262_144;
