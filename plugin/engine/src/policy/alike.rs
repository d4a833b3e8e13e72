//! What was found out about one entry of a list, for those that are like it.
//!
//! The same policies fit most entries of a list, and few conditions look at which entry they are asked about:
//! then the answer about the first is the answer about all of them. It is remembered for one list, of one
//! caller, so that nothing else it depends on can change.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Situation;
use super::slices::Slice;
use crate::model::{Asked, ProtocolName};

/// The answers so far, about one caller as of one policy.
#[derive(Default)]
pub(crate) struct Alike(Vec<(Kind, bool)>);

/// What an answer depends on that is not the same for all entries.
pub(super) struct About<'a> {
    pub(super) agent: &'a Slice,
    pub(super) delegator: Option<&'a Slice>,
    pub(super) situation: &'a Situation<'a>,
    pub(super) asked: &'a Asked,
}

/// The same, kept.
struct Kind {
    agent: Slice,
    delegator: Option<Slice>,
    grants: BTreeSet<String>,
    details: BTreeSet<String>,
    protocol: ProtocolName,
    typed_input: bool,
}

impl Alike {
    /// The answer about another entry that is like this one.
    pub(super) fn answer(&self, about: &About<'_>) -> Option<bool> {
        self.0.iter().find(|(kind, _)| kind.is_of(about)).map(|(_, answer)| *answer)
    }

    /// Keeps an answer, if it can be that about another entry.
    pub(super) fn keep(&mut self, about: &About<'_>, answer: bool) {
        let mut clauses =
            about.agent.iter().chain(about.delegator.into_iter().flat_map(|d| d.iter()));
        if clauses.any(|clause| clause.reads_target) {
            return;
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.push((Kind::of(about), answer));
    }
}

impl Kind {
    fn of(about: &About<'_>) -> Self {
        Self {
            agent: Rc::clone(about.agent),
            delegator: about.delegator.map(Rc::clone),
            grants: about.situation.grants.clone(),
            details: about.situation.details.clone(),
            protocol: about.asked.protocol,
            typed_input: about.asked.typing.is_typed(),
        }
    }

    fn is_of(&self, about: &About<'_>) -> bool {
        let delegator = match (&self.delegator, about.delegator) {
            (None, None) => true,
            (Some(one), Some(other)) => are_the_same(one, other),
            _ => false,
        };
        delegator
            && are_the_same(&self.agent, about.agent)
            && self.typed_input == about.asked.typing.is_typed()
            && self.protocol == about.asked.protocol
            && self.grants == *about.situation.grants
            && self.details == *about.situation.details
    }
}

/// Whether two slices are of the same policies.
fn are_the_same(one: &Slice, other: &Slice) -> bool {
    one.len() == other.len()
        && one.iter().zip(other.iter()).all(|(one, other)| Rc::ptr_eq(one, other))
}

/// More kinds of entries than a list has that is worth remembering anything about.
const MOST: usize = 16;
