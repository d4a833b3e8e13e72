//! What is left of a list, in both framings and whatever chunks.

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 4000;

fn filter(status: u16, headers: &[(&str, &str)]) -> (ListFilter, Vec<&'static str>) {
    let mut filter = ListFilter::new(RpcId::Integer(1), LIMIT);
    let headers: Vec<_> =
        headers.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
    let removed = filter.head(status, &headers);
    (filter, removed)
}

fn may_call(tool: &str) -> bool {
    tool.starts_with("ok")
}

fn run(status: u16, media: &str, chunks: &[&[u8]]) -> String {
    let (mut filter, _) = filter(status, &[("content-type", media)]);
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend(filter.push(chunk, false, &mut may_call));
    }
    out.extend(filter.push(b"", true, &mut may_call));
    out.extend(filter.push(b"after the end", true, &mut may_call));
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
    let left = format!(r#"{{"_meta":{{"a":[1e300]}},"tools":[{tool}],"nextCursor":"n\u00e9","cacheScope":"private"}}"#);
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
        "1", "null", "[]", "{}", "\"ok\"", r#"{"name":1}"#, r#"{"Name":"ok"}"#, r#"{"title":"ok"}"#,
        r#"{"name":"ok","Name":"secret"}"#, r#"{"name":"ok","name":"secret"}"#,
        r#"{"name":"ok","d":"\u0000"}"#, r#"{"name":"ok","d":{"a":1,"A":2}}"#, r#"{"name":"ok","x":1e999}"#,
        r#"{"name":"ok\u0000"}"#, r#"{"name":"ok","d":"\ud800"}"#,
    ] {
        let sent = format!(r#"{{"tools":[{{"name":"ok1"}},{bad},{{"name":"ok2"}}]}}"#);
        assert_eq!(json(&answer(&sent)), answer(LEFT), "{bad}");
    }
    let deep = format!(r#"{{"name":"ok","d":{}{}}}"#, "[".repeat(80), "]".repeat(80));
    assert_eq!(json(&answer(&format!(r#"{{"tools":[{deep}]}}"#))), answer(r#"{"tools":[],"cacheScope":"private"}"#));
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
    let error = |id: &str| format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32000,"message":"x"}}}}"#);
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
    assert_eq!(withheld(&run(200, "application/problem+json", &[body.as_bytes()])).as_deref(), Some("media_type"));
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
        let mut out = filter.push(b"sec", false, &mut may_call);
        out.extend(filter.push(b"ret", true, &mut may_call));
        assert_eq!(withheld(&String::from_utf8(out).unwrap()).as_deref(), Some(code), "{headers:?}");
    }
    let mut unseen = ListFilter::new(RpcId::Integer(1), LIMIT);
    assert!(withheld(&String::from_utf8(unseen.push(b"secret", true, &mut may_call)).unwrap()).is_some());
}

