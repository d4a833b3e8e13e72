//! Every case, on the engine itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deputy_engine::decision::Reason;
use host_tests::cases;
use host_tests::runner::{Exceptions, Native, report};

#[test]
fn every_case_holds_in_the_engine() {
    report::every_case(&mut Native, None);
}

#[test]
fn every_reason_has_a_refusing_case() {
    let expected = cases::all().iter().flat_map(|case| &case.expected);
    let refused: BTreeSet<_> =
        expected.filter_map(|expected| expected.expect.reason.as_deref()).collect();
    let known: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    let exceptions = Exceptions::read().reasons;
    let excused: BTreeSet<_> = exceptions.keys().map(String::as_str).collect();
    let strange: Vec<_> = refused.union(&excused).filter(|code| !known.contains(*code)).collect();
    assert!(strange.is_empty(), "there are no such reasons: {strange:?}");
    let missing: Vec<_> =
        known.iter().filter(|code| !refused.contains(*code) && !excused.contains(*code)).collect();
    assert!(missing.is_empty(), "no case refuses for these reasons: {missing:?}");
    let stale: Vec<_> = excused.intersection(&refused).collect();
    assert!(stale.is_empty(), "these have a case now; take them out of exceptions.json: {stale:?}");
}

/// `host-tests/cases/statements.json`.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Statements {
    #[serde(rename = "about")]
    _about: String,
    /// How many there are of each series.
    series: BTreeMap<String, usize>,
    /// Held by a test that is no case: its file, which names it.
    elsewhere: BTreeMap<String, String>,
    /// Has cases, and a part of it is held by tests that are none: their files, which name it.
    also: BTreeMap<String, Vec<String>>,
    /// Not for this code to hold, and why.
    not_here: BTreeMap<String, String>,
}

#[test]
fn every_statement_has_a_case() {
    let read =
        |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    let text = read(&cases::folder().join("statements.json"));
    let statements: Statements = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}"));
    let all = statements.series.iter();
    let all: BTreeSet<_> =
        all.flat_map(|(series, count)| (1..=*count).map(move |n| format!("{series}{n}"))).collect();
    let named: BTreeSet<_> = cases::all().iter().flat_map(|case| &case.refs).cloned().collect();
    let excused = statements.elsewhere.keys().chain(statements.not_here.keys());
    let excused: BTreeSet<_> = excused.cloned().collect();
    let missing: Vec<_> =
        all.iter().filter(|s| !named.contains(*s) && !excused.contains(*s)).collect();
    assert!(missing.is_empty(), "no case names {missing:?}");
    let stale: Vec<_> =
        excused.iter().filter(|s| named.contains(*s) || !all.contains(*s)).collect();
    assert!(stale.is_empty(), "take these out of statements.json: {stale:?}");
    let twice: Vec<_> = statements.also.keys().filter(|s| !named.contains(*s)).collect();
    assert!(twice.is_empty(), "no case names these: put them into `elsewhere`: {twice:?}");
    let also = statements.also.iter().flat_map(|(s, files)| files.iter().map(move |f| (s, f)));
    for (statement, file) in statements.elsewhere.iter().chain(also) {
        let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let names = words.into_iter().any(|word| word == statement);
        assert!(names, "{file} does not name {statement}");
    }
}

/// What is offered to begin with is tried: each of its policies decides a case of it.
#[test]
fn every_policy_of_the_library_decides_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/library");
    let files = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{e}"));
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let names = |text: String| {
        let parts = text.split("@id(\"").skip(1).map(|rest| rest.split('"').next());
        parts.flatten().map(str::to_owned).collect::<Vec<_>>()
    };
    let all: BTreeSet<_> = texts.flat_map(names).collect();
    assert!(all.len() > 10, "{all:?}");
    let cases = cases::all().iter().filter(|case| case.subject() == "library");
    let receipts = cases.flat_map(|case| &case.expected).filter_map(|e| e.expect.receipt.as_ref());
    let decided = receipts.flat_map(|receipt| {
        let policies = ["/policies/agent", "/policies/delegator"].map(|at| receipt.pointer(at));
        let policies = policies.into_iter().flatten().filter_map(|list| list.as_array()).flatten();
        policies.filter_map(|id| id.as_str().map(str::to_owned)).collect::<Vec<_>>()
    });
    let missing: Vec<_> = all.difference(&decided.collect()).cloned().collect();
    assert!(missing.is_empty(), "no case of `library` is decided by {missing:?}");
}
