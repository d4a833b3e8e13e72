//! That counts are never too low, and what makes them too high; that nothing grows.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::tally::{Tally, WIDTHS_MS};
use super::*;
use crate::model::Delegation;

const NOW: u64 = 1_795_457_870_204;
const RULES: Rules = Rules { slots: 16, repeats_within_seconds: 60, quiet_seconds: 3600 };

/// What a host keeps; one value is enough.
#[derive(Default)]
struct Store(BTreeMap<String, Vec<u8>>);

impl Store {
    fn note(&mut self, count: &Count, now: u64) -> Noted {
        let held = self.0.get(&count.name()).map(Vec::as_slice);
        let noted = count.note(held, at(now));
        assert!(!noted.foreign);
        assert!(noted.keep.len() <= slot::MOST_BYTES, "{}", noted.keep.len());
        self.0.insert(count.name(), noted.keep.clone());
        noted
    }

    fn ask(&mut self, event: Event, now: u64) -> Counted {
        self.note(&Count::Asked(event), now).counted.unwrap()
    }

    fn refuse(&mut self, event: Event, charges: Option<Charges>, denied: bool, now: u64) {
        self.note(&Count::Refused(event, Refused { charges, denied, signal: None }), now);
    }
}

fn at(now: u64) -> Timestamp {
    Timestamp::from_unix_millis(now)
}

fn actor(agent: &str, delegator: Option<&str>) -> Actor {
    let id = |name: &str| PrincipalId::parse(&format!("https://i#{name}")).unwrap();
    let delegation = delegator.map(|d| Delegation { delegator: id(d), prior: Vec::new() });
    Actor { agent: id(agent), delegation }
}

fn event(agent: &str, delegator: Option<&str>, tool: &str, arguments: &str, spend: u64) -> Event {
    let (resource, session) = (arguments, None);
    let about = About { action: tool, resource, arguments, session, bytes: 100, spend };
    Event::new(&actor(agent, delegator), about, RULES)
}

fn in_session(id: &str, server: &str, tool: &str) -> Event {
    let session = Some((id, server));
    let about = About { action: tool, resource: "", arguments: "", session, bytes: 100, spend: 1 };
    Event::new(&actor("a", Some("dana")), about, RULES)
}

fn plain(tool: &str) -> Event {
    event("a", Some("dana"), tool, "", 0)
}

#[test]
fn a_request_is_counted_for_its_agent_its_delegation_and_its_tool() {
    let mut store = Store::default();
    store.ask(event("a", Some("dana"), "pay", "1", 5), NOW);
    store.ask(event("a", Some("lee"), "pay", "2", 7), NOW);
    store.ask(event("b", Some("dana"), "pay", "1", 100), NOW);
    let counted = store.ask(event("a", Some("dana"), "look", "1", 0), NOW + 1000);
    let [minute, hour, day] = counted.agent();
    assert_eq!((minute.calls, minute.spend, minute.bytes), (3, 12, 300));
    assert_eq!((hour, day), (minute, minute));
    let [delegation, ..] = counted.delegation().unwrap();
    assert_eq!((delegation.calls, delegation.spend), (2, 5));
    let [tool, ..] = counted.tool();
    assert_eq!((tool.calls, tool.spend), (1, 0));
    assert_eq!((counted.tools, counted.resources), ([2; 3], [2; 3]));
    let own = store.ask(event("c", None, "look", "1", 0), NOW + 1000);
    assert_eq!(own.delegation(), None);
}

#[test]
fn a_session_is_counted_apart_and_is_one_of_its_server() {
    let mut store = Store::default();
    let calls = |counted: Counted| counted.session().unwrap().map(|window| window.calls);
    assert_eq!(store.ask(plain("look"), NOW).session(), None);
    assert_eq!(calls(store.ask(in_session("1", "orders", "look"), NOW)), [1; 3]);
    assert_eq!(calls(store.ask(in_session("1", "orders", "pay"), NOW)), [2; 3]);
    assert_eq!(calls(store.ask(in_session("1", "files", "pay"), NOW)), [1; 3]);
    let two = in_session("2", "orders", "pay");
    let counted = store.ask(two, NOW);
    assert_eq!(counted.agent()[0].calls, 5);
    let charges = counted.charges;
    assert_eq!(calls(counted), [1; 3]);
    store.refuse(two, Some(charges), true, NOW);
    let [minute, ..] = store.ask(two, NOW).session().unwrap();
    assert_eq!((minute.calls, minute.denials, minute.spend), (2, 1, 1));
}

