//! What every permitted request is like on its way, and its response on the way back.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Judged, header};
use crate::cases::{ExpectResponse, Pair};
use crate::runner::{Answer, Message, secrets, subset};

pub(super) fn judge(judged: &Judged<'_>, receipt: &Value, found: &mut Vec<String>) {
    let Some(message) = &judged.seen.upstream else {
        found.push(format!(
            "the upstream saw nothing; the client got {}",
            shown(judged.seen.client.as_ref())
        ));
        return;
    };
    if let Some(expected) = &judged.expect().upstream_json {
        let got = serde_json::from_slice::<Value>(&message.body.0).ok();
        if got.as_ref() != Some(expected) {
            found.push(format!("the upstream got {got:?}, not {expected}"));
        }
    } else if message.body.0 != judged.exchange.whole_body() {
        found.push(format!(
            "the upstream got another body: {:?}",
            String::from_utf8_lossy(&message.body.0)
        ));
    }
    for (name, value) in &judged.expect().upstream {
        found.extend(header(name, value, message.all(name)));
    }
    identity(message, receipt, found);
    token(judged, message, found);
    others(judged, message, receipt, found);
    response(judged, receipt, found);
    let texts = &judged.expect().logs;
    let records: Vec<_> =
        judged.seen.logs.iter().filter(|line| line.starts_with("deputy-response ")).collect();
    let said = records.len() == texts.len()
        && records.iter().zip(texts).all(|(line, text)| line.contains(text.as_str()));
    if !said {
        found.push(format!("logs: expected {texts:?}, got {records:?}"));
    }
}

/// Who asks is our word and nobody else's.
fn identity(message: &Message, receipt: &Value, found: &mut Vec<String>) {
    let said = |path: &str| match receipt.pointer(path) {
        Some(Value::String(text)) => Value::String(visible(text)),
        _ => Value::Null,
    };
    for (name, path) in [
        ("x-deputy-agent", "/agent/id"),
        ("x-deputy-on-behalf-of", "/on_behalf_of/id"),
        ("x-deputy-evaluation-id", "/id"),
    ] {
        found.extend(header(name, &said(path), message.all(name)));
    }
    let strange =
        |pair: &&Pair| is_ours(&pair.0.0) && !OURS.iter().any(|name| name.as_bytes() == pair.0.0);
    let strangers: Vec<_> =
        message.headers.iter().chain(&message.trailers).filter(strange).collect();
    let in_trailers = message.trailers.iter().any(|pair| is_ours(&pair.0.0));
    if !strangers.is_empty() || in_trailers {
        found.push(format!(
            "the upstream got more of x-deputy-*: {:?} {strangers:?}",
            message.trailers
        ));
    }
}

/// MCP-40: a token goes on only where a case says so.
fn token(judged: &Judged<'_>, message: &Message, found: &mut Vec<String>) {
    if judged.expect().upstream.get("authorization").is_some_and(Value::is_string) {
        return;
    }
    for name in ["authorization", "dpop"] {
        found.extend(header(name, &Value::Null, message.all(name)));
    }
    let on = |name: &[u8]| {
        let name = String::from_utf8_lossy(name);
        judged.expect().upstream.get(&*name).is_some_and(Value::is_string)
    };
    let leaks = |value: &[u8]| {
        let text = String::from_utf8_lossy(value);
        judged.expected.tokens.iter().any(|token| secrets::leaks(token, &text))
    };
    let leaking = message.headers.iter().find(|pair| !on(&pair.0.0) && leaks(&pair.1.0));
    found.extend(leaking.map(|pair| {
        format!("the upstream got a token in {:?}", String::from_utf8_lossy(&pair.0.0))
    }));
}

/// Everything else is the client's, unchanged.
fn others(judged: &Judged<'_>, message: &Message, receipt: &Value, found: &mut Vec<String>) {
    // What an A2A server calls its own task may be in its path: a case that expects that says it.
    let (mcp, a2a) = (receipt["protocol"] == "mcp", receipt["protocol"] == "a2a");
    let moved = judged.expect().upstream.contains_key(":path");
    let touched = |name: &str| {
        is_ours(name.as_bytes())
            || CREDENTIALS.contains(&name.replace('_', "-").as_str())
            || (a2a && (REMOVED_WHEN_FILTERED.contains(&name) || (moved && name == ":path")))
            || (mcp && (REMOVED_WHEN_FILTERED.contains(&name) || SEALED.contains(&name)))
    };
    let (mut sent, mut got) = (joined(&judged.exchange.headers), joined(&message.headers));
    sent.retain(|name, _| !touched(name));
    got.retain(|name, _| !touched(name));
    if sent != got {
        found.push(format!("the client's own headers were changed: {sent:?} to {got:?}"));
    }
}

/// By name, as a host may have joined them.
fn joined(pairs: &[Pair]) -> BTreeMap<String, String> {
    let mut joined = BTreeMap::<String, String>::new();
    for (name, value) in pairs {
        let name = String::from_utf8_lossy(&name.0).to_ascii_lowercase();
        let value = String::from_utf8_lossy(&value.0);
        joined
            .entry(name)
            .and_modify(|all| *all = format!("{all},{value}"))
            .or_insert(value.into_owned());
    }
    joined
}

