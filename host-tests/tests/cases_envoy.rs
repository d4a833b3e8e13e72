//! Every case, in the real Envoy with the real module: the same expectations, and the receipts that
//! the engine itself would have written at that moment.
//!
//! Some cases can't hold there, and none is passed over in silence. Cases that say when things happen
//! need a clock that can be set, and cases about client certificates a listener that has them; which
//! these are follows from the case itself, and they are counted and named. Cases that `cases/exceptions.envoy.json` names are answered by Envoy before the plugin is asked, or
//! changed by it on their way; they are run all the same, and held to what an operator counts on:
//! nothing reached the upstream, and the next good request passes. A case that is named there
//! without need fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use host_tests::cases::{self, Case};
use host_tests::runner::envoy::{Envoy, Ran};
use host_tests::runner::{Host as _, Native, Observed, oracle, report};
use serde::Deserialize;
use serde_json::Value;

/// `cases/exceptions.envoy.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    #[serde(rename = "about")]
    _about: String,
    groups: Vec<Group>,
}

/// Cases that Envoy does not let happen as they are written, for one reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    envoy: What,
    why: String,
    /// `subject/name`, which stands for all variants, or `subject/name/variant`.
    cases: Vec<String>,
}

/// What Envoy does.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum What {
    /// Refuses the request by itself; the plugin never sees it.
    Refuses,
    /// Changes the message; the decision is the same.
    Changes,
    /// Changes the request before the plugin sees it, so that it is another one.
    Repairs,
    /// Nothing: the good request at the end would pass only after a minute.
    Waits,
    /// Has a clock of its own, and the case names an instant; the engine says the same at that moment.
    KeepsTime,
}

#[test]
fn every_case_holds_in_envoy() {
    let exceptions = Exceptions::read();
    let chosen = report::chosen();
    let (timed, rest): (Vec<_>, Vec<_>) =
        chosen.iter().copied().partition(|case| case.needs_its_own_clock());
    let (connected, cases): (Vec<_>, Vec<_>) =
        rest.iter().copied().partition(|case| case.needs_its_own_connection());
    let envoy = Envoy::start();
    let mut failed = Vec::new();
    let mut excepted = 0;
    for ran in envoy.run_all(&cases) {
        let exception = exceptions.of(ran.case);
        excepted += usize::from(exception.is_some());
        let found = exception.map_or_else(|| holds(&ran), |group| group.holds(&ran));
        failed.extend((!found.is_empty()).then(|| (ran.case.name().to_owned(), found)));
    }
    failed.extend(envoy.wrong().map(|wrong| ("all of them together".to_owned(), vec![wrong])));
    println!("envoy: {} cases; {excepted} of them are Envoy's own to answer", cases.len());
    println!("envoy: {} more need a clock that can be set: {}", timed.len(), names(&timed));
    println!("envoy: {} more need a client certificate: {}", connected.len(), names(&connected));
    tell(&failed, cases.len());
}

#[test]
fn every_exception_names_cases() {
    let mut seen = BTreeSet::new();
    for group in Exceptions::read().groups {
        for name in group.cases {
            let named = |case: &&Case| names_it(&name, case.name());
            let case = cases::all().iter().find(named).unwrap_or_else(|| panic!("no case {name}"));
            let elsewhere = case.needs_its_own_clock() || case.needs_its_own_connection();
            assert!(!elsewhere, "{name} is not run in Envoy anyway");
            assert!(seen.insert(name.clone()), "{name} is named twice");
        }
    }
}

/// As on every other host.
fn holds(ran: &Ran<'_>) -> Vec<String> {
    let mut found = oracle::judge(&ran.live, &ran.observed);
    found.extend(receipts_differ(&ran.live, &ran.observed));
    found
}

