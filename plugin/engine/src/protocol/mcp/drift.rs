//! Whether a server has shown another definition of a tool than the one that is pinned.
//!
//! It may change its mind, and workers may see it do so in any order. So what is kept is how often it
//! changed: the higher number is the later state. Not here: how workers tell each other (`engine`).

use std::cell::Cell;
use std::rc::Rc;

/// Shared by all who look at the tool.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drift(Rc<Cell<u32>>);

impl Drift {
    pub(crate) fn get(&self) -> bool {
        self.0.get() & 1 == 1
    }

    pub(crate) fn set(&self, drifted: bool) {
        // Whoever makes a server change its mind that often is left with a tool that has drifted.
        if self.get() != drifted && self.0.get() < MOST_CHANGES {
            self.0.set(self.0.get().saturating_add(1));
        }
    }

    /// How often it changed: an odd number has drifted.
    pub(crate) fn changes(&self) -> u32 {
        self.0.get()
    }

    /// What somebody else has seen, if that is later.
    pub(crate) fn raise(&self, changes: u32) {
        self.0.set(self.0.get().max(changes.min(MOST_CHANGES)));
    }
}

/// Odd. Once a second for half a year.
const MOST_CHANGES: u32 = (1 << 24) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_state_is_the_one_that_changed_more_often() {
        let (one, other) = (Drift::default(), Drift::default());
        let join = |to: &Drift, from: &Drift| to.raise(from.changes());
        one.set(true);
        one.set(true);
        join(&other, &one);
        assert!(other.get());
        other.set(false);
        join(&other, &one);
        join(&one, &other);
        assert!(!one.get() && !other.get());
        for _ in 0..3 {
            one.set(true);
            other.set(true);
            join(&one, &other);
            assert!(one.get());
        }
    }

    #[test]
    fn a_tool_that_has_changed_without_end_stays_drifted() {
        let drift = Drift::default();
        drift.raise(u32::MAX);
        for drifted in [true, false, true] {
            drift.set(drifted);
            assert!(drift.get());
        }
    }
}
