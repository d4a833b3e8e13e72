//! One value of the host's store: a bounded set of what was used, each until it no longer matters.
//!
//! Another plugin or an older version may have written anything under the name. What is not ours is
//! seen as such and replaced (threats S6).

use crate::model::Timestamp;

/// Enough of a SHA-256 that nobody finds two uses with the same.
pub(crate) type Digest16 = [u8; 16];

/// What is remembered under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    /// When something was last forgotten. What ends before was perhaps used (S4: a clock that is
    /// set back must not make a used proof fresh).
    forgotten: u64,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    digest: Digest16,
    /// Whose use it was: enough of a hash to tell those apart who share a value.
    user: u16,
    until: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    First,
    Again,
    Full,
    /// There is room, but not for more of this user.
    ShareFull,
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
        let plausible = forgotten <= latest && entries.iter().all(|entry| entry.until <= latest);
        plausible.then_some(Self { forgotten, entries })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let size = self.entries.len().saturating_mul(ENTRY_BYTES);
        let mut bytes = Vec::with_capacity(size.saturating_add(HEAD_BYTES));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.forgotten.to_le_bytes());
        for Entry { digest, user, until } in &self.entries {
            bytes.extend_from_slice(digest);
            let packed = until & LAST_INSTANT | u64::from(*user) << INSTANT_BITS;
            bytes.extend_from_slice(&packed.to_le_bytes());
        }
        bytes
    }

    /// Takes it in, unless it is there. Only a first use changes anything.
    pub(super) fn admit(
        &mut self,
        (digest, user): (Digest16, u16),
        until: Timestamp,
        now: Timestamp,
    ) -> Admitted {
        let (until, now) = (until.unix_millis(), now.unix_millis());
        let until = until.min(now.saturating_add(MOST_AHEAD_MS));
        if until <= self.forgotten || self.entries.iter().any(|e| e.digest == digest) {
            return Admitted::Again;
        }
        let before = self.entries.len();
        self.entries.retain(|entry| entry.until > now);
        if self.entries.len() < before {
            self.forgotten = self.forgotten.max(now);
        }
        if self.entries.len() >= MAX_ENTRIES {
            return Admitted::Full;
        }
        if self.entries.iter().filter(|entry| entry.user == user).count() >= MOST_OF_ONE {
            return Admitted::ShareFull;
        }
        self.entries.push(Entry { digest, user, until });
        Admitted::First
    }
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Option<Entry> {
    let (digest, packed) = bytes.split_first_chunk::<16>()?;
    let packed = u64::from_le_bytes(<[u8; 8]>::try_from(packed).ok()?);
    let user = u16::try_from(packed >> INSTANT_BITS).ok()?;
    Some(Entry { digest: *digest, user, until: packed & LAST_INSTANT })
}

/// The first bytes of every value; the digit is the version of the form.
const MAGIC: &[u8; 8] = b"deputy1o";
const HEAD_BYTES: usize = 16;
const ENTRY_BYTES: usize = 24;
/// A value of at most 4.6 KiB: it is read and written whole with each use.
pub(super) const MAX_ENTRIES: usize = 192;
/// A quarter: one agent that uses up its share leaves room for everybody else, and it takes four of them
/// at once to fill a value for all.
pub(super) const MOST_OF_ONE: usize = MAX_ENTRIES / 4;
/// Milliseconds since 1970 fit in here until the year 10889; what is above is free.
const INSTANT_BITS: u32 = 48;
const LAST_INSTANT: u64 = (1 << INSTANT_BITS) - 1;
/// The longest anything is remembered: twice the largest window of a proof.
const MOST_AHEAD_MS: u64 = 20 * 60 * 1000;
