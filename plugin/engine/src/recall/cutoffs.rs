//! From when on tokens of somebody count again, as a host's store keeps it for all workers: what was issued
//! before no longer does.
//!
//! All workers add and none takes away, so what is read and what is known are joined. An entry ends by itself,
//! when nothing that it could strike is good any more. Not here: who says so (`events`).

use super::slot::Digest16;
use super::{Foreign, Joined, hashed};

/// Entries by the digest of whom or what they are about, and when their source was asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cutoffs {
    /// Milliseconds since the Unix epoch, like all instants here.
    asked: u64,
    /// In order; a table of its own kind would cost the module more than it saves.
    entries: Vec<(Digest16, Cutoff)>,
}

/// What no longer counts, and how long that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cutoff {
    /// What was issued then or earlier.
    pub(crate) issued: u64,
    pub(crate) until: u64,
}

impl Cutoffs {
    pub(crate) fn digest(kind: &str, parts: &[&[u8]]) -> Digest16 {
        let mut digest = Digest16::default();
        digest.iter_mut().zip(hashed(kind, parts)).for_each(|(to, from)| *to = from);
        digest
    }

    /// When some worker last got an answer.
    pub(crate) fn asked(&self) -> u64 {
        self.asked
    }

    pub(crate) fn answered(&mut self, now: u64) {
        self.asked = self.asked.max(now);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry, if there is room for it.
    pub(crate) fn add(&mut self, digest: Digest16, cutoff: Cutoff, now: u64) -> bool {
        self.entries.retain(|(_, entry)| entry.until > now);
        if self.entries.len() >= MAX_ENTRIES && self.get(&digest).is_none() {
            return false;
        }
        self.widen(digest, cutoff);
        true
    }

    /// Whether what was issued then counts no longer; of what does not say when, nothing does.
    pub(crate) fn strikes(&self, digest: &Digest16, issued: Option<u64>, now: u64) -> bool {
        let entry = self.get(digest).filter(|entry| entry.until > now);
        entry.is_some_and(|entry| issued.is_none_or(|issued| issued <= entry.issued))
    }

    /// Joins what the store has with what is known here.
    pub(crate) fn join(&mut self, held: Option<&[u8]>) -> Joined {
        let known = held.map_or(Ok(Self::default()), Self::decode);
        let foreign = known.is_err();
        let known = known.unwrap_or_default();
        self.asked = self.asked.max(known.asked);
        known.entries.iter().for_each(|(digest, cutoff)| self.widen(*digest, *cutoff));
        // What has ended is left for `add` to see, which knows the time: when somebody was asked last is no
        // clock, as one that once ran ahead would end all there is (threats S4). And two workers may fill the
        // last room at one moment: the one that ends, or has ended, first gives way.
        while self.entries.len() > MAX_ENTRIES {
            let ends = self.entries.iter().enumerate().min_by_key(|(_, (_, entry))| entry.until);
            let Some((first, _)) = ends else { break };
            self.entries.remove(first);
        }
        Joined { write: (foreign || *self != known).then(|| self.encode()), foreign }
    }

    /// Whether that is what is known here, byte for byte: read with every tick, and mostly it is.
    pub(crate) fn is_kept_as(&self, held: &[u8]) -> bool {
        let rest =
            held.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(&self.asked.to_le_bytes()));
        let Some((entries, [])) = rest.map(<[u8]>::as_chunks::<ENTRY_BYTES>) else { return false };
        let same = |(held, known): (&[u8; ENTRY_BYTES], _)| *held == Self::bytes_of(known);
        entries.len() == self.entries.len() && entries.iter().zip(&self.entries).all(same)
    }

    fn widen(&mut self, digest: Digest16, cutoff: Cutoff) {
        match self.entries.binary_search_by(|(known, _)| known.cmp(&digest)) {
            Err(place) => self.entries.insert(place, (digest, cutoff)),
            Ok(place) => {
                if let Some((_, entry)) = self.entries.get_mut(place) {
                    entry.issued = entry.issued.max(cutoff.issued);
                    entry.until = entry.until.max(cutoff.until);
                }
            }
        }
    }

    fn get(&self, digest: &Digest16) -> Option<&Cutoff> {
        let place = self.entries.binary_search_by(|(known, _)| known.cmp(digest)).ok()?;
        self.entries.get(place).map(|(_, entry)| entry)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Foreign> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Foreign)?;
        let (asked, rest) = rest.split_first_chunk::<8>().ok_or(Foreign)?;
        let (entries, torn) = rest.as_chunks::<ENTRY_BYTES>();
        if !torn.is_empty() || entries.len() > MAX_ENTRIES {
            return Err(Foreign);
        }
        let entry = |bytes: &[u8; ENTRY_BYTES]| {
            let (digest, rest) = bytes.split_first_chunk::<16>()?;
            let (issued, until) = rest.split_first_chunk::<8>()?;
            let until = u64::from_le_bytes(<[u8; 8]>::try_from(until).ok()?);
            Some((*digest, Cutoff { issued: u64::from_le_bytes(*issued), until }))
        };
        let entries: Vec<_> = entries.iter().filter_map(entry).collect();
        if !entries.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(Foreign);
        }
        Ok(Self { asked: u64::from_le_bytes(*asked), entries })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = [MAGIC, &self.asked.to_le_bytes()].concat();
        self.entries.iter().for_each(|entry| bytes.extend_from_slice(&Self::bytes_of(entry)));
        bytes
    }

    fn bytes_of((digest, Cutoff { issued, until }): &(Digest16, Cutoff)) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let parts = digest.iter().copied().chain(issued.to_le_bytes()).chain(until.to_le_bytes());
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        bytes
    }
}

