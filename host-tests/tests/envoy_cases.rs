//! Every case, in real Envoy with the real module: the same expectations as on every other host.
//!
//! Envoy's clock can't be set, so every exchange happens now, and cases about time are left to the
//! other hosts. `envoy_cases/exceptions.json` names them, and the few cases in which Envoy itself
//! answers before the plugin is asked; a case that is listed without need fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "envoy_cases/exchange.rs"]
mod exchange;
#[path = "envoy_cases/host.rs"]
mod host;
#[path = "envoy_cases/keys.rs"]
mod keys;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use host::Envoy;
use host_tests::cases::Case;
use host_tests::runner::{Host as _, Native, Observed, oracle, report};
use serde::Deserialize;
use serde_json::Value;

/// By the name of a case, or of all cases that begin like that: why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    /// Cases that say when things happen.
    about_time: BTreeMap<String, String>,
    /// Cases that fail here, because Envoy itself answers.
    envoy_answers: BTreeMap<String, String>,
}

#[test]
fn every_case_holds_in_envoy() {
    let exceptions = Exceptions::read();
    let chosen = report::chosen();
    let (timed, cases): (Vec<_>, Vec<_>) =
        chosen.into_iter().partition(|case| exceptions.is_about_time(case));
    let mut failed: Vec<_> = timed.iter().filter_map(|case| not_about_time(case)).collect();
    let envoy = Envoy::start();
    for (case, live, observed) in envoy.run_all(&cases) {
        let mut found = oracle::judge(&live, &observed);
        found.extend(receipts_differ(case, &observed));
        if let Some(why) = exceptions.of(case) {
            found = if found.is_empty() { vec![format!("holds now; take it out ({why})")] } else { Vec::new() };
        }
        failed.extend((!found.is_empty()).then(|| (case.name().to_owned(), found)));
    }
    failed.extend(envoy.wrong().map(|wrong| ("all of them together".to_owned(), vec![wrong])));
    println!("envoy: {} cases, {} more about time", cases.len(), timed.len());
    tell(&failed, cases.len());
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

impl Exceptions {
    fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/envoy_cases/exceptions.json");
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    fn is_about_time(&self, case: &Case) -> bool {
        listed(&self.about_time, case).is_some()
    }

    fn of(&self, case: &Case) -> Option<&str> {
        listed(&self.envoy_answers, case)
    }
}

/// The whole name, or all of it up to a variant.
fn listed<'e>(list: &'e BTreeMap<String, String>, case: &Case) -> Option<&'e str> {
    let name = case.name();
    let of_all = name.rsplit_once('/').and_then(|(all, _)| list.get(all));
    list.get(name).or(of_all).map(String::as_str)
}

fn not_about_time(case: &Case) -> Option<(String, Vec<String>)> {
    let why = "is listed as being about time, and could run here".to_owned();
    (!case.needs_its_own_clock()).then(|| (case.name().to_owned(), vec![why]))
}

/// Receipts say what the engine's own say, but for what another moment changes.
fn receipts_differ(case: &Case, observed: &Observed) -> Vec<String> {
    let expected = Native.run(&case.resolved);
    let pairs = expected.exchanges.iter().zip(&observed.exchanges);
    let both = pairs.map(|(expected, seen)| (timeless(&expected.receipts), timeless(&seen.receipts)));
    let different = both.filter(|(expected, seen)| expected != seen);
    different
        .map(|(expected, seen)| {
            format!("not the engine's own receipt:\n      {expected:?}\n      {seen:?}")
        })
        .collect()
}

fn timeless(receipts: &[String]) -> Vec<String> {
    let timeless = |receipt: &String| {
        let mut receipt: Value = serde_json::from_str(receipt).unwrap_or_default();
        for (place, name) in
            [("", "id"), ("", "time"), ("/credential", "thumbprint"), ("/credential", "expires")]
        {
            let members = receipt.pointer_mut(place).and_then(Value::as_object_mut);
            members.and_then(|members| members.remove(name));
        }
        receipt.to_string()
    };
    receipts.iter().map(timeless).collect()
}
