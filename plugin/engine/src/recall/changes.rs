//! How often each of some things changed, as a host's store keeps it: all workers raise the numbers and
//! none lowers one.

use std::collections::BTreeMap;

use super::slot::Digest16;
use super::{Foreign, hashed};

use crate::model::sorted;

/// Numbers by the digest of what they are about. Those that are zero are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes(BTreeMap<Digest16, u32>);

impl Changes {
    /// The digest of a thing.
    pub(crate) fn of(kind: &str, parts: &[&[u8]]) -> Digest16 {
        let mut digest = Digest16::default();
        digest.iter_mut().zip(hashed(kind, parts)).for_each(|(to, from)| *to = from);
        digest
    }

    /// # Errors
    /// The bytes are not what [`Changes::encode`] writes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Foreign> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(Foreign)?;
        let (entries, torn) = rest.as_chunks::<ENTRY_BYTES>();
        if !torn.is_empty() || entries.len() > MAX_ENTRIES {
            return Err(Foreign);
        }
        let entry = |bytes: &[u8; ENTRY_BYTES]| {
            let (digest, count) = bytes.split_first_chunk::<16>()?;
            Some((*digest, u32::from_le_bytes(<[u8; 4]>::try_from(count).ok()?)))
        };
        Ok(Self(sorted::map(entries.iter().filter_map(entry))))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for (digest, count) in &self.0 {
            bytes.extend_from_slice(digest);
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn get(&self, digest: &Digest16) -> u32 {
        self.0.get(digest).copied().unwrap_or_default()
    }

    /// Raises a number; whether it was lower. What there is no room for is not kept.
    pub(crate) fn raise(&mut self, digest: Digest16, to: u32) -> bool {
        if to <= self.get(&digest) {
            return false;
        }
        if self.0.len() >= MAX_ENTRIES && !self.0.contains_key(&digest) {
            return false;
        }
        self.0.insert(digest, to);
        true
    }

    /// Forgets what nobody asks for any more, once there is no room.
    pub(crate) fn make_room(&mut self, wanted: impl Fn(&Digest16) -> bool) {
        if self.0.len() >= MAX_ENTRIES {
            self.0.retain(|digest, _| wanted(digest));
        }
    }
}

/// The first bytes of every value; the digit is the version of the form.
const MAGIC: &[u8] = b"deputy1c";
const ENTRY_BYTES: usize = 20;
/// A value of 10 KiB, read every half second. Most servers have a dozen tools, and most of these never
/// change.
const MAX_ENTRIES: usize = 512;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(i: u32) -> Digest16 {
        Changes::of("test", &[&i.to_le_bytes()])
    }

    #[test]
    fn what_is_written_is_read_and_numbers_only_grow() {
        let mut changes = Changes::default();
        assert!(changes.raise(digest(1), 3) && changes.raise(digest(2), 1));
        assert!(!changes.raise(digest(1), 2) && !changes.raise(digest(3), 0));
        assert_eq!(Changes::decode(&changes.encode()), Ok(changes.clone()));
        assert_eq!((changes.get(&digest(1)), changes.get(&digest(3))), (3, 0));
        for foreign in [&b""[..], b"deputy1n", b"deputy1c\0", &[0xff; 8000]] {
            assert_eq!(Changes::decode(foreign), Err(Foreign));
        }
    }

    #[test]
    fn room_is_fixed_and_made_from_what_nobody_asks_for() {
        let mut changes = Changes::default();
        for i in 0..1000 {
            changes.raise(digest(i), 1);
        }
        assert_eq!(changes.encode().len(), MAGIC.len() + MAX_ENTRIES * ENTRY_BYTES);
        assert!(changes.raise(digest(1), 2) && !changes.raise(digest(2000), 1));
        changes.make_room(|known| *known == digest(1));
        assert!(changes.raise(digest(2000), 1));
        assert_eq!((changes.get(&digest(1)), changes.get(&digest(2))), (2, 0));
    }

    #[allow(clippy::arithmetic_side_effects, reason = "clippy excuses functions, not macros")]
    mod any {
        use super::*;

        proptest! {
            #[test]
            fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
                let _ = Changes::decode(&bytes);
                let _ = Changes::decode(&[MAGIC, &bytes].concat());
            }
        }
    }
}
