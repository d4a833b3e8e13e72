//! One value of the host's store: a bounded set of what was used, each until it no longer matters.
//!
//! Another plugin or an older version may have written anything under the name. What is not ours is
//! seen as such and replaced (threats S6).

use crate::model::Timestamp;

/// Enough of a SHA-256 that nobody finds two uses with the same.
pub(super) type Digest16 = [u8; 16];

/// What is remembered under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    /// When something was last forgotten. What ends before was perhaps used (S4: a clock that is
    /// set back must not make a used proof fresh).
    forgotten: u64,
    entries: Vec<(Digest16, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    First,
    Again,
    Full,
}

impl Slot {
    /// Nothing, if the bytes are not what [`Slot::encode`] writes.
    pub(super) fn decode(bytes: &[u8], now: Timestamp) -> Option<Self> {
        let (forgotten, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
        let forgotten = u64::from_le_bytes(*forgotten);
        let (entries, torn) = rest.as_chunks::<ENTRY_BYTES>();
        if !torn.is_empty() || entries.len() > MAX_ENTRIES {
            return None;
        }
        let entries = entries.iter().map(entry).collect::<Option<Vec<_>>>()?;
        // Nobody kept anything for so long; without this, one bad value would be there for good.
        let latest = now.unix_millis().saturating_add(MOST_AHEAD_MS);
        let plausible = forgotten <= latest && entries.iter().all(|(_, until)| *until <= latest);
        plausible.then_some(Self { forgotten, entries })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let size = self.entries.len().saturating_mul(ENTRY_BYTES);
        let mut bytes = Vec::with_capacity(size.saturating_add(HEAD_BYTES));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.forgotten.to_le_bytes());
        for (digest, until) in &self.entries {
            bytes.extend_from_slice(digest);
            bytes.extend_from_slice(&until.to_le_bytes());
        }
        bytes
    }

    /// Takes it in, unless it is there. Only a first use changes anything.
    pub(super) fn admit(&mut self, digest: Digest16, until: Timestamp, now: Timestamp) -> Admitted {
        let (until, now) = (until.unix_millis(), now.unix_millis());
        let until = until.min(now.saturating_add(MOST_AHEAD_MS));
        if until <= self.forgotten || self.entries.iter().any(|(known, _)| *known == digest) {
            return Admitted::Again;
        }
        let before = self.entries.len();
        self.entries.retain(|(_, until)| *until > now);
        if self.entries.len() < before {
            self.forgotten = self.forgotten.max(now);
        }
        if self.entries.len() >= MAX_ENTRIES {
            return Admitted::Full;
        }
        self.entries.push((digest, until));
        Admitted::First
    }
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Option<(Digest16, u64)> {
    let (digest, until) = bytes.split_first_chunk::<16>()?;
    Some((*digest, u64::from_le_bytes(<[u8; 8]>::try_from(until).ok()?)))
}

/// The first bytes of every value; the digit is the version of the form.
const MAGIC: &[u8; 8] = b"deputy1o";
const HEAD_BYTES: usize = 16;
const ENTRY_BYTES: usize = 24;
/// A value of at most 4.6 KiB: it is read and written whole with each use.
pub(super) const MAX_ENTRIES: usize = 192;
/// The longest anything is remembered: twice the largest window of a proof.
const MOST_AHEAD_MS: u64 = 20 * 60 * 1000;