#[test]
fn sessions_that_come_and_go_leave_the_counts_of_tools_alone() {
    let mut store = Store::default();
    for n in 0..20 {
        store.ask(in_session(&n.to_string(), "orders", "look"), NOW);
        store.ask(in_session(&n.to_string(), "orders", "look"), NOW);
    }
    let counted = store.ask(in_session("20", "orders", "pay"), NOW);
    assert_eq!(counted.session().unwrap()[0].calls, 3);
    assert_eq!(counted.tool()[0].calls, 1);
}

#[test]
fn of_any_number_at_a_limit_each_sees_another_count() {
    let mut store = Store::default();
    let seen: BTreeSet<_> =
        (0..100).map(|_| store.ask(plain("look"), NOW).agent()[0].calls).collect();
    assert_eq!(seen, (1..=100).collect());
}

#[test]
fn a_window_ends_and_not_too_early() {
    for (nth, width) in WIDTHS_MS.into_iter().enumerate() {
        for offset in [0, 1, width / 4 - 1, width / 4, width / 3, width / 2] {
            let (mut store, start) = (Store::default(), NOW / width * width + offset);
            store.ask(plain("look"), start);
            let calls = |store: &mut Store, now| store.ask(plain("x"), now).tool()[nth].calls;
            let agent = |store: &mut Store, now| store.ask(plain("x"), now).agent()[nth].calls;
            assert_eq!(agent(&mut store, start + width), 2, "{width} {offset}");
            assert_eq!(calls(&mut store, start + width), 2);
            assert_eq!(agent(&mut store, start + 3 * width), 1, "{width} {offset}");
        }
    }
}

#[test]
fn a_denial_counts_and_what_it_would_have_spent_does_not() {
    let mut store = Store::default();
    let pay = event("a", Some("dana"), "pay", "1", 40);
    let charges = store.ask(pay, NOW).charges;
    store.refuse(pay, Some(charges), true, NOW + 20_000);
    // Refused before it was known what it was.
    store.refuse(event("a", Some("dana"), "", "", 0), None, true, NOW + 20_000);
    let counted = store.ask(pay, NOW + 30_000);
    let [minute, ..] = counted.agent();
    assert_eq!((minute.calls, minute.denials, minute.spend), (2, 2, 40));
    assert_eq!(counted.tool()[0].denials, 1);
    assert_eq!(counted.delegation().unwrap()[0].denials, 2);
}

#[test]
fn a_question_to_a_human_is_no_denial_and_no_repetition() {
    let mut store = Store::default();
    let pay = event("a", Some("dana"), "pay", "1", 40);
    for _ in 0..50 {
        let counted = store.ask(pay, NOW);
        assert_eq!((counted.repeated, counted.agent()[0].spend), (1, 40));
        store.refuse(pay, Some(counted.charges), false, NOW);
    }
    assert_eq!(store.ask(pay, NOW).agent()[0].denials, 0);
}

#[test]
fn a_call_is_repeated_as_long_as_it_goes_on_and_among_others() {
    let mut store = Store::default();
    let call = |n: usize| event("a", None, "look", &n.to_string(), 0);
    for times in 1..=20_u64 {
        assert_eq!(store.ask(call(0), NOW + times * 60_000).repeated, times);
        assert_eq!(store.ask(call(1), NOW + times * 60_000).repeated, times);
    }
    assert_eq!(store.ask(call(0), NOW + 21 * 60_000 + 1000).repeated, 1, "it had stopped");
    for n in 2..2 + agent::MOST_CALLS {
        store.ask(call(n), NOW + 21 * 60_000 + 1000);
    }
    assert_eq!(store.ask(call(0), NOW + 21 * 60_000 + 1000).repeated, 1, "too many others");
}