fn response(judged: &Judged<'_>, receipt: &Value, found: &mut Vec<String>) {
    let Some(answer) = &judged.seen.client else {
        found.push("the client got no answer".to_owned());
        return;
    };
    let sent = &judged.exchange.upstream;
    let status = judged.expect().status.unwrap_or(sent.status);
    if status != answer.status {
        found.push(format!("status: expected {status}, got {}", answer.status));
    }
    if let Some(expected) = &judged.expect().response {
        response_is(expected, answer, found);
    } else if !lists(receipt) {
        let body: Vec<u8> = sent.body.iter().flat_map(|piece| piece.0.iter().copied()).collect();
        let (mut got, mut meant) = (joined(&answer.headers), joined(&sent.headers));
        if receipt["protocol"] != "http" {
            // Every answer could have been changed, so nothing describes its bytes.
            let kept = |name: &String, _: &mut String| !STALE.contains(&name.as_str());
            got.retain(kept);
            meant.retain(kept);
        }
        if answer.body.0 != body || got != meant {
            found.push(format!("the response was changed: {}", shown(Some(answer))));
        }
    }
}

fn lists(receipt: &Value) -> bool {
    receipt["action"].as_str().is_some_and(|action| action.ends_with("/list"))
}

fn response_is(expected: &ExpectResponse, answer: &Answer, found: &mut Vec<String>) {
    let text = String::from_utf8_lossy(&answer.body.0);
    for (name, value) in &expected.headers {
        found.extend(header(name, value, answer.all(name)));
    }
    if let Some(body) = expected.body.as_ref().filter(|body| **body != text) {
        found.push(format!("response: expected {body:?}, got {text:?}"));
    }
    if let Some(expected) = &expected.json {
        subset::compare(expected, serde_json::from_str(&text).ok().as_ref(), "response", found);
    }
    if let Some(expected) = &expected.sse {
        let events = Value::Array(events(&text));
        subset::compare(&Value::Array(expected.clone()), Some(&events), "events", found);
    }
    if let Some(expected) = &expected.tools {
        let tools = tools(&text);
        if tools != *expected {
            found.push(format!("tools: expected {expected:?}, got {tools:?} in {text:?}"));
        }
    }
    if let Some(expected) = &expected.listed {
        let listed = listed(&text);
        if listed != *expected {
            found.push(format!("listed: expected {expected:?}, got {listed:?} in {text:?}"));
        }
    }
    let without = expected.without.iter().filter(|piece| text.contains(piece.as_str()));
    found.extend(without.map(|piece| format!("the client got {piece:?}: {text:?}")));
}

/// The JSON data of every event, by the rules of WHATWG HTML §9.2.6.
fn events(text: &str) -> Vec<Value> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let data = |event: &str| {
        let lines = event.lines().filter_map(|line| line.strip_prefix("data:"));
        let lines: Vec<_> = lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    };
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let events = whole.split("\n\n").filter_map(data);
    events.map(|data| serde_json::from_str(&data).unwrap_or(Value::String(data))).collect()
}

/// The names in every list of tools, whatever it comes in.
fn tools(text: &str) -> Vec<String> {
    let documents =
        serde_json::from_str::<Value>(text).map_or_else(|_| events(text), |one| vec![one]);
    let lists =
        documents.iter().filter_map(|document| document.pointer("/result/tools")?.as_array());
    lists.flatten().filter_map(|tool| tool["name"].as_str()).map(str::to_owned).collect()
}

/// The same for resources, their templates and prompts.
fn listed(text: &str) -> Vec<String> {
    let documents =
        serde_json::from_str::<Value>(text).map_or_else(|_| events(text), |one| vec![one]);
    let of = |document: &Value, (list, name): &(&str, &str)| {
        let entries = document["result"][*list].as_array().cloned().unwrap_or_default();
        entries.iter().filter_map(|e| e[*name].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let lists = [("resources", "uri"), ("resourceTemplates", "uriTemplate"), ("prompts", "name")];
    documents.iter().flat_map(|document| lists.iter().flat_map(|l| of(document, l))).collect()
}

fn shown(answer: Option<&Answer>) -> String {
    answer.map_or("nothing".to_owned(), |answer| {
        format!("{} {:?}", answer.status, String::from_utf8_lossy(&answer.body.0))
    })
}

/// As identities are written into headers.
fn visible(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'%';
    text.bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn is_ours(name: &[u8]) -> bool {
    String::from_utf8_lossy(name).to_ascii_lowercase().replace('_', "-").starts_with("x-deputy-")
}

/// What only the gateway may see of them is for each case to say.
const CREDENTIALS: [&str; 5] =
    ["authorization", "dpop", "workload-identity-token", "workload-proof-token", "txn-token"];
const OURS: [&str; 3] = ["x-deputy-agent", "x-deputy-on-behalf-of", "x-deputy-evaluation-id"];
/// Ids that the client has in a form of its own.
const SEALED: [&str; 2] = ["mcp-session-id", "last-event-id"];
const STALE: [&str; 4] = ["content-length", "etag", "content-digest", "last-modified"];
/// An encoded, partial or cached answer could not be filtered.
const REMOVED_WHEN_FILTERED: [&str; 7] = [
    "accept-encoding",
    "range",
    "if-range",
    "if-none-match",
    "if-modified-since",
    "if-match",
    "if-unmodified-since",
];
