//! What happened within a minute, an hour and a day.
//!
//! A window is made of cells of a quarter of its width, each for itself. A sum takes in the cell that has
//! just begun and the four before it, so it holds everything of the window and at most what happened in the
//! quarter before: it may say too much and never too little. Not here: of whom.

use super::bytes::{Reader, put};
use crate::model::Timestamp;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counter {
    Calls,
    Denials,
    Bytes,
    Spend,
    /// Tools that were used and are no longer remembered one by one.
    Tools,
    /// Resources likewise.
    Resources,
}

/// Sums by window, then by counter.
pub(super) type Sums = [[u64; COUNTERS]; WINDOWS];

/// The cell, of each window, in which something was counted.
pub(crate) type Charged = [u64; WINDOWS];

/// Apart from what has it, as that is moved a lot and this is most of a kilobyte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally(Box<[Ring; WINDOWS]>);

/// The newest cell first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ring {
    /// Number of the newest cell, counted from 1970.
    at: u64,
    cells: [[u64; COUNTERS]; CELLS],
}

impl Tally {
    /// Lets time pass. Everything else supposes that this was done.
    pub(super) fn settle(&mut self, now: Timestamp) {
        for (ring, width) in self.0.iter_mut().zip(WIDTHS_MS) {
            ring.settle(now.unix_millis().checked_div(width / QUARTERS).unwrap_or_default());
        }
    }

    pub(super) fn add(&mut self, counter: Counter, n: u64) {
        self.add_within(counter, n, 0);
    }

    /// Adds to those windows only that reach back so many seconds.
    pub(super) fn add_within(&mut self, counter: Counter, n: u64, age_seconds: u64) {
        for (ring, width) in self.0.iter_mut().zip(WIDTHS_MS) {
            let [newest, ..] = &mut ring.cells;
            if age_seconds <= width / 1000 {
                change(newest, counter, |was| was.saturating_add(n));
            }
        }
    }

    /// Takes back what was counted in those cells; of what has moved on meanwhile, nothing.
    pub(super) fn take_back(&mut self, counter: Counter, n: u64, charged: Charged) {
        for (ring, cell) in self.0.iter_mut().zip(charged) {
            let back = ring.at.checked_sub(cell).and_then(|back| usize::try_from(back).ok());
            if let Some(cell) = back.and_then(|back| ring.cells.get_mut(back)) {
                change(cell, counter, |was| was.saturating_sub(n));
            }
        }
    }

    pub(super) fn charged(&self) -> Charged {
        self.0.each_ref().map(|ring| ring.at)
    }

    pub(super) fn sums(&self) -> Sums {
        self.0.each_ref().map(Ring::sum)
    }

    /// At least as much as the other, in every cell.
    pub(super) fn raise(&mut self, other: &Self) {
        for (ring, other) in self.0.iter_mut().zip(other.0.iter()) {
            let mut other = *other;
            let at = ring.at.max(other.at);
            ring.advance(at);
            other.advance(at);
            for (cell, more) in ring.cells.iter_mut().flatten().zip(other.cells.iter().flatten()) {
                *cell = (*cell).max(*more);
            }
        }
    }

    /// Only what is not zero.
    pub(super) fn encode(&self, to: &mut Vec<u8>) {
        for ring in self.0.iter() {
            let numbers = || ring.cells.iter().flatten();
            let mask = numbers().rev().fold(0_u64, |mask, n| mask << 1 | u64::from(*n > 0));
            put(to, mask);
            if mask > 0 {
                put(to, ring.at);
                numbers().filter(|n| **n > 0).for_each(|n| put(to, *n));
            }
        }
    }

    pub(super) fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let mut tally = Self::default();
        for ring in tally.0.iter_mut() {
            let mut mask = from.number()?;
            if mask == 0 {
                continue;
            }
            ring.at = from.number()?;
            for n in ring.cells.iter_mut().flatten() {
                if mask & 1 == 1 {
                    *n = from.number()?;
                }
                mask >>= 1;
            }
            if mask > 0 {
                return None;
            }
        }
        Some(tally)
    }
}

impl Ring {
    fn settle(&mut self, now: u64) {
        match self.at.checked_sub(now) {
            None => self.advance(now),
            // Another worker has read the clock a moment later.
            Some(0 | 1) => {}
            // The clock was set back. What is remembered counts as of now: it is neither lost nor kept
            // until the clock is there again (threats S4).
            Some(_) => {
                let sum = self.sum();
                *self = Self { at: now, ..Self::default() };
                let [newest, ..] = &mut self.cells;
                *newest = sum;
            }
        }
    }

    /// To a later cell.
    fn advance(&mut self, to: u64) {
        let steps = usize::try_from(to.saturating_sub(self.at)).unwrap_or(CELLS).min(CELLS);
        self.cells.rotate_right(steps);
        self.cells.iter_mut().take(steps).for_each(|cell| *cell = [0; COUNTERS]);
        self.at = self.at.max(to);
    }

    fn sum(&self) -> [u64; COUNTERS] {
        let mut sum = [0_u64; COUNTERS];
        for cell in &self.cells {
            for (sum, n) in sum.iter_mut().zip(cell) {
                *sum = sum.saturating_add(*n);
            }
        }
        sum
    }
}

fn change(cell: &mut [u64; COUNTERS], counter: Counter, how: impl Fn(u64) -> u64) {
    if let Some(n) = cell.get_mut(counter.place()) {
        *n = how(*n);
    }
}

impl Counter {
    pub(super) fn place(self) -> usize {
        match self {
            Self::Calls => 0,
            Self::Denials => 1,
            Self::Bytes => 2,
            Self::Spend => 3,
            Self::Tools => 4,
            Self::Resources => 5,
        }
    }
}

/// A minute, an hour, a day.
pub(super) const WIDTHS_MS: [u64; WINDOWS] = [60_000, 3_600_000, 86_400_000];
pub(super) const WINDOWS: usize = 3;
pub(super) const COUNTERS: usize = 6;
const QUARTERS: u64 = 4;
/// Four whole ones and the one that has begun.
const CELLS: usize = 5;