#[test]
fn headers_that_describe_other_bytes_are_removed() {
    let sent = [("Content-Length", "9"), ("ETag", "x"), ("content-type", "application/json"), ("x", "y")];
    assert_eq!(filter(200, &sent).1, ["content-length", "etag"]);
    let coded = [("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(filter(200, &coded).1, ["content-encoding", "content-type"]);
}

#[test]
fn an_event_stream_is_read_by_the_standard() {
    let (list, left) = (answer(LIST), answer(LEFT));
    let (head, tail) = list.split_at(list.find(",\"id\"").unwrap());
    for (sent, expected) in [
        (format!("\u{feff}data: {list}\n\n"), format!("data: {left}\n\n")),
        (format!("data: {list}\r\n\r\n"), format!("data: {left}\n\n")),
        (format!("data: {list}\r\r"), format!("data: {left}\n\n")),
        (format!("data:{list}\n\n"), format!("data: {left}\n\n")),
        (format!(":secret\n\n:\ndata: {list}\n\n"), format!(":\n\n:\ndata: {left}\n\n")),
        (format!("data: {head}\ndata: {tail}\n\n"), format!("data: {left}\n\n")),
        (format!("Data: secret\nsecret: x\nsecret\ndata: {list}\n\n"), format!("data: {left}\n\n")),
        (format!("id: a\nid: b\nretry: 10\nretry: x\ndata: {list}\n\n"), format!("id: b\nretry: 10\ndata: {left}\n\n")),
        ("id: 1\ndata:\n\n".to_owned(), "id: 1\ndata: \n\n".to_owned()),
        ("id: 1\nretry: 5\n\n".to_owned(), "id: 1\nretry: 5\n\n".to_owned()),
        (format!("data: {list}"), format!("data: {left}\n\n")),
        (format!("data: {list}\n"), format!("data: {left}\n\n")),
    ] {
        assert_eq!(sse(&sent), expected, "{sent}");
    }
}

#[test]
fn what_a_server_says_meanwhile_passes() {
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":0.5}}"#;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let sent = format!("data: {progress}\n\ndata: {ping}\n\ndata: {}\n\n", answer(LIST));
    let left = format!("data: {progress}\n\ndata: {ping}\n\ndata: {}\n\n", answer(LEFT));
    assert_eq!(sse(&sent), left);
}

#[test]
fn nothing_follows_an_event_that_was_withheld() {
    let good = answer(r#"{"tools":[]}"#);
    for bad in ["data: secret\n\n", "data: {\"a\":1}\n\n", "data: \u{fffd}\n\n", "event: endpoint\ndata: /x\n\n"] {
        let out = sse(&format!("{bad}data: {good}\n\n"));
        assert!(withheld(&out).is_some(), "{bad} {out}");
    }
    let endless = "data: x\n".repeat(LIMIT);
    assert_eq!(withheld(&sse(&endless)).as_deref(), Some("too_long"));
    assert_eq!(withheld(&sse(&"x".repeat(LIMIT + 1))).as_deref(), Some("too_long"));
    // A stream may be longer than its longest event.
    let event = format!("data: {}\n\n", answer(LIST));
    assert_eq!(sse(&event.repeat(100)).matches("ok2").count(), 100);
}

#[test]
fn the_result_does_not_depend_on_where_chunks_end() {
    let body = format!(
        "\u{feff}:c\r\n\r\nid: é\r\ndata: {}\r\ndata:\r\n\r\nretry: 1\rdata: {}\r\r",
        answer(LIST).replace("ok1", "ok世界"),
        answer(LIST)
    );
    for (media, body) in [("text/event-stream", body), ("application/json", answer(LIST).replace("ok1", "ok世界"))] {
        let bytes = body.as_bytes();
        let whole = run(200, media, &[bytes]);
        assert!(whole.contains("世界") && !whole.contains("secret"));
        for at in 0..=bytes.len() {
            assert_eq!(run(200, media, &[&bytes[..at], &bytes[at..]]), whole, "{media} {at}");
        }
        assert_eq!(run(200, media, &bytes.chunks(1).collect::<Vec<_>>()), whole, "{media}");
    }
}

/// Messages around a list, good and bad.
fn message() -> impl Strategy<Value = String> {
    let tool = prop_oneof![
        Just(r#"{"name":"ok1","description":"d"}"#.to_owned()),
        Just(r#"{"name":"secret","description":"d"}"#.to_owned()),
        Just(r#"{"Name":"secret"}"#.to_owned()),
        Just(r#"{"name":"ok","name":"secret"}"#.to_owned()),
        Just("[{\"name\":\"secret\"}]".to_owned()),
    ];
    let key = prop_oneof![3 => Just("tools"), 1 => Just("Tools"), 1 => Just("tool\u{17f}"), 1 => Just("items")];
    let around = prop_oneof![
        4 => Just(("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":", "}")),
        1 => Just(("[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":", "}]")),
        1 => Just(("{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":", "}")),
        1 => Just(("{\"jsonrpc\":\"2.0\",\"id\":1,\"Result\":", "}")),
        1 => Just(("{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"result\":", "}")),
        1 => Just(("", "")),
    ];
    (proptest::collection::vec(tool, 0..4), key, around).prop_map(|(tools, key, (open, close))| {
        format!("{open}{{\"{key}\":[{}]}}{close}", tools.join(","))
    })
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![Just("\n"), Just("\r\n"), Just("\r")];
    let event = (message(), end, any::<bool>()).prop_map(|(message, end, multi)| {
        let message = if multi { message.replace(',', &format!(",{end}data: ")) } else { message };
        format!("data: {message}{end}{end}")
    });
    proptest::collection::vec(event, 1..4).prop_map(|events| events.concat().into_bytes())
}

type Edits = Vec<(prop::sample::Index, u8, u8)>;

fn edited(mut bytes: Vec<u8>, edits: &Edits) -> Vec<u8> {
    for (at, kind, with) in edits {
        let at = at.index(bytes.len());
        match kind % 3 {
            0 if bytes.len() > 1 => {
                bytes.remove(at);
            }
            1 => bytes[at] = *with,
            _ => bytes.insert(at, *with),
        }
    }
    bytes
}

fn edits() -> impl Strategy<Value = Edits> {
    let byte = prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'"'), Just(b','), Just(b'}')];
    proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), byte), 0..4)
}

fn chunked(media: &str, bytes: &[u8], size: usize) -> Vec<u8> {
    let (mut filter, _) = filter(200, &[("content-type", media)]);
    let mut out = Vec::new();
    for chunk in bytes.chunks(size) {
        out.extend(filter.push(chunk, false, &mut may_call));
    }
    out.extend(filter.push(b"", true, &mut may_call));
    out
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

proptest! {
    #[test]
    fn a_tool_that_may_not_be_called_never_gets_through(
        body in message(), stream in stream(), edits in edits(), size in 1..40usize,
    ) {
        let body = edited(body.into_bytes(), &edits);
        prop_assert!(!holds(&chunked("application/json", &body, size), "secret"));
        let stream = edited(stream, &edits);
        let out = chunked("text/event-stream", &stream, size);
        prop_assert!(!holds(&out, "secret"), "{}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn whatever_arrives_chunks_make_no_difference(
        stream in stream(), edits in edits(), noise in proptest::collection::vec(any::<u8>(), 0..60), size in 1..40usize,
    ) {
        for bytes in [edited(stream, &edits), noise] {
            for media in ["text/event-stream", "application/json"] {
                let whole = chunked(media, &bytes, bytes.len().max(1));
                prop_assert_eq!(&chunked(media, &bytes, size), &whole);
            }
        }
    }

    #[test]
    fn what_the_filter_writes_it_leaves_alone(stream in stream()) {
        let once = chunked("text/event-stream", &stream, usize::MAX);
        prop_assert_eq!(chunked("text/event-stream", &once, usize::MAX), once);
    }
}
