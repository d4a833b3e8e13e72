//! What is left of a list. Event streams are in `events`; `any` holds for whatever arrives.

mod any;
mod events;

use super::*;

const LIMIT: usize = 4000;

fn filter(status: u16, headers: &[(&str, &str)]) -> (ListFilter, ResponseEdits) {
    let mut filter = ListFilter::new(tools_list(), LIMIT);
    let headers: Vec<_> =
        headers.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
    let edits = filter.head(status, &headers);
    (filter, edits)
}

fn tools_list() -> Answers {
    Answers { to: vec![(RpcId::Integer(1), Some(ListOf::Tools))], ..Answers::default() }
}

fn may_call(tool: &str) -> bool {
    tool.starts_with("ok")
}

/// Shows what begins with "ok", whatever it is, lets the server ask for nothing but roots, and keeps
/// the ids of events.
struct Strict;

impl Judge for Strict {
    fn shows(&mut self, _: ListOf, name: &str, _: &str) -> bool {
        may_call(name)
    }

    fn may_ask(&mut self, method: &str) -> bool {
        method == "roots/list"
    }

    fn event_id(&mut self, id: &str) -> Option<String> {
        Some(id.to_owned())
    }

    fn seal(&mut self, _: IdKind, id: &str) -> Option<String> {
        Some(format!("sealed.{id}"))
    }

    fn shows_skill(&mut self, id: &str) -> bool {
        may_call(id)
    }
}

fn run(status: u16, media: &str, chunks: &[&[u8]]) -> String {
    let (mut filter, _) = filter(status, &[("content-type", media)]);
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend(filter.push(chunk, false, &mut Strict));
    }
    out.extend(filter.push(b"", true, &mut Strict));
    out.extend(filter.push(b"after the end", true, &mut Strict));
    String::from_utf8(out).unwrap()
}

fn json(body: &str) -> String {
    run(200, "application/json", &[body.as_bytes()])
}

fn sse(body: &str) -> String {
    run(200, "text/event-stream", &[body.as_bytes()])
}

fn answer(result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#)
}

/// The code with which a body was withheld, if it was, and nothing else went on.
fn withheld(out: &str) -> Option<String> {
    let message = out.strip_prefix("data: ").unwrap_or(out).trim_end();
    let value: serde_json::Value = serde_json::from_str(message).ok()?;
    assert_eq!((value["id"].as_i64(), value["jsonrpc"].as_str()), (Some(1), Some("2.0")));
    Some(value["error"]["data"]["withheld"].as_str()?.to_owned())
}

const LIST: &str = r#"{"tools":[{"name":"ok1"},{"name":"secret"},{"name":"ok2"}]}"#;
const LEFT: &str = r#"{"tools":[{"name":"ok1"},{"name":"ok2"}],"cacheScope":"private"}"#;

#[test]
fn a_list_loses_the_tools_its_caller_could_not_call() {
    assert_eq!(json(&answer(LIST)), answer(LEFT));
    let sent = format!("event: message\nid: 7\ndata: {}\n\n", answer(LIST));
    assert_eq!(sse(&sent), format!("id: 7\nevent: message\ndata: {}\n\n", answer(LEFT)));
}

