//! What a directory has said, by agent: as much as the configuration allows, and no more.
//!
//! There are two generations, as of verified tokens (`credential::cache`): an agent that is asked for belongs
//! to the recent one; when that is full it becomes the older one, and what the older one still held, unused
//! for a whole generation, is dropped.

use super::Found;
use crate::model::PrincipalId;
use crate::trust::Elapsed;

/// Answers; those that were not used for long are dropped first.
pub(super) struct Kept {
    recent: Generation,
    older: Generation,
    /// Agents of one generation.
    most: usize,
}

/// In the order of their ids.
#[derive(Default)]
#[allow(clippy::vec_box, reason = "they are moved about in it, and larger than a pointer")]
struct Generation {
    slots: Vec<Box<Slot>>,
    bytes: usize,
}

/// What is known of one agent.
pub(super) struct Slot {
    id: PrincipalId,
    pub(super) answer: Option<Answer>,
    /// When that was said.
    pub(super) since: Elapsed,
    /// When somebody was asked last and there was no answer, or none that is any good.
    pub(super) failed: Option<Elapsed>,
    /// When a lookup was begun that nobody waits for and that has no answer yet.
    pub(super) begun: Option<Elapsed>,
}

/// What was said of it.
pub(super) enum Answer {
    /// There is no such agent.
    Nobody,
    Agent {
        /// As an element of `agents`.
        text: String,
        /// The same, as it was read.
        read: Found,
        /// Whether that was by the rules of what is in force.
        fits: bool,
    },
}

impl Slot {
    pub(super) fn of(id: PrincipalId, now: Elapsed) -> Box<Self> {
        Box::new(Self { id, answer: None, since: now, failed: None, begun: None })
    }

    fn bytes(&self) -> usize {
        match &self.answer {
            Some(Answer::Agent { text, .. }) => text.len(),
            _ => 0,
        }
    }
}

impl Kept {
    /// For that many agents in all.
    pub(super) fn of(most: usize) -> Self {
        Self { recent: Generation::default(), older: Generation::default(), most: most / 2 }
    }

    /// What is known of an agent that is asked for.
    pub(super) fn find(&mut self, id: &PrincipalId) -> Option<&mut Slot> {
        if self.recent.place(id).is_err() {
            let slot = self.older.take(id)?;
            self.put(slot);
        }
        let place = self.recent.place(id).ok()?;
        self.recent.slots.get_mut(place).map(|slot| &mut **slot)
    }

    /// The same, of one that nobody asks for.
    pub(super) fn look(&self, id: &PrincipalId) -> Option<&Slot> {
        [&self.recent, &self.older].into_iter().find_map(|generation| {
            let place = generation.place(id).ok()?;
            generation.slots.get(place).map(|slot| &**slot)
        })
    }

    /// Takes out what is known of an agent, to change it.
    pub(super) fn take(&mut self, id: &PrincipalId) -> Option<Box<Slot>> {
        self.recent.take(id).or_else(|| self.older.take(id))
    }

    /// Of an agent that nothing is kept of: it was taken out, if anything was.
    pub(super) fn put(&mut self, slot: Box<Slot>) {
        if !self.recent.has_room(slot.bytes(), self.most) {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.put(slot);
    }

    /// What is kept has to be read again.
    pub(super) fn outdate(&mut self) {
        for slot in self.recent.slots.iter_mut().chain(&mut self.older.slots) {
            if let Some(Answer::Agent { fits, .. }) = &mut slot.answer {
                *fits = false;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let all = [&self.recent, &self.older];
        for generation in all {
            let bytes = generation.slots.iter().map(|slot| slot.bytes());
            assert_eq!(generation.bytes, bytes.sum::<usize>());
            assert!(generation.slots.is_sorted_by(|one, other| one.id < other.id));
        }
        let count = all.iter().map(|generation| generation.slots.len());
        (count.sum(), all.iter().map(|generation| generation.bytes).sum())
    }
}

impl Generation {
    fn place(&self, id: &PrincipalId) -> Result<usize, usize> {
        self.slots.binary_search_by(|slot| slot.id.cmp(id))
    }

    fn take(&mut self, id: &PrincipalId) -> Option<Box<Slot>> {
        let slot = self.place(id).ok().map(|place| self.slots.remove(place))?;
        self.bytes = self.bytes.saturating_sub(slot.bytes());
        Some(slot)
    }

    fn has_room(&self, bytes: usize, most: usize) -> bool {
        let room = most.saturating_mul(MEAN_BYTES);
        self.slots.len() < most && self.bytes.saturating_add(bytes) <= room
    }

    fn put(&mut self, slot: Box<Slot>) {
        if let Err(place) = self.place(&slot.id) {
            self.bytes = self.bytes.saturating_add(slot.bytes());
            self.slots.insert(place, slot);
        }
    }
}

/// Of the text of one agent: more than most need. Read, it takes about as much again.
pub(super) const MEAN_BYTES: usize = 1024;