#[test]
fn a_tool_is_new_until_a_call_of_it_was_let() {
    let mut store = Store::default();
    // However many are under way, are refused, or end without a word.
    for n in 0..100 {
        let counted = store.ask(plain("look"), NOW + n * 10_000);
        assert!(counted.new_tool);
        if n % 3 > 0 {
            store.refuse(plain("look"), Some(counted.charges), n % 3 == 1, NOW + n * 10_000);
        }
    }
    store.note(&Count::Passed(plain("look")), NOW + 1_000_000);
    assert!(!store.ask(plain("look"), NOW + 1_000_000).new_tool);
    assert!(!store.ask(plain("look"), NOW + 30 * 86_400_000).new_tool);
    assert!(store.ask(plain("pay"), NOW + 30 * 86_400_000).new_tool);
    assert!(store.ask(event("b", None, "look", "", 0), NOW + 30 * 86_400_000).new_tool);
}

#[test]
fn what_was_not_watched_is_not_known() {
    let mut store = Store::default();
    let mut known = |after| store.ask(plain("look"), NOW + after).known;
    assert_eq!(known(0), [false; 3]);
    assert_eq!(known(61_000), [true, false, false]);
    assert_eq!(known(3_601_000), [true, true, false]);
    assert_eq!(known(86_401_000), [true; 3]);
    // Set back before the beginning, it begins anew.
    let mut store = Store::default();
    let mut known = |at| store.ask(plain("look"), at).known;
    assert_eq!(known(NOW), [false; 3]);
    assert_eq!(known(NOW - 7_200_000), [false; 3]);
    assert_eq!(known(NOW - 7_200_000 + 61_000), [true, false, false]);
}

/// S4.
#[test]
fn a_clock_that_is_set_back_loses_nothing_and_freezes_nothing() {
    for back in [20_000, 3_600_000, 10 * 86_400_000] {
        let mut store = Store::default();
        for _ in 0..5 {
            store.ask(plain("look"), NOW + back);
        }
        let now = NOW;
        assert_eq!(store.ask(plain("look"), now).agent()[0].calls, 6, "{back}");
        assert_eq!(store.ask(plain("look"), now + 59_000).agent()[0].calls, 7, "{back}");
        assert_eq!(store.ask(plain("look"), now + 180_000).agent()[0].calls, 1, "{back}");
    }
}

/// S8: and so a limit on it goes on refusing.
#[test]
fn counts_saturate() {
    let mut store = Store::default();
    let all = |spend| event("a", None, "pay", "1", spend);
    store.ask(all(u64::MAX), NOW);
    let counted = store.ask(all(5), NOW + 30_000);
    assert_eq!(counted.agent()[0].spend, u64::MAX);
    assert_eq!(counted.tool()[2].spend, u64::MAX);
}

#[test]
fn somebody_is_told_once_in_a_while() {
    let mut store = Store::default();
    let signal = Refused { charges: None, denied: true, signal: Some(3600) };
    let mut told = |now| store.note(&Count::Refused(plain("look"), signal), now).signal;
    assert!(told(NOW));
    assert!(!told(NOW + 1000) && !told(NOW + 3_599_000));
    assert!(told(NOW + 3_601_000));
    assert!(told(NOW - 7_200_000), "a clock that is set back silences nobody");
}

/// S2.
#[test]
fn a_million_agents_take_no_more_room_than_a_few() {
    let mut store = Store::default();
    for n in 0..20_000_u64 {
        // Each with as much as one can leave.
        let tool =
            |k: u64| event(&n.to_string(), Some(&k.to_string()), &k.to_string(), "", u64::MAX);
        for k in 0..3 {
            store.ask(tool(k), NOW + n);
        }
    }
    assert!(store.0.len() <= usize::from(RULES.slots));
    // One alone, however it tries.
    let mut store = Store::default();
    for n in 0..5_000_u64 {
        let name = n.to_string();
        store.ask(event("a", Some(&name), &name, &name, u64::MAX / 2), NOW + n * 7_000);
    }
    assert!(store.0.values().all(|value| value.len() <= 6 << 10));
}

