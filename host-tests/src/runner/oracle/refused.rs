//! What every refusal is like.

use serde_json::Value;

use super::{Judged, header};
use crate::runner::{Answer, secrets, subset};

pub(super) fn judge(judged: &Judged<'_>, receipt: &Value, found: &mut Vec<String>) {
    if let Some(message) = &judged.seen.upstream {
        found.push(format!("the upstream saw something: {message:?}"));
    }
    let Some(answer) = &judged.seen.client else {
        found.push("the client got no answer".to_owned());
        return;
    };
    let expect = judged.expect();
    if expect.status != Some(answer.status) {
        found.push(format!("status: expected {:?}, got {}", expect.status, answer.status));
    }
    for (name, value) in &expect.reply_headers {
        found.extend(header(name, value, answer.all(name)));
    }
    headers(answer, receipt, found);
    let is_head = judged.exchange.header(":method") == Some(b"HEAD");
    let asked_as = judged.exchange.header("content-type").unwrap_or_default();
    if asked_as == b"application/grpc" || asked_as.starts_with(b"application/grpc+") {
        grpc(answer, found);
    } else if !(is_head && answer.body.0.is_empty()) {
        body(judged, answer, receipt, found);
    }
    is_coarse(judged, answer, receipt, found);
}

/// standards §12; and the id by which the receipt is found, because clients drop bodies.
fn headers(answer: &Answer, receipt: &Value, found: &mut Vec<String>) {
    found.extend(header("cache-control", &"no-store".into(), answer.all("cache-control")));
    let id = receipt.get("id").unwrap_or(&Value::Null);
    found.extend(header(EVALUATION, id, answer.all(EVALUATION)));
    let needed = match answer.status {
        401 => "www-authenticate",
        405 => "allow",
        503 => "retry-after",
        _ => return,
    };
    if answer.all(needed).count() != 1 {
        found.push(format!("{} without one {needed}", answer.status));
    }
}

fn body(judged: &Judged<'_>, answer: &Answer, receipt: &Value, found: &mut Vec<String>) {
    // A task that waits may be the first event of a stream.
    let bytes = &answer.body.0;
    let event = bytes.strip_prefix(b"data: ").and_then(|data| data.strip_suffix(b"\n\n"));
    let Ok(body) = serde_json::from_slice::<Value>(event.unwrap_or(bytes)) else {
        found.push(format!("the reply is no JSON: {:?}", String::from_utf8_lossy(&answer.body.0)));
        return;
    };
    if body.pointer("/result/resultType") == Some(&"input_required".into()) {
        return asks(judged, &body, receipt, found);
    }
    // A place that is not known yet has a form all the same.
    let of_a2a = ["/error/details", "/error/data/0/metadata"].map(|path| body.pointer(path));
    if receipt["protocol"] == "a2a" || of_a2a.iter().any(Option::is_some) {
        return a2a(judged, (answer, event.is_some()), &body, receipt, found);
    }
    let rpc = body.get("jsonrpc").is_some();
    let media_type = if rpc { "application/json" } else { "application/problem+json" };
    found.extend(header("content-type", &media_type.into(), answer.all("content-type")));
    let (evaluation, whole) = match rpc {
        true => (body.pointer("/error/data/evaluation_id"), is_rpc_error(&body)),
        false => (
            body.get("evaluation_id"),
            body["status"] == answer.status && body["title"].is_string(),
        ),
    };
    if !whole || evaluation != receipt.get("id") {
        found.push(format!("not a refusal of this evaluation: {body}"));
    }
    if let Some(expected) = &judged.expect().reply {
        subset::compare(expected, Some(&body), "reply", found);
    }
}

/// A status of gRPC in headers alone, whatever the host (`PROTOCOL-HTTP2.md`, "Trailers-Only").
fn grpc(answer: &Answer, found: &mut Vec<String>) {
    found.extend(header("content-type", &"application/grpc".into(), answer.all("content-type")));
    let status = answer.all("grpc-status").next().unwrap_or_default();
    let message = answer.all("grpc-message").count();
    if answer.status != 200 || matches!(status, b"" | b"0") || message != 1 {
        found.push(format!("not a refusal of gRPC: {answer:?}"));
    }
    if !answer.body.0.is_empty() {
        found.push("a refusal of gRPC has no body".to_owned());
    }
}

