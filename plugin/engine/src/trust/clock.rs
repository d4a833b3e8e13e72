//! Time that only moves forward, for ages and pauses.
//!
//! A host's clock can be set back. Were ages taken from it, keys would seem younger than they are,
//! or a pause would last until the clock has caught up. So only its forward steps are added up:
//! when it goes back, ages stay as they are and go on growing from there. When it jumps ahead,
//! keys seem older and are fetched again: the safe side. What a token says about time is compared
//! with the host's clock itself, not with this one.

use crate::model::Timestamp;

/// The sum of a clock's forward steps.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: Option<Timestamp>,
    elapsed: u64,
}

/// Milliseconds of a [`Clock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Elapsed(u64);

impl Clock {
    pub(crate) fn at(&mut self, now: Timestamp) -> Elapsed {
        let step = self.last.and_then(|last| now.since(last)).unwrap_or(0);
        self.elapsed = self.elapsed.saturating_add(step);
        self.last = Some(now);
        Elapsed(self.elapsed)
    }
}

impl Elapsed {
    /// So long before; not before the clock was first looked at.
    pub(crate) fn before(self, millis: u64) -> Self {
        Self(self.0.saturating_sub(millis))
    }

    pub(crate) fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_neither_stops_time_nor_takes_it_back() {
        let mut clock = Clock::default();
        let mut at = |millis| clock.at(Timestamp::from_unix_millis(millis));
        let start = at(1_000_000);
        assert_eq!(at(1_000_500).since(start), 500);
        assert_eq!(at(10).since(start), 500);
        assert_eq!(at(310).since(start), 800);
        assert_eq!(at(u64::MAX).since(start), 253_402_300_799_999 + 490);
    }
}
