//! Recall: used once is used for good, whatever the bytes and the clock.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::slot::{Admitted, MAX_ENTRIES, MOST_OF_ONE, Slot};
use super::{Once, Recall, Recalled, SLOTS};
use crate::model::Timestamp;

const NOW: u64 = 1_795_457_870_204;
const WINDOW: u64 = 120_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_unix_millis(millis)
}

fn once(name: &str, until: u64) -> Recall {
    Recall::Once(Once::new("test", &[name.as_bytes()], at(until)))
}

/// As a host keeps it when nobody else writes.
#[derive(Default)]
struct Store(BTreeMap<String, Vec<u8>>);

impl Store {
    fn ask(&mut self, recall: &Recall, now: u64) -> Recalled {
        let name = recall.name();
        let judged = recall.judge(self.0.get(&name).map(Vec::as_slice), at(now));
        self.0.extend(judged.keep.map(|value| (name, value)));
        judged.answer
    }
}

#[test]
fn what_was_used_once_is_used_until_it_no_longer_matters() {
    let mut store = Store::default();
    let proof = once("a", NOW + WINDOW);
    assert_eq!(store.ask(&proof, NOW), Recalled::First);
    for later in [0, 1, WINDOW - 1, WINDOW, 10 * WINDOW] {
        assert_eq!(store.ask(&proof, NOW + later), Recalled::Again, "{later}");
    }
    assert_eq!(store.ask(&once("b", NOW + WINDOW), NOW), Recalled::First);
}

#[test]
fn parts_do_not_run_into_each_other() {
    let one = Once::new("test", &[b"ab", b"c"], at(NOW));
    let other = Once::new("test", &[b"a", b"bc"], at(NOW));
    assert_ne!(one.digest, other.digest);
    assert_ne!(Once::new("a", &[b"b"], at(NOW)).digest, Once::new("b", &[b"a"], at(NOW)).digest);
}

#[test]
fn names_are_few_however_much_is_used() {
    let mut store = Store::default();
    for i in 0..20_000 {
        assert_eq!(store.ask(&once(&i.to_string(), NOW + WINDOW), NOW), Recalled::First);
    }
    assert!(store.0.len() <= usize::from(SLOTS), "{}", store.0.len());
    assert!(store.0.values().all(|value| value.len() < 40 * 24), "evenly spread");
}

#[test]
fn a_full_slot_takes_nothing_until_what_it_holds_no_longer_matters() {
    let mut slot = Slot::default();
    let user = |i: usize| u16::try_from(i % 5).unwrap();
    let mut use_at = |i: usize, now| slot.admit((digest(i), user(i)), at(now + WINDOW), at(now));
    for i in 0..MAX_ENTRIES {
        assert_eq!(use_at(i, NOW), Admitted::First);
    }
    assert_eq!(use_at(MAX_ENTRIES, NOW + WINDOW - 1), Admitted::Full);
    assert_eq!(use_at(MAX_ENTRIES, NOW + WINDOW), Admitted::First);
    let largest = slot.encode().len() + "deputy/once/000".len();
    assert!(largest * usize::from(SLOTS) < 5 << 20, "{largest} bytes each");
}

#[test]
fn one_agent_that_uses_up_its_share_leaves_room_for_others() {
    let mut store = Store::default();
    let until = |i: usize, agent: &str, until| {
        let once = Once::new("test", &[&i.to_le_bytes()], at(until));
        Recall::Once(once.by(agent))
    };
    let by = |i, agent| until(i, agent, NOW + WINDOW);
    // As long as it is not everywhere at the end of its share.
    let most = 2 * MOST_OF_ONE * usize::from(SLOTS);
    let answers: Vec<_> = (0..most).map(|i| store.ask(&by(i, "flood"), NOW)).collect();
    let passed = answers.iter().filter(|answer| **answer == Recalled::First).count();
    assert!(passed <= MOST_OF_ONE * usize::from(SLOTS), "{passed}");
    assert!(answers.iter().all(|answer| [Recalled::First, Recalled::ShareFull].contains(answer)));
    assert_eq!(answers.last(), Some(&Recalled::ShareFull));
    for i in most..most + 20_000 {
        assert_eq!(store.ask(&by(i, "other"), NOW), Recalled::First, "{i}");
    }
    // Its own share is there again when what it used no longer matters.
    let later = until(2 * most, "flood", NOW + 2 * WINDOW);
    assert_eq!(store.ask(&later, NOW + WINDOW), Recalled::First);
}