#[test]
fn what_stays_is_passed_on_as_it_was_written() {
    let tool = r#"{ "name" : "ok" , "inputSchema":{"maximum":18446744073709551615,"minimum":-1e308,"x":1.0} }"#;
    let result = format!(r#"{{"_meta":{{"a":[1e300]}},"tools":[{tool}],"nextCursor":"n\u00e9"}}"#);
    let left = format!(
        r#"{{"_meta":{{"a":[1e300]}},"tools":[{tool}],"nextCursor":"n\u00e9","cacheScope":"private"}}"#
    );
    assert_eq!(json(&answer(&result)), answer(&left));
}

#[test]
fn a_filtered_list_is_private_and_soon_stale() {
    for (from, to) in [
        (r#""cacheScope":"public""#, r#""cacheScope":"private""#),
        (r#""cacheScope":"private","ttlMs":60000"#, r#""cacheScope":"private","ttlMs":60000"#),
        (r#""ttlMs":60001,"cacheScope":1"#, r#""ttlMs":60000,"cacheScope":"private""#),
        (r#""ttlMs":1e300,"cacheScope":1"#, r#""ttlMs":0,"cacheScope":"private""#),
        (r#""ttlMs":"9","cacheScope":1"#, r#""ttlMs":0,"cacheScope":"private""#),
    ] {
        let (sent, left) = (format!(r#"{{{from},"tools":[]}}"#), format!(r#"{{{to},"tools":[]}}"#));
        assert_eq!(json(&answer(&sent)), answer(&left));
    }
}

#[test]
fn a_tool_that_cannot_be_read_in_one_way_is_dropped_alone() {
    for bad in [
        "1",
        "null",
        "[]",
        "{}",
        "\"ok\"",
        r#"{"name":1}"#,
        r#"{"Name":"ok"}"#,
        r#"{"title":"ok"}"#,
        r#"{"name":"ok","Name":"secret"}"#,
        r#"{"name":"ok","name":"secret"}"#,
        r#"{"name":"ok","d":"\u0000"}"#,
        r#"{"name":"ok","d":{"a":1,"A":2}}"#,
        r#"{"name":"ok","x":1e999}"#,
        r#"{"name":"ok\u0000"}"#,
        r#"{"name":"ok","d":"\ud800"}"#,
    ] {
        let sent = format!(r#"{{"tools":[{{"name":"ok1"}},{bad},{{"name":"ok2"}}]}}"#);
        assert_eq!(json(&answer(&sent)), answer(LEFT), "{bad}");
    }
    let deep = format!(r#"{{"name":"ok","d":{}{}}}"#, "[".repeat(80), "]".repeat(80));
    assert_eq!(
        json(&answer(&format!(r#"{{"tools":[{deep}]}}"#))),
        answer(r#"{"tools":[],"cacheScope":"private"}"#)
    );
}

#[test]
fn an_answer_that_is_not_the_expected_list_is_withheld() {
    for (body, code) in [
        (format!("[{}]", answer(LIST)), "batch"),
        (answer(LIST).replace("\"id\":1", "\"id\":2"), "other_request"),
        (answer(LIST).replace("\"id\":1", "\"id\":\"1\""), "other_request"),
        (answer(LIST).replace("\"id\":1", "\"id\":null"), "other_request"),
        (answer(LIST).replace("\"id\":1,", ""), "other_request"),
        (answer(LIST).replace("result", "Result"), "not_a_message"),
        (answer(LIST).replace("2.0", "1.0"), "not_a_message"),
        (answer(LIST).replace("}]}}", "}]},\"method\":\"x\"}"), "not_a_message"),
        (answer(LIST).replace("}]}}", "}]},\"error\":{}}"), "not_a_message"),
        (answer(LIST).replace("}]}}", "}]},\"Result\":1}"), "malformed"),
        (answer(LIST).replace("tools", "Tools"), "not_a_list"),
        (answer(r#"{"tools":{}}"#), "not_a_list"),
        (answer("[]"), "not_a_list"),
        (answer(r#"{"tools":[],"Tools":[{"name":"secret"}]}"#), "malformed"),
        (answer(r#"{"tools":[],"x":{"a":1,"a":2}}"#), "malformed"),
        (format!("{} ", answer(LIST)) + "{}", "malformed"),
        ("secret".to_owned(), "malformed"),
        ("\"secret\"".to_owned(), "not_a_message"),
        (r#"{"secret":1}"#.to_owned(), "not_a_message"),
        (format!("{}{}", answer(LIST), " ".repeat(LIMIT)), "too_long"),
    ] {
        assert_eq!(withheld(&json(&body)).as_deref(), Some(code), "{body}");
        if code != "too_long" {
            let event = format!("data: {body}\n\ndata: {}\n\n", answer(LIST));
            assert_eq!(withheld(&sse(&event)).as_deref(), Some(code), "{body}");
        }
    }
}

#[test]
fn an_error_passes_as_it_came() {
    let error =
        |id: &str| format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32000,"message":"x"}}}}"#);
    for id in ["\"id\":1,", "\"id\":null,", ""] {
        assert_eq!(json(&error(id)), error(id));
    }
    assert_eq!(withheld(&json(&error("\"id\":2,"))).as_deref(), Some("other_request"));
}

#[test]
fn a_status_that_is_no_success_may_come_with_any_strict_json_but_a_list() {
    let body = r#"{"error":"invalid_token","error_description":"no"}"#;
    assert_eq!(run(401, "application/json", &[body.as_bytes()]), body);
    assert_eq!(run(403, "application/problem+json", &[body.as_bytes()]), body);
    assert_eq!(
        withheld(&run(200, "application/problem+json", &[body.as_bytes()])).as_deref(),
        Some("media_type")
    );
    assert_eq!(run(500, "application/json", &[answer(LIST).as_bytes()]), answer(LEFT));
    for bad in ["[]", "oops", r#"{"Result":{}}"#, r#"{"a":1,"a":2}"#] {
        assert!(withheld(&run(500, "application/json", &[bad.as_bytes()])).is_some(), "{bad}");
    }
}

#[test]
fn an_empty_body_stays_empty() {
    for media in ["application/json", "text/event-stream", "text/html"] {
        assert_eq!(run(202, media, &[]), "", "{media}");
    }
}

#[test]
fn what_cannot_be_inspected_is_withheld_unseen() {
    let media = ("content-type", "application/json");
    for (headers, code) in [
        (vec![], "media_type"),
        (vec![("content-type", "text/html")], "media_type"),
        (vec![("content-type", "application/json; charset=utf-16")], "media_type"),
        (vec![media, media], "media_type"),
        (vec![media, ("Content-Encoding", "gzip")], "encoded"),
        (vec![("content-type", "text/event-stream"), ("content-encoding", "br")], "encoded"),
    ] {
        let (mut filter, _) = filter(200, &headers);
        let mut out = filter.push(b"sec", false, &mut Strict);
        out.extend(filter.push(b"ret", true, &mut Strict));
        let out = String::from_utf8(out).unwrap();
        assert_eq!(withheld(&out).as_deref(), Some(code), "{headers:?}");
        let events = headers.contains(&("content-type", "text/event-stream"));
        assert_eq!(out.starts_with("data: ") && out.ends_with("\n\n"), events, "{out}");
    }
    let mut unseen = ListFilter::new(tools_list(), LIMIT);
    assert!(
        withheld(&String::from_utf8(unseen.push(b"secret", true, &mut Strict)).unwrap()).is_some()
    );
}

#[test]
fn headers_that_describe_other_bytes_are_removed() {
    let sent =
        [("Content-Length", "9"), ("ETag", "x"), ("content-type", "application/json"), ("x", "y")];
    assert_eq!(filter(200, &sent).1.remove, ["content-length", "etag"]);
    let coded = [("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(filter(200, &coded).1.remove, ["content-encoding"]);
}

#[test]
fn what_takes_the_place_of_another_media_type_is_json() {
    let json = [("content-type", "application/json")];
    assert_eq!(filter(200, &json).1.set, []);
    for other in [&[("content-type", "text/html")][..], &[], &[json[0], json[0]]] {
        assert_eq!(filter(200, other).1.set, [("content-type", "application/json".to_owned())]);
    }
}
