//! The policies that could apply to a request.
//!
//! What a request costs follows the policies that fit it, not those there are. They are kept as text, and what
//! fits is parsed when it is needed; what was parsed last is kept (`prepared`).

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use cedar_policy::{Entities, Policy, PolicySet};

use super::evaluation::{Clause, Uids};
use super::prepared::{Kept, Most};
use super::reads::Reads;
use super::scope::Scopes;
use crate::decision::Reason;

/// All policies.
pub(super) struct Slices {
    files: Vec<String>,
    /// By number: the file, and where in it.
    places: Vec<(u32, Range<u32>)>,
    scopes: Scopes,
    /// What any of them reads of the context.
    pub(super) reads: Reads,
    parsed: RefCell<Kept<u32, Rc<Clause>>>,
}

/// The policies whose scope holds for one principal, action and resource, in the order of their ids.
pub(super) type Slice = Rc<[Rc<Clause>]>;

impl Default for Slices {
    fn default() -> Self {
        let (files, places) = (Vec::new(), Vec::new());
        let parsed = RefCell::new(Kept::new(MOST));
        Self { files, places, scopes: Scopes::default(), reads: Reads::default(), parsed }
    }
}

impl Slices {
    /// Takes in a policy, and where in the next file that is given its text is. False: it is too far into it.
    pub(super) fn add(&mut self, policy: &Policy, place: Range<usize>) -> bool {
        let number = u32::try_from(self.places.len());
        let file = u32::try_from(self.files.len());
        let (start, end) = (u32::try_from(place.start), u32::try_from(place.end));
        let (Ok(number), Ok(file), Ok(start), Ok(end)) = (number, file, start, end) else {
            return false;
        };
        self.places.push((file, start..end));
        self.scopes.file(number, policy);
        let clause = Clause::of(policy);
        self.reads = self.reads.and(clause.reads);
        let parsed = self.parsed.get_mut();
        if parsed.has_room() {
            parsed.put(number, &Rc::new(clause), 1);
        }
        true
    }

    /// The text of the policies since the last.
    pub(super) fn add_file(&mut self, text: String) {
        self.files.push(text);
    }

    /// The policies that fit this request.
    ///
    /// # Errors
    /// Never, as every number of a scope is that of a policy, and each of them has been parsed before; but if
    /// one were missing, nobody may decide.
    pub(super) fn find(&self, uids: Uids<'_>, entities: &Entities) -> Result<Slice, Reason> {
        let [principal, action, resource] = uids;
        let numbers = self.scopes.fitting(principal, action, resource, entities);
        let mut parsed = self.parsed.try_borrow_mut().map_err(|_| Reason::PolicyError)?;
        let clause = |number: u32| {
            if let Some(clause) = parsed.get(&number, |_| 1) {
                return Some(clause);
            }
            let clause = Rc::new(self.parse(number)?);
            parsed.put(number, &clause, 1);
            Some(clause)
        };
        let clauses: Option<Vec<_>> = numbers.into_iter().map(clause).collect();
        let mut clauses = clauses.ok_or(Reason::PolicyError)?;
        clauses.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(clauses.into())
    }

    fn parse(&self, number: u32) -> Option<Clause> {
        let (file, place) = self.places.get(usize::try_from(number).ok()?)?;
        let text = self.files.get(usize::try_from(*file).ok()?)?;
        let range = usize::try_from(place.start).ok()?..usize::try_from(place.end).ok()?;
        // As a set, as when it was loaded: to parse one alone is another parser, of 130 KB.
        let alone: PolicySet = text.get(range)?.parse().ok()?;
        alone.policies().next().map(Clause::of)
    }
}

/// Policies of a company of usual size, all of them. An estimate, so that to forget half of them takes a few
/// milliseconds.
const MOST: Most = Most { count: 4096, weight: 4096 };
