//! Running every case on a host and telling everything that is wrong at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Exceptions, Host, Observed, oracle};
use crate::cases::{self, Case};

/// Runs every case, or those that the variable `CASES` names by the beginning of their names.
/// With a `reference`, receipts have to be the same byte for byte.
///
/// # Panics
/// When a case does not hold, with all differences of all of them.
pub fn every_case(host: &mut dyn Host, mut reference: Option<&mut dyn Host>) {
    let exceptions = Exceptions::read();
    let mut report = Report { host: host.name(), ..Report::default() };
    for case in chosen() {
        let observed = host.run(&case.resolved);
        let mut found = oracle::judge(case, &observed);
        if let Some(reference) = &mut reference {
            found.extend(receipts_differ(&reference.run(&case.resolved), &observed));
        }
        report.add(case, found, exceptions.of(&host.name(), case.name()));
    }
    report.finish();
}

/// The cases to run.
///
/// # Panics
/// When `CASES` names none: a filter that is misspelt must not look like success.
pub fn chosen() -> Vec<&'static Case> {
    let filter = std::env::var("CASES").unwrap_or_default();
    let chosen: Vec<_> =
        cases::all().iter().filter(|case| case.name().starts_with(&filter)).collect();
    assert!(!chosen.is_empty(), "no case begins with CASES={filter}");
    chosen
}

fn receipts_differ(expected: &Observed, actual: &Observed) -> Vec<String> {
    let pairs = expected.exchanges.iter().zip(&actual.exchanges);
    let different = pairs.filter(|(expected, actual)| expected.receipts != actual.receipts);
    different
        .map(|(expected, actual)| {
            format!(
                "the receipt is not the engine's own:\n      {:?}\n      {:?}",
                expected.receipts, actual.receipts
            )
        })
        .collect()
}

#[derive(Default)]
struct Report {
    host: String,
    run: BTreeMap<String, usize>,
    failed: Vec<(String, Vec<String>)>,
}

impl Report {
    fn add(&mut self, case: &Case, found: Vec<String>, exception: Option<&str>) {
        *self.run.entry(case.subject().to_owned()).or_default() += 1;
        let found = match (exception, found.is_empty()) {
            (None, _) => found,
            (Some(_), false) => return,
            (Some(why), true) => vec![format!("holds now; take it out of exceptions.json ({why})")],
        };
        if !found.is_empty() {
            self.failed.push((case.name().to_owned(), found));
        }
    }

    fn finish(self) {
        let total: usize = self.run.values().sum();
        let subjects: Vec<_> =
            self.run.iter().map(|(subject, count)| format!("{subject} {count}")).collect();
        println!("{}: {total} cases ({})", self.host, subjects.join(", "));
        if self.failed.is_empty() {
            return;
        }
        let mut text =
            format!("{} of {total} cases do not hold on {}\n", self.failed.len(), self.host);
        for (name, found) in &self.failed {
            let _ = writeln!(text, "\n  {name}");
            for line in found {
                let _ = writeln!(text, "    {line}");
            }
        }
        panic!("{text}");
    }
}
