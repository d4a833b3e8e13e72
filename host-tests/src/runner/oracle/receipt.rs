//! One receipt for each exchange: what it says, and what it must not.

use serde_json::Value;

use super::Judged;
use crate::runner::{secrets, subset};

/// The receipt, or nothing if there is not exactly one.
pub(super) fn judge(judged: &Judged<'_>, found: &mut Vec<String>) -> Value {
    let [line] = judged.seen.receipts.as_slice() else {
        found.push(format!("{} receipts: {:?}", judged.seen.receipts.len(), judged.seen.receipts));
        return Value::Null;
    };
    let receipt: Value = serde_json::from_str(line).unwrap_or_default();
    says(judged, &receipt, found);
    form(line, &receipt, found);
    keeps_secrets(judged, found);
    receipt
}

fn says(judged: &Judged<'_>, receipt: &Value, found: &mut Vec<String>) {
    let expect = judged.expect();
    let (verdict, reason) = (receipt["verdict"].as_str(), receipt["reason"].as_str());
    if (verdict, reason) != (Some(expect.verdict.as_str()), expect.reason.as_deref()) {
        let expected = [Some(expect.verdict.as_str()), expect.reason.as_deref()];
        found.push(format!("verdict: expected {expected:?}, got {:?}", [verdict, reason]));
    }
    if let Some(expected) = &expect.receipt {
        subset::compare(expected, Some(receipt), "receipt", found);
    }
}

/// What every receipt is like.
fn form(line: &str, receipt: &Value, found: &mut Vec<String>) {
    let members = receipt.as_object().into_iter().flatten();
    let strangers: Vec<_> =
        members.map(|(name, _)| name).filter(|name| !MEMBERS.contains(&name.as_str())).collect();
    if !strangers.is_empty() {
        found.push(format!("a receipt has no {strangers:?}"));
    }
    let refusal = receipt["verdict"] != "allow";
    let id = receipt["id"].as_str().is_some_and(|id| id.len() == 36);
    let whole =
        receipt["v"] == 1 && id && receipt["time"].is_string() && receipt["revision"].is_u64();
    let explained =
        receipt["question"].is_string() == refusal && receipt["reason"].is_string() == refusal;
    if !(whole && explained) {
        found.push(format!("not a whole receipt: {line}"));
    }
    if line.len() > LONGEST || line.contains(|c: char| c.is_control()) {
        found.push(format!("a receipt is one line of at most {LONGEST} bytes: {line}"));
    }
}

/// Neither the receipt nor another log line may hold a token or a text of `never`.
fn keeps_secrets(judged: &Judged<'_>, found: &mut Vec<String>) {
    let seen = judged.seen;
    for line in seen.receipts.iter().chain(&seen.logs) {
        if judged.expected.tokens.iter().any(|token| secrets::leaks(token, line)) {
            found.push(format!("a token is in the log: {line}"));
        }
        let never = judged.expect().never.iter().filter(|text| line.contains(text.as_str()));
        found.extend(never.map(|text| format!("{text:?} is in the log: {line}")));
    }
}

const MEMBERS: [&str; 28] = [
    "v",
    "id",
    "time",
    "verdict",
    "reason",
    "question",
    "advice",
    "caller",
    "agent",
    "on_behalf_of",
    "credential",
    "also",
    "shared",
    "transaction",
    "protocol",
    "action",
    "resource",
    "arguments",
    "reaches",
    "policies",
    "grants",
    "decisive",
    "approval",
    "behavior",
    "retry_after",
    "approvers",
    "revision",
    "trace",
];
const LONGEST: usize = 8 * 1024;
