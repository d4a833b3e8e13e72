//! Who has something that only one may have: which agent a key, which client a token.
//!
//! Room is fixed: what was not seen for longest gives way, and of one holder first its own, so that
//! nobody makes a fact about others forgotten by having much. Not here: what it means if two have it.

use super::slot::Digest16;
use super::{Foreign, Judged, Recalled, hashed};
use crate::model::Timestamp;

/// Something, and who presents it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    what: Digest16,
    who: Digest8,
    slot: u16,
}

type Digest8 = [u8; 8];

#[derive(Clone, Copy, Debug)]
struct Entry {
    what: Digest16,
    who: Digest8,
    /// Until when it is remembered.
    until: u64,
}

impl Holder {
    /// `kind` is the kind of thing, `parts` name one of its kind.
    pub(crate) fn new(kind: &str, parts: &[&[u8]], who: &str) -> Self {
        let [a, b, rest @ ..] = hashed(kind, parts);
        let mut what = Digest16::default();
        what.iter_mut().zip(rest).for_each(|(to, from)| *to = from);
        let mut short = Digest8::default();
        short.iter_mut().zip(hashed("holder", &[who.as_bytes()])).for_each(|(to, from)| *to = from);
        Self { what, who: short, slot: u16::from_le_bytes([a, b]) % SLOTS }
    }

    pub(super) fn name(&self) -> String {
        format!("deputy/holder/{:03x}", self.slot)
    }

    pub(super) fn judge(&self, held: Option<&[u8]>, now: Timestamp) -> Judged {
        let now = now.unix_millis();
        let known = held.map_or(Ok(Vec::new()), |bytes| decode(bytes, now));
        let foreign = known.is_err();
        let mut entries = known.unwrap_or_default();
        let answer = match entries.iter_mut().find(|entry| entry.what == self.what) {
            Some(entry) if entry.who != self.who => Recalled::Others,
            Some(entry) if entry.until > now.saturating_add(KEPT_MS / 2) => Recalled::Own,
            Some(entry) => {
                entry.until = now.saturating_add(KEPT_MS);
                Recalled::First
            }
            None => {
                self.take_in(&mut entries, now);
                Recalled::First
            }
        };
        // Read far more often than written: an entry is good for half its time before it is renewed.
        let keep = matches!(answer, Recalled::First).then(|| encode(&entries));
        Judged { answer, keep, foreign }
    }

    fn take_in(&self, entries: &mut Vec<Entry>, now: u64) {
        let own = |entry: &Entry| entry.who == self.who;
        if entries.iter().filter(|entry| own(entry)).count() >= MOST_OF_ONE {
            forget(entries, own);
        } else if entries.len() >= MAX_ENTRIES {
            forget(entries, |_| true);
        }
        let until = now.saturating_add(KEPT_MS);
        entries.push(Entry { what: self.what, who: self.who, until });
    }
}

/// Forgets the one of these that was not seen for longest.
fn forget(entries: &mut Vec<Entry>, of: impl Fn(&Entry) -> bool) {
    let those = entries.iter().enumerate().filter(|(_, entry)| of(entry));
    if let Some((oldest, _)) = those.min_by_key(|(_, entry)| entry.until) {
        entries.remove(oldest);
    }
}

fn decode(bytes: &[u8], now: u64) -> Result<Vec<Entry>, Foreign> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Foreign)?;
    let (entries, torn) = rest.as_chunks::<ENTRY_BYTES>();
    if !torn.is_empty() || entries.len() > MAX_ENTRIES {
        return Err(Foreign);
    }
    // Nobody remembers anything for longer, whatever clock it was written by.
    let latest = now.saturating_add(KEPT_MS);
    let entries = entries.iter().filter_map(entry);
    let entries = entries.map(|entry| Entry { until: entry.until.min(latest), ..entry });
    Ok(entries.filter(|entry| entry.until > now).collect())
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> Option<Entry> {
    let (what, rest) = bytes.split_first_chunk::<16>()?;
    let (who, until) = rest.split_first_chunk::<8>()?;
    let until = u64::from_le_bytes(<[u8; 8]>::try_from(until).ok()?);
    Some(Entry { what: *what, who: *who, until })
}

fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for Entry { what, who, until } in entries {
        bytes.extend_from_slice(what);
        bytes.extend_from_slice(who);
        bytes.extend_from_slice(&until.to_le_bytes());
    }
    bytes
}

/// The first bytes of every value; the digit is the version of the form.
const MAGIC: &[u8] = b"deputy1h";
const ENTRY_BYTES: usize = 32;
/// With [`MAX_ENTRIES`] room for 32,768 keys and tokens at a time in little more than 1 MiB.
const SLOTS: u16 = 512;
/// A value of 2 KiB: it is read whole with each use.
const MAX_ENTRIES: usize = 64;
/// An eighth: of one holder, which has a few keys and one token every few minutes.
const MOST_OF_ONE: usize = MAX_ENTRIES / 8;
/// As long as the longest token may live (`max_lifetime_seconds`), so that a copied one is noticed
/// for as long as it is good.
const KEPT_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_795_457_870_204;

    fn ask(kept: &mut Option<Vec<u8>>, what: u64, who: &str, now: u64) -> Recalled {
        // All under one name, as the worst case has it.
        let holder = Holder::new("test", &[&what.to_le_bytes()], who);
        let judged = holder.judge(kept.as_deref(), Timestamp::from_unix_millis(now));
        *kept = judged.keep.or(kept.take());
        judged.answer
    }

    #[test]
    fn what_one_has_no_other_has_for_a_day() {
        let kept = &mut None;
        assert_eq!(ask(kept, 1, "a", NOW), Recalled::First);
        assert_eq!(ask(kept, 1, "a", NOW), Recalled::Own);
        assert_eq!(ask(kept, 1, "b", NOW + 1), Recalled::Others);
        assert_eq!(ask(kept, 1, "b", NOW + KEPT_MS - 1), Recalled::Others);
        // Seen again, it is remembered for longer.
        assert_eq!(ask(kept, 1, "a", NOW + KEPT_MS - 1), Recalled::First);
        assert_eq!(ask(kept, 1, "b", NOW + KEPT_MS + 1), Recalled::Others);
        assert_eq!(ask(kept, 1, "b", NOW + 2 * KEPT_MS), Recalled::First);
        assert_eq!(ask(kept, 1, "a", NOW + 2 * KEPT_MS), Recalled::Others);
    }

    #[test]
    fn whoever_has_much_makes_its_own_forgotten_and_not_what_others_have() {
        let kept = &mut None;
        assert_eq!(ask(kept, 0, "a", NOW), Recalled::First);
        for what in 1..1000 {
            assert_eq!(ask(kept, what, "b", NOW + what), Recalled::First);
        }
        assert_eq!(ask(kept, 0, "b", NOW + 1000), Recalled::Others);
        for what in 1000..2000 {
            ask(kept, what, &what.to_string(), NOW + what);
        }
        let size = kept.as_ref().unwrap().len();
        assert!((size + "deputy/holder/000".len()) * usize::from(SLOTS) < (1 << 20) + (64 << 10));
        assert_eq!(ask(kept, 0, "b", NOW + 2000), Recalled::First, "the oldest has given way");
    }

    #[test]
    fn a_value_that_is_not_ours_is_replaced_and_said() {
        let holder = Holder::new("test", &[b"1"], "a");
        for foreign in [&b""[..], b"x", b"deputy1o", b"deputy1h\0", &[7; 5000]] {
            let judged = holder.judge(Some(foreign), Timestamp::from_unix_millis(NOW));
            assert!(judged.foreign && judged.keep.is_some());
            assert_eq!(judged.answer, Recalled::First);
        }
    }

    #[allow(clippy::arithmetic_side_effects, reason = "clippy excuses functions, not macros")]
    mod any {
        use super::*;

        proptest! {
            #[test]
            fn any_bytes_are_survived(
                bytes in prop::collection::vec(any::<u8>(), 0..2100),
                now: u64,
            ) {
                let holder = Holder::new("test", &[b"1"], "a");
                let _ = holder.judge(Some(&bytes), Timestamp::from_unix_millis(now));
                let bytes = [MAGIC, &bytes].concat();
                let _ = holder.judge(Some(&bytes), Timestamp::from_unix_millis(now));
            }
        }
    }
}