#[test]
fn others_do_not_make_what_is_used_forgotten() {
    let mut store = Store::default();
    for n in 0..50_u64 {
        store.ask(event("mine", None, "pay", "", 10), NOW + n);
        for k in 0..100 {
            store.ask(event(&format!("{n}-{k}"), None, "look", "", 0), NOW + n);
        }
    }
    assert_eq!(store.ask(event("mine", None, "pay", "", 10), NOW + 60).agent()[0].spend, 510);
}

#[test]
fn a_value_that_is_not_ours_is_replaced_and_said() {
    let count = Count::Asked(plain("look"));
    let ours = count.note(None, at(NOW)).keep;
    assert!(!count.note(Some(&ours), at(NOW)).foreign);
    let cut = ours.len() - 1;
    let longer = [&ours[..], &[0]].concat();
    for foreign in [&b""[..], b"x", b"deputy1c", b"deputy1o", &ours[1..], &ours[..cut], &longer] {
        let noted = count.note(Some(foreign), at(NOW));
        assert!(noted.foreign, "{foreign:?}");
        assert_eq!(noted.keep, ours);
        assert_eq!(noted.counted.unwrap().agent()[0].calls, 1);
    }
}

#[test]
fn the_week_begins_on_monday_at_midnight() {
    let hour = |text: &str| hour_of_week(Timestamp::parse(text).unwrap());
    assert_eq!(hour("2026-11-23T00:00:00Z"), 0);
    assert_eq!(hour("2026-11-23T18:17:50Z"), 18);
    assert_eq!(hour("2026-11-29T23:59:59Z"), 167);
    assert_eq!(hour("2026-11-30T00:00:00Z"), 0);
    assert_eq!(hour("1970-01-01T00:00:00Z"), 72);
}

/// What was done, by a model that forgets nothing but what no longer matters.
#[derive(Default)]
struct Model(Vec<Done>);

#[derive(Clone, Copy)]
struct Done {
    at: u64,
    agent: u8,
    delegator: u8,
    session: u8,
    tool: u8,
    spend: u64,
    /// By window: it was out of it once, and does not come back with the clock.
    gone: [bool; WINDOWS],
}

#[allow(
    clippy::arithmetic_side_effects,
    reason = "clippy excuses #[test] functions, not their helpers"
)]
impl Model {
    /// What is later than the clock counts as of now.
    fn set(&mut self, now: u64) {
        for done in &mut self.0 {
            done.at = done.at.min(now);
            for (gone, width) in done.gone.iter_mut().zip(WIDTHS_MS) {
                *gone |= done.at + width <= now;
            }
        }
    }

    fn within(&self, nth: usize) -> impl Iterator<Item = &Done> {
        self.0.iter().filter(move |done| !done.gone[nth])
    }
}

#[allow(
    clippy::arithmetic_side_effects,
    reason = "clippy excuses #[test] functions, not their helpers"
)]
fn sum<'d>(done: impl Iterator<Item = &'d Done>) -> [u64; 2] {
    done.fold([0, 0], |[calls, spend], done| [calls + 1, spend + done.spend])
}

#[allow(clippy::arithmetic_side_effects, reason = "clippy excuses functions, not macros")]
mod any {
    use super::*;