/// A2A 1.0 §9.5 and §11.6: an error in the form of its binding; or a task that waits for a human (§7.6).
fn a2a(
    judged: &Judged<'_>,
    (answer, event): (&Answer, bool),
    body: &Value,
    receipt: &Value,
    found: &mut Vec<String>,
) {
    let media_type = if event { "text/event-stream" } else { "application/json" };
    found.extend(header("content-type", &media_type.into(), answer.all("content-type")));
    let rpc = body.get("jsonrpc").is_some();
    let task = ["/result/task", "/task", "/result"].iter().find_map(|path| body.pointer(path));
    let (details, whole) = match (task, rpc) {
        (Some(task), _) => {
            let state = task["status"]["state"].as_str().unwrap_or_default();
            let waits = ["TASK_STATE_AUTH_REQUIRED", "auth-required"].contains(&state);
            (task.pointer("/status/message/parts/1/data"), waits && answer.status == 200)
        }
        (None, true) => (body.pointer("/error/data/0/metadata"), is_rpc_error(body)),
        (None, false) => {
            let error = &body["error"];
            let whole = error["code"] == answer.status
                && error["status"].is_string()
                && error["message"].is_string()
                && error["details"][0]["@type"].is_string();
            (body.pointer("/error/details/0/metadata"), whole)
        }
    };
    if !whole || details.and_then(|d| d.get("evaluation_id")) != receipt.get("id") {
        found.push(format!("not a refusal of this evaluation: {body}"));
    }
    if let Some(expected) = &judged.expect().reply {
        subset::compare(expected, Some(body), "reply", found);
    }
}

/// MCP 2026-07-28: a result that sends the client to a page is a refusal of this call all the same.
fn asks(judged: &Judged<'_>, body: &Value, receipt: &Value, found: &mut Vec<String>) {
    let evaluation = body.pointer("/result/_meta/deputy~1refusal/evaluation_id");
    let members = body.as_object().into_iter().flatten();
    let known = members
        .map(|(name, _)| name)
        .all(|name| ["jsonrpc", "id", "result"].contains(&name.as_str()));
    if !known || evaluation != receipt.get("id") || body["result"].get("requestState").is_some() {
        found.push(format!("not a question of this evaluation: {body}"));
    }
    if let Some(expected) = &judged.expect().reply {
        subset::compare(expected, Some(body), "reply", found);
    }
}

/// JSON-RPC 2.0 §5.
fn is_rpc_error(body: &Value) -> bool {
    let members = body.as_object().into_iter().flatten();
    let known = members
        .map(|(name, _)| name)
        .all(|name| ["jsonrpc", "id", "error"].contains(&name.as_str()));
    let error = &body["error"];
    known && body["jsonrpc"] == "2.0" && error["code"].is_i64() && error["message"].is_string()
}

/// The caller learns no policy, no person, and nothing of the token (L9).
fn is_coarse(judged: &Judged<'_>, answer: &Answer, receipt: &Value, found: &mut Vec<String>) {
    let headers = answer.headers.iter().map(|(_, value)| &value.0);
    let text: Vec<u8> = headers
        .chain([&answer.body.0])
        .flat_map(|part| [part.as_slice(), b"\n"].concat())
        .collect();
    let text = String::from_utf8_lossy(&text);
    if judged.expected.tokens.iter().any(|token| secrets::leaks(token, &text)) {
        found.push(format!("a token is in the reply: {text}"));
    }
    let policies = ["/policies/agent", "/policies/delegator"].map(|path| receipt.pointer(path));
    let policies = policies.into_iter().flatten().filter_map(Value::as_array).flatten();
    let people = ["/agent/id", "/agent/owner", "/agent/sponsor", "/on_behalf_of/id"]
        .map(|path| receipt.pointer(path));
    let inner = policies.chain(people.into_iter().flatten()).filter_map(Value::as_str);
    let told = inner
        .chain(judged.expect().never.iter().map(String::as_str))
        .filter(|inner| text.contains(inner));
    found.extend(told.map(|inner| format!("the reply tells {inner:?}: {text}")));
}

const EVALUATION: &str = "x-deputy-evaluation-id";
