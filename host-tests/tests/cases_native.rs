//! Every case, on the engine itself.

use std::collections::BTreeSet;

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