fn digest(i: usize) -> [u8; 16] {
    let mut digest = [0; 16];
    digest[..8].copy_from_slice(&i.to_le_bytes());
    digest
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_fresh_and_freezes_nothing() {
    let mut store = Store::default();
    let mut others = slot_mates_of("a");
    let mut other = |until| once(&others.next().unwrap(), until);
    let used = once("a", NOW + WINDOW);
    assert_eq!(store.ask(&used, NOW), Recalled::First);
    let later = other(NOW + 3 * WINDOW);
    assert_eq!(store.ask(&later, NOW + 2 * WINDOW), Recalled::First, "and forgets the first");
    assert_eq!(store.ask(&used, NOW), Recalled::Again, "set back");
    assert_eq!(store.ask(&other(NOW + 3 * WINDOW), NOW), Recalled::First);
    // A clock that was an hour ahead leaves nothing that lasts an hour.
    let mut store = Store::default();
    store.ask(&once("a", NOW + 3_600_000 + WINDOW), NOW + 3_600_000);
    assert_eq!(store.ask(&once("b", NOW + WINDOW), NOW), Recalled::First);
    assert_eq!(store.ask(&once("a", NOW + WINDOW), NOW), Recalled::First);
}

/// What else is kept under the same name.
fn slot_mates_of(name: &str) -> impl Iterator<Item = String> {
    let slot = once(name, NOW).name();
    (0..1_000_000).map(|i: u32| i.to_string()).filter(move |o| once(o, NOW).name() == slot)
}

#[test]
fn a_value_that_is_not_ours_is_replaced_and_said() {
    let proof = once("a", NOW + WINDOW);
    let ours = proof.judge(None, at(NOW)).keep.unwrap();
    assert!(!proof.judge(Some(&ours), at(NOW)).foreign);
    let mut long_kept = ours.clone();
    long_kept.truncate(ours.len() - 8);
    long_kept.extend([0xff; 8]);
    let mut frozen = ours.clone();
    frozen[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    let too_many = [&ours[..16], &[7; 24 * (MAX_ENTRIES + 1)]].concat();
    for foreign in [&b""[..], b"x", b"deputy1o", &ours[1..], &long_kept, &frozen, &too_many] {
        let judged = proof.judge(Some(foreign), at(NOW));
        assert!(judged.foreign, "{foreign:?}");
        assert_eq!((judged.answer, judged.keep), (Recalled::First, Some(ours.clone())));
    }
}

#[allow(clippy::arithmetic_side_effects, reason = "clippy excuses #[test] functions, not macros")]
mod any {
    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000), now: u64) {
            let _ = once("a", now).judge(Some(&bytes), at(now));
        }

        /// Against a model that forgets nothing: within its window nothing passes twice, whatever else
        /// is used and however the time goes on.
        #[test]
        fn nothing_passes_twice_within_its_window(
            uses in prop::collection::vec((0u8..40, 0u64..90_000, 0u64..=WINDOW), 1..400),
        ) {
            let mut store = Store::default();
            let mut passed = BTreeMap::<u8, u64>::new();
            let mut now = NOW;
            for (name, pause, ahead) in uses {
                now += pause / 100;
                let answer = store.ask(&once(&name.to_string(), now + ahead), now);
                let known = passed.get(&name).is_some_and(|until| *until > now);
                prop_assert!(!(known && answer == Recalled::First));
                prop_assert!(answer != Recalled::Full);
                if answer == Recalled::First {
                    passed.insert(name, now + ahead);
                }
            }
        }
    }
}
