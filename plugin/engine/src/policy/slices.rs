//! The policies that could apply to a request.
//!
//! What a request costs follows the policies that fit it, not those there are. They are kept as text, and what
//! fits is parsed when it is needed; what was parsed last is kept (`prepared`).

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use cedar_policy::{Entities, PolicySet};

use super::bits::{Bits, bits};
use super::evaluation::{Clause, Uids};
use super::reads::Reads;
use super::scope::Scopes;
use super::shape::{Cut, Rule, Shapes};
use crate::decision::Reason;

/// All policies.
#[derive(Default)]
pub(super) struct Slices {
    files: Vec<String>,
    /// By number: the file, and where in it.
    places: Vec<(u32, Range<u32>)>,
    scopes: Scopes,
    /// What any of them reads of the context.
    pub(super) reads: Reads,
    parsed: RefCell<Parsed>,
}

/// Those that were parsed last.
#[derive(Default)]
struct Parsed {
    shapes: Shapes,
    /// By number.
    clauses: Vec<Option<Rc<Clause>>>,
    /// In the order in which they were parsed, from `next` on and around: that is forgotten first.
    numbers: Vec<u32>,
    next: usize,
}

/// The policies whose scope holds for one principal, action and resource, in the order of their ids.
pub(super) type Slice = Rc<[Rc<Clause>]>;

impl Slices {
    /// Takes in a policy, and where in the next file that is given its text is. False: it is too far into it.
    pub(super) fn add(&mut self, rule: Rule, place: Range<usize>) -> bool {
        let number = u32::try_from(self.places.len());
        let file = u32::try_from(self.files.len());
        let (start, end) = (u32::try_from(place.start), u32::try_from(place.end));
        let (Ok(number), Ok(file), Ok(start), Ok(end)) = (number, file, start, end) else {
            return false;
        };
        self.places.push((file, start..end));
        let Rule { scope, clause } = rule;
        self.scopes.file(number, &scope);
        self.reads = self.reads.and(clause.reads);
        let parsed = self.parsed.get_mut();
        parsed.clauses.push(None);
        if parsed.numbers.len() < MOST {
            parsed.put(number, Rc::new(clause));
        }
        true
    }

    /// What was found of policies, by their shapes, and their scopes.
    pub(super) fn known(&mut self) -> (&mut Shapes, &mut Scopes) {
        (&mut self.parsed.get_mut().shapes, &mut self.scopes)
    }

    pub(super) fn into_bits(self) -> [Bits; 2] {
        [self.scopes.into_bits(), bits(self.parsed.into_inner().clauses)]
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
        let mut clause = |number: u32| {
            if let Some(Some(clause)) = parsed.clauses.get(usize::try_from(number).ok()?) {
                return Some(Rc::clone(clause));
            }
            let clause = Rc::new(self.parse(number, &parsed.shapes)?);
            parsed.put(number, Rc::clone(&clause));
            Some(clause)
        };
        let mut by_id = BTreeMap::new();
        for number in numbers {
            let clause = clause(number).ok_or(Reason::PolicyError)?;
            by_id.insert((clause.id.clone(), number), clause);
        }
        Ok(by_id.into_values().collect())
    }

    fn parse(&self, number: u32, shapes: &Shapes) -> Option<Clause> {
        let (file, place) = self.places.get(usize::try_from(number).ok()?)?;
        let text = self.files.get(usize::try_from(*file).ok()?)?;
        let range = usize::try_from(place.start).ok()?..usize::try_from(place.end).ok()?;
        let text = text.get(range)?;
        if let Some(cut) = Cut::of(text)
            && let Some(rule) = shapes.get(&cut)
        {
            return Some(rule.clause.renamed(cut.id));
        }
        // As a set, as when it was loaded: to parse one alone is another parser, of 130 KB.
        let alone: PolicySet = text.parse().ok()?;
        alone.policies().next().map(Clause::of)
    }
}

impl Parsed {
    fn put(&mut self, number: u32, clause: Rc<Clause>) {
        let mut set = |number: u32, clause| {
            let slot = usize::try_from(number).ok().and_then(|at| self.clauses.get_mut(at));
            if let Some(slot) = slot {
                *slot = clause;
            }
        };
        set(number, Some(clause));
        match self.numbers.get_mut(self.next).filter(|_| self.next < MOST) {
            Some(oldest) => set(std::mem::replace(oldest, number), None),
            None => self.numbers.push(number),
        }
        self.next = self.next.saturating_add(1);
        if self.next >= MOST {
            self.next = 0;
        }
    }
}

/// Policies of a company of usual size, all of them; some kilobytes each.
const MOST: usize = 4096;
