//! A real MCP client and a real MCP server, strangers to Deputy, through the example's own Envoy
//! configuration: what an agent behind such a gateway sees, and what the server does not see.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "envoy_mcp/stage.rs"]
mod stage;

use deputy_example_envoy_mcp::agent::Protocol;
use deputy_example_envoy_mcp::orders::Answers;
use serde_json::{Value, json};
use stage::{Stage, Who};

const EVERY: [(Protocol, Answers); 6] = [
    (Protocol::Modern, Answers::Sse),
    (Protocol::Modern, Answers::Json),
    (Protocol::Session, Answers::Sse),
    (Protocol::Session, Answers::Json),
    (Protocol::OldSession, Answers::Sse),
    (Protocol::OldSession, Answers::Json),
];

/// What refund-bot may be permitted to call for dana.
const FOR_DANA: [&str; 3] = ["get_order", "list_orders", "refund"];

#[test]
fn an_agent_sees_and_calls_what_it_may_in_every_version() {
    for (protocol, answers) in EVERY {
        let stage = Stage::shared(answers);
        let mark = stage.mark();
        let steps = [
            "tools/list",
            r#"tools/call get_order {"id": 1042}"#,
            r#"tools/call refund {"id": 1042, "amount": 40}"#,
            r#"tools/call refund {"id": 1042, "amount": 400}"#,
            r#"tools/call delete_customer {"id": 7}"#,
        ];
        let lines = stage.play(protocol, Who::AgentFor("refund-bot", "dana"), &steps);
        let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().unwrap()).collect();
        let expected = ["answered", "answered", "answered", "answered", "refused", "refused"];
        assert_eq!(outcomes, expected, "{protocol:?}: {lines:#?}");
        assert_eq!(tools(&lines[1]), FOR_DANA, "{protocol:?}");
        refused(&lines[4], 403, protocol);
        refused(&lines[5], 403, protocol);
        assert!(lines[4]["error"]["data"]["access_request"].is_object(), "{:#?}", lines[4]);
        server_saw_only_what_was_allowed(&stage.witnessed(&mark), protocol);
        let receipts = stage.receipts(&mark);
        assert_eq!(
            reasons(&receipts),
            ["approval_required", "delegator_not_allowed"],
            "{protocol:?}"
        );
        matches_its_receipt(&lines, &receipts);
    }
}

/// Why requests were refused. A client with a session also asks for a stream (GET) and ends it
/// (DELETE), which it may not; when it does, is its own business.
fn reasons(receipts: &[Value]) -> Vec<&str> {
    let reasons = receipts.iter().filter_map(|receipt| receipt["reason"].as_str());
    reasons.filter(|reason| *reason != "method_not_served").collect()
}

fn tools(line: &Value) -> Vec<&str> {
    let tools = line["tools"].as_array().unwrap_or_else(|| panic!("no tools in {line:#}"));
    let mut tools: Vec<_> = tools.iter().map(|tool| tool.as_str().unwrap()).collect();
    tools.sort_unstable();
    tools
}

/// Every evaluation that the agent was told of is in the record, with the agent's own hashes.
fn matches_its_receipt(lines: &[Value], receipts: &[Value]) {
    for line in lines.iter().filter(|line| line["evaluation_id"].is_string()) {
        let same = |receipt: &&Value| receipt["id"] == line["evaluation_id"];
        let receipt = receipts.iter().find(same).unwrap_or_else(|| panic!("no record of {line}"));
        assert_eq!(receipt["arguments"], line["arguments"], "{line}");
        assert_eq!(receipt["credential"]["thumbprint"], line["credential"], "{line}");
    }
}

fn server_saw_only_what_was_allowed(witnessed: &[Value], protocol: Protocol) {
    let calls: Vec<_> = witnessed.iter().filter(|line| line["method"] == "tools/call").collect();
    let called: Vec<_> = calls.iter().map(|line| line["arguments"].clone()).collect();
    let allowed = [json!({ "id": 1042 }), json!({ "id": 1042, "amount": 40 })];
    assert_eq!(called, allowed, "{protocol:?}");
    for line in witnessed {
        assert_eq!(line["authorization"], false, "{line}");
        let identity = &line["identity"];
        assert_eq!(identity["x-deputy-agent"], json!(["https://idp.acme.example#refund-bot"]));
        assert_eq!(identity["x-deputy-on-behalf-of"], json!(["https://idp.acme.example#dana"]));
    }
}

fn refused(line: &Value, status: u16, protocol: Protocol) {
    assert_eq!(line["http"], status, "{protocol:?}: {line:#}");
    assert!(line["evaluation_id"].is_string(), "{protocol:?}: {line:#}");
}

#[test]
fn a_human_may_more_and_the_agent_gets_it_only_for_that_human() {
    let stage = Stage::shared(Answers::Sse);
    let step = [r#"tools/call delete_customer {"id": 9}"#];
    let lines = stage.play(Protocol::Modern, Who::AgentFor("refund-bot", "dana"), &step);
    refused(&lines[1], 403, Protocol::Modern);
    let lines = stage.play(Protocol::Modern, Who::AgentFor("refund-bot", "lee"), &step);
    assert_eq!(lines[1]["outcome"], "answered", "{lines:#?}");
}

#[test]
fn who_may_not_come_in_at_all_does_not_reach_the_server() {
    let stage = Stage::shared(Answers::Sse);
    for (who, status, reason) in [
        (Who::Human("dana"), 403, "impersonation"),
        (Who::Nobody, 401, "no_credential"),
        (Who::AgentFor("orphan-bot", "dana"), 403, "agent_without_owner"),
        (Who::AgentFor("old-bot", "dana"), 403, "agent_suspended"),
    ] {
        for protocol in [Protocol::Modern, Protocol::Session, Protocol::OldSession] {
            let mark = stage.mark();
            let lines = stage.play(protocol, who, &["tools/list"]);
            assert_eq!(lines.len(), 1, "{who:?} {protocol:?}: {lines:#?}");
            refused(&lines[0], status, protocol);
            assert!(lines[0]["challenge"].is_string(), "{lines:#?}");
            assert_eq!(stage.witnessed(&mark), [Value::Null; 0], "{who:?} {protocol:?}");
            assert_eq!(reasons(&stage.receipts(&mark)), [reason], "{who:?} {protocol:?}");
        }
    }
}

#[test]
fn an_autonomous_agent_is_named_and_has_its_own_list() {
    let stage = Stage::shared(Answers::Json);
    let steps =
        ["tools/list", "tools/call export_customers {}", r#"tools/call get_order {"id": 1042}"#];
    let lines = stage.play(Protocol::Modern, Who::Agent("nightly-report"), &steps);
    assert_eq!(tools(&lines[1]), ["export_customers", "list_orders"]);
    assert_eq!(lines[2]["outcome"], "answered", "{lines:#?}");
    refused(&lines[3], 403, Protocol::Modern);
}