/// The first bytes of every value; the digit is the version of the form.
const MAGIC: &[u8] = b"deputy1e";
const ENTRY_BYTES: usize = 32;
/// A value of 64 KiB, read with every tick of every worker. More than so many sessions revoked within a day
/// are an incident, and the revocation feed has a switch for that.
const MAX_ENTRIES: usize = 2_048;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 86_400_000;

    fn digest(n: u32) -> Digest16 {
        Cutoffs::digest("test", &[&n.to_le_bytes()])
    }

    #[test]
    fn what_was_issued_before_no_longer_counts_until_the_entry_ends() {
        let mut cutoffs = Cutoffs::default();
        assert!(cutoffs.add(digest(1), Cutoff { issued: 1_000, until: DAY }, 1_000));
        assert!(cutoffs.strikes(&digest(1), Some(1_000), 2_000));
        assert!(cutoffs.strikes(&digest(1), None, 2_000));
        assert!(!cutoffs.strikes(&digest(1), Some(1_001), 2_000));
        assert!(!cutoffs.strikes(&digest(2), Some(1), 2_000));
        assert!(!cutoffs.strikes(&digest(1), Some(1_000), DAY));
        // An event that comes late widens and never narrows.
        assert!(cutoffs.add(digest(1), Cutoff { issued: 500, until: DAY - 1 }, 2_000));
        assert!(cutoffs.strikes(&digest(1), Some(1_000), DAY - 1));
    }

    #[test]
    fn workers_learn_from_one_another_what_each_was_told() {
        let (mut one, mut other) = (Cutoffs::default(), Cutoffs::default());
        one.add(digest(1), Cutoff { issued: 1, until: DAY }, 1);
        one.answered(7);
        other.add(digest(2), Cutoff { issued: 1, until: DAY }, 1);
        let held = one.join(None).write;
        let joined = other.join(held.as_deref());
        assert!(joined.write.is_some() && !joined.foreign);
        assert_eq!(one.join(joined.write.as_deref()).write, None);
        assert_eq!(one, other);
        assert_eq!(one.asked(), 7);
        for foreign in [&b""[..], b"deputy1c", b"deputy1e", &[7; 500]] {
            let joined = one.clone().join(Some(foreign));
            assert!(joined.foreign && joined.write == Some(one.encode()), "{foreign:?}");
        }
    }

    #[test]
    fn only_what_is_known_here_byte_for_byte_is_kept_as_it_is() {
        let mut one = Cutoffs::default();
        one.add(digest(1), Cutoff { issued: 1, until: DAY }, 1);
        one.answered(7);
        let held = one.encode();
        assert!(one.is_kept_as(&held));
        for place in 0..held.len() {
            let mut other = held.clone();
            other[place] ^= 1;
            assert!(!one.is_kept_as(&other) && !one.is_kept_as(&held[..place]), "{place}");
        }
        assert!(!one.is_kept_as(&[&held[..], &[0; ENTRY_BYTES]].concat()));
    }

    #[test]
    fn a_clock_that_once_ran_ahead_ends_nothing() {
        let (mut one, mut other) = (Cutoffs::default(), Cutoffs::default());
        one.answered(30 * DAY);
        let held = one.join(None).write;
        assert!(other.add(digest(1), Cutoff { issued: 1_000, until: DAY }, 1_000));
        other.join(held.as_deref());
        assert!(other.strikes(&digest(1), Some(1_000), 2_000));
    }

    #[test]
    fn room_is_fixed_and_what_has_ended_makes_some() {
        let mut cutoffs = Cutoffs::default();
        let lasting = |until| Cutoff { issued: 1, until };
        for n in 0..u32::try_from(MAX_ENTRIES).unwrap() {
            assert!(cutoffs.add(digest(n), lasting(DAY), 1));
        }
        assert!(!cutoffs.add(digest(u32::MAX), lasting(DAY), 1));
        assert!(cutoffs.add(digest(0), lasting(2 * DAY), 1), "one that is there");
        let size = cutoffs.encode().len();
        assert_eq!(size, 16 + MAX_ENTRIES * ENTRY_BYTES);
        assert!(cutoffs.add(digest(u32::MAX), lasting(3 * DAY), DAY));
        assert_eq!(cutoffs.entries.len(), 2);
    }

    #[allow(clippy::arithmetic_side_effects, reason = "clippy excuses functions, not macros")]
    mod any {
        use super::*;

        proptest! {
            #[test]
            fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
                let _ = Cutoffs::default().join(Some(&bytes));
                let _ = Cutoffs::default().join(Some(&[MAGIC, &bytes].concat()));
            }
        }
    }
}
