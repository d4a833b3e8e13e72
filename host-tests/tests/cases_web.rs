//! Every case, on the module for JavaScript hosts, in Node.

use host_tests::runner::{Native, Node, report};

#[test]
fn every_case_holds_in_node() {
    let cases = report::chosen();
    let mut node = Node::run_all(cases.iter().map(|case| &case.resolved));
    report::every_case(&mut node, Some(&mut Native));
}
