//! What a host keeps for all its workers: whether something was used before, and what all of them know.
//!
//! Pure: a question, the bytes a host has, and the time, give an answer and the bytes to keep in
//! their place. The host only reads and writes, and writes only if nobody else did meanwhile. Its
//! store may be one that never forgets a name (proxy-wasm shared data), so names are few and fixed.
//! Another kind of state is one more variant of [`Recall`]. Not here: the conversation (`step`).

mod changes;
mod cutoffs;
mod holder;
mod newest;
mod slot;
#[cfg(test)]
mod tests;

use std::rc::Rc;

use sha2::{Digest, Sha256};

pub(crate) use changes::Changes;
pub(crate) use cutoffs::{Cutoff, Cutoffs};
pub(crate) use holder::Holder;
pub(crate) use newest::Newest;
pub(crate) use slot::Digest16;

use newest::Foreign;
use slot::{Admitted, Slot};

use crate::behavior::{Count, Counted, Noted};
use crate::model::Timestamp;

/// A question to the state that a host keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recall {
    /// Was this used before? From now on it was.
    Once(Once),
    /// Who presents this? From now on it is theirs.
    Held(Holder),
    /// How often, and how much? From now on once more.
    Counted(Box<Count>),
}

/// Something that may be used once: a proof's `jti`, an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Once {
    digest: Digest16,
    slot: u16,
    /// Whose share of the room it takes.
    user: u16,
    /// From here on it is refused for its age anyway.
    until: Timestamp,
}

/// The answer.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq, Eq))]
pub(crate) enum Recalled {
    /// It was not used, or presented, before, and is from now on.
    First,
    /// It was, or may have been before the clock was set back.
    Again,
    /// Nobody has it but whoever presents it.
    Own,
    /// Somebody else has it.
    Others,
    /// There is no room to remember it.
    Full,
    /// Whoever uses it has used up its own share of the room.
    ShareFull,
    /// What there is, with the request itself.
    Counted(Rc<Counted>),
    /// A refusal is counted; whether somebody is to be told.
    Noted { signal: bool },
}

/// An answer, and what is to be kept for the next one.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) answer: Recalled,
    /// Instead of what the host has. The answer counts only once it is kept.
    pub(crate) keep: Option<Vec<u8>>,
    /// What the host had was not ours.
    pub(crate) foreign: bool,
}

/// What becomes of a value that the engines of all workers keep together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// What to write in its place: only if it is still what was read, or still not there.
    pub write: Option<Vec<u8>>,
    /// What was there was not written by Deputy, or is damaged. Nothing was learned from it: what
    /// other workers knew and this one does not is lost, and somebody should know.
    pub foreign: bool,
}

impl Recall {
    /// The name under which the host keeps it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Once(once) => format!("deputy/once/{:03x}", once.slot),
            Self::Held(holder) => holder.name(),
            Self::Counted(count) => count.name(),
        }
    }

    /// The answer, from what the host has under that name.
    pub(crate) fn judge(&self, held: Option<&[u8]>, now: Timestamp) -> Judged {
        match self {
            Self::Once(once) => once.judge(held, now),
            Self::Held(holder) => holder.judge(held, now),
            Self::Counted(count) => Judged::of(count.note(held, now)),
        }
    }
}

impl Judged {
    fn of(noted: Noted) -> Self {
        let answer = match noted.counted {
            Some(counted) => Recalled::Counted(Rc::new(counted)),
            None => Recalled::Noted { signal: noted.signal },
        };
        Self { answer, keep: Some(noted.keep), foreign: noted.foreign }
    }
}

impl Once {
    /// `what` is the kind of thing, `parts` name one of its kind.
    pub(crate) fn new(what: &str, parts: &[&[u8]], until: Timestamp) -> Self {
        let [a, b, rest @ ..] = hashed(what, parts);
        let mut digest = Digest16::default();
        digest.iter_mut().zip(rest).for_each(|(to, from)| *to = from);
        Self { digest, slot: u16::from_le_bytes([a, b]) % SLOTS, user: 0, until }
    }

    /// The same, of the share of this user.
    pub(crate) fn by(mut self, user: &str) -> Self {
        let [a, b, ..] = hashed("user", &[user.as_bytes()]);
        self.user = u16::from_le_bytes([a, b]);
        self
    }

    fn judge(&self, held: Option<&[u8]>, now: Timestamp) -> Judged {
        let known = held.map(|bytes| Slot::decode(bytes, now));
        let foreign = matches!(known, Some(None));
        let mut slot = known.flatten().unwrap_or_default();
        let (answer, keep) = match slot.admit((self.digest, self.user), self.until, now) {
            Admitted::First => (Recalled::First, Some(slot.encode())),
            Admitted::Again => (Recalled::Again, None),
            Admitted::Full => (Recalled::Full, None),
            Admitted::ShareFull => (Recalled::ShareFull, None),
        };
        Judged { answer, keep, foreign }
    }
}

/// The name of a value that all workers keep together: of that kind, about that one thing. There are as
/// many as a configuration names things.
pub(crate) fn name_of(kind: &str, parts: &[&[u8]]) -> String {
    let [a, b, c, d, e, f, g, h, ..] = hashed(kind, parts);
    format!("deputy/{kind}/{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

fn hashed(what: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [what.as_bytes()].iter().chain(parts) {
        // With its length, so that no part runs into the next.
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// With [`slot::MAX_ENTRIES`] room for 196,608 uses at a time in less than 5 MiB: 1,600 proofs a
/// second if each is remembered for two minutes.
const SLOTS: u16 = 1024;