    /// Agent, delegator, session, tool, spend, and how the clock goes on: mostly on, sometimes back.
    type Step = (u8, u8, u8, u8, u64, i64);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let pause = prop_oneof![8 => 0_i64..40_000, 2 => 0_i64..4_000_000, 1 => -4_000_000_i64..0];
        let agents = prop_oneof![3 => 0u8..3, 1 => 0u8..250];
        let step = (agents, 0u8..20, 0u8..20, prop_oneof![0u8..4, 0u8..60], 0u64..1000, pause);
        prop::collection::vec(step, 1..250)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Whoever gives way to whom, and however the clock goes: nothing is counted too low.
        #[test]
        fn no_count_is_ever_too_low(steps in steps()) {
            let rules = Rules { slots: 1, ..RULES };
            let (mut store, mut model, mut now) = (Store::default(), Model::default(), NOW);
            for (agent, delegator, session, tool, spend, pause) in steps {
                now = now.saturating_add_signed(pause);
                model.set(now);
                let gone = [false; WINDOWS];
                model.0.push(Done { at: now, agent, delegator, session, tool, spend, gone });
                let actor = actor(&agent.to_string(), Some(&delegator.to_string()));
                let name = tool.to_string();
                let id = session.to_string();
                let session_of = Some((id.as_str(), "orders"));
                let (resource, arguments) = (name.as_str(), "");
                let about =
                    About { action: &name, resource, arguments, session: session_of, bytes: 1, spend };
                let counted = store.ask(Event::new(&actor, about, rules), now);
                for nth in 0..WINDOWS {
                    let seen = |windows: [Window; 3]| [windows[nth].calls, windows[nth].spend];
                    let mine = || model.within(nth).filter(|done| done.agent == agent);
                    let delegated = mine().filter(|done| done.delegator == delegator);
                    let in_session = mine().filter(|done| done.session == session);
                    let checks = [
                        (seen(counted.agent()), sum(mine())),
                        (seen(counted.delegation().unwrap()), sum(delegated)),
                        (seen(counted.session().unwrap()), sum(in_session)),
                        (seen(counted.tool()), sum(mine().filter(|done| done.tool == tool))),
                    ];
                    for (seen, least) in checks {
                        prop_assert!(seen[0] >= least[0] && seen[1] >= least[1], "{seen:?} {least:?}");
                    }
                    let tools = mine().map(|done| done.tool).collect::<BTreeSet<_>>().len() as u64;
                    prop_assert!(counted.tools[nth] >= tools && counted.resources[nth] >= tools);
                }
            }
        }

        /// Alone, with few tools and a clock that only goes on, a count is at most what a window and
        /// a quarter have seen.
        #[test]
        fn no_count_is_too_high_by_more_than_a_quarter(
            steps in prop::collection::vec((0u64..40_000, 0u64..1000), 1..200),
        ) {
            let (mut store, mut all, mut now) = (Store::default(), Vec::new(), NOW);
            for (pause, spend) in steps {
                now += pause;
                all.push((now, spend));
                let counted = store.ask(event("a", None, "pay", "", spend), now);
                for (nth, width) in WIDTHS_MS.into_iter().enumerate() {
                    let recent = || all.iter().filter(|(at, _)| at + width + width / 4 > now);
                    let (window, spent) = (counted.agent()[nth], recent().map(|(_, n)| n).sum());
                    prop_assert!(window.calls <= recent().count() as u64 && window.spend <= spent);
                }
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000), now: u64) {
            let count = Count::Asked(plain("look"));
            let _ = count.note(Some(&bytes), at(now));
            let _ = count.note(Some(&[slot::MAGIC, &bytes].concat()), at(now));
        }

        /// Of what was kept, with bytes changed.
        #[test]
        fn any_damage_is_survived(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
            now in prop_oneof![any::<u64>(), NOW..NOW + 100_000_000],
        ) {
            let mut store = Store::default();
            for n in 0..40_u64 {
                store.ask(event(&(n % 3).to_string(), Some("d"), &n.to_string(), "", n), NOW + n * 999);
            }
            let count = Count::Asked(plain("look"));
            for bytes in store.0.values() {
                let mut bytes = bytes.clone();
                for (index, byte) in &changes {
                    *index.get_mut(&mut bytes) = *byte;
                }
                let noted = count.note(Some(&bytes), at(now));
                prop_assert!(noted.keep.len() <= slot::MOST_BYTES.max(bytes.len()));
            }
        }

        #[test]
        fn what_is_written_is_read(cells in prop::collection::vec((0u64..200_000_000, any::<u64>()), 0..30)) {
            let mut tally = Tally::default();
            for (pause, n) in cells {
                tally.settle(at(NOW + pause));
                tally.add(super::super::tally::Counter::Spend, n);
            }
            let mut bytes = Vec::new();
            tally.encode(&mut bytes);
            let read = Tally::decode(&mut super::super::bytes::Reader(&bytes)).unwrap();
            prop_assert_eq!(read.sums(), tally.sums());
        }
    }
}