impl Exceptions {
    fn read() -> Self {
        let file = cases::folder().join("exceptions.envoy.json");
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    fn of(&self, case: &Case) -> Option<&Group> {
        let named = |group: &&Group| group.cases.iter().any(|name| names_it(name, case.name()));
        self.groups.iter().find(named)
    }
}

impl Group {
    fn holds(&self, ran: &Ran<'_>) -> Vec<String> {
        let Self { envoy, why, .. } = self;
        if holds(ran).is_empty() {
            return vec![format!("holds now; take it out of exceptions.envoy.json ({why})")];
        }
        let mut found = ran.observed.faults.clone();
        // With another clock the engine itself may refuse the probe; then the receipts say so.
        if !matches!(envoy, What::Waits | What::KeepsTime) {
            found.extend(probe(ran));
        }
        match envoy {
            What::Refuses => found.extend(refused_by_envoy(ran)),
            What::Changes | What::KeepsTime => {
                found.extend(receipts_differ(&ran.live, &ran.observed))
            }
            What::Repairs => {}
            What::Waits => found.extend(before_the_probe(ran)),
        }
        found
    }
}

/// Every exchange but the probe: not a byte at the upstream, no success for the client, no `allow`.
fn refused_by_envoy(ran: &Ran<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let exchanges = ran.observed.exchanges.split_last().map_or(&[][..], |(_, before)| before);
    for seen in exchanges {
        if let Some(message) = &seen.upstream {
            found.push(format!("the upstream saw something: {message:?}"));
        }
        let status = seen.client.as_ref().map(|answer| answer.status);
        if status.is_some_and(|status| !(400..600).contains(&status)) {
            found.push(format!("the client got {status:?}"));
        }
        found.extend(
            seen.receipts
                .iter()
                .filter(|receipt| !receipt.contains("\"reason\":\"request_abandoned\""))
                .map(|receipt| format!("it was decided: {receipt}")),
        );
    }
    found
}

/// Every exchange but the probe, judged as anywhere.
fn before_the_probe(ran: &Ran<'_>) -> Vec<String> {
    let exchanges = ran.live.resolved.exchanges.iter().zip(&ran.live.expected);
    let seen = ran.observed.exchanges.split_last().map_or(&[][..], |(_, before)| before);
    if seen.len() + 1 != ran.live.expected.len() {
        return vec![format!("it did not come to its end: {:?}", ran.observed.refused)];
    }
    let judged = exchanges.zip(seen);
    judged.flat_map(|((e, expected), seen)| oracle::judge_exchange(e, expected, seen)).collect()
}

/// The good request at the end, which has to pass whatever came before.
fn probe(ran: &Ran<'_>) -> Vec<String> {
    let parts = (ran.live.resolved.exchanges.last(), ran.live.expected.last());
    match (parts, ran.observed.exchanges.last()) {
        ((Some(exchange), Some(expected)), Some(seen))
            if ran.observed.exchanges.len() == ran.live.expected.len() =>
        {
            let found = oracle::judge_exchange(exchange, expected, seen);
            found.into_iter().map(|line| format!("afterwards, a good request: {line}")).collect()
        }
        _ => vec![format!("it did not come to its end: {:?}", ran.observed.refused)],
    }
}

/// Receipts say what the engine's own say, but when.
fn receipts_differ(live: &Case, observed: &Observed) -> Vec<String> {
    let mut case = live.resolved.clone();
    if let Some(probe) = case.exchanges.last_mut() {
        for instant in [&mut probe.arrives, &mut probe.fetched, &mut probe.complete] {
            *instant += PROBE_LATER;
        }
    }
    let expected = Native.run(&case);
    let pairs = expected.exchanges.iter().zip(&observed.exchanges);
    let both = pairs.map(|(own, seen)| (timeless(&own.receipts), timeless(&seen.receipts)));
    let differ =
        |(own, seen)| format!("not the engine's own receipt:\n      {own:?}\n      {seen:?}");
    both.filter(|(own, seen)| own != seen).map(differ).collect()
}

/// The probe comes later than keys that could not be had are asked for again, as it does there.
const PROBE_LATER: u64 = 10_000;

fn timeless(receipts: &[String]) -> Vec<Value> {
    let timeless = |receipt: &String| {
        let mut receipt: Value = serde_json::from_str(receipt).unwrap_or_default();
        if let Some(members) = receipt.as_object_mut() {
            members.retain(|name, _| !["id", "time"].contains(&name.as_str()));
        }
        receipt
    };
    receipts.iter().map(timeless).collect()
}

fn names_it(listed: &str, name: &str) -> bool {
    name == listed || name.strip_prefix(listed).is_some_and(|rest| rest.starts_with('/'))
}

/// Without their variants.
fn names(cases: &[&Case]) -> String {
    let mut names = BTreeMap::<String, usize>::new();
    for case in cases {
        let name: Vec<_> = case.name().split('/').take(2).collect();
        *names.entry(name.join("/")).or_default() += 1;
    }
    let names = names.iter().map(|(name, count)| format!("{name} ({count})"));
    names.collect::<Vec<_>>().join(", ")
}

fn tell(failed: &[(String, Vec<String>)], total: usize) {
    let mut text = format!("{} of {total} cases do not hold in Envoy\n", failed.len());
    for (name, found) in failed {
        let _ = writeln!(text, "\n  {name}");
        for line in found {
            let _ = writeln!(text, "    {line}");
        }
    }
    assert!(failed.is_empty(), "{text}");
}
