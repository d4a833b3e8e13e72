//! Messages to an MCP server: which are decided about, as what, and which are not.

use proptest::prelude::*;

use super::*;
use crate::json::Value;
use crate::model::{Asked, ResourceKind};
use crate::protocol::tests::head;

const LIMIT: usize = 2000;
const JSON: (&str, &str) = ("content-type", "application/json");
const LEGACY: &[(&str, &str)] = &[JSON, ("mcp-protocol-version", "2025-11-25")];

fn endpoint() -> McpEndpoint {
    let typed = |typed_input| ToolEntry { typed_input };
    McpEndpoint::new(McpParts {
        at: "mcp[0]".to_owned(),
        server: "orders".to_owned(),
        path: "/mcp".to_owned(),
        versions: Version::ALL.to_vec(),
        tools: [("refund".to_owned(), typed(true)), ("Hello, 世界".to_owned(), typed(false))].into(),
        allowed_origins: vec!["https://app.example".to_owned()],
        response_limit: 10_000,
    })
}

fn read_with(headers: &[(&str, &str)], body: Option<&[u8]>) -> Read {
    read(&endpoint(), true, &head("POST", "/mcp", headers), body, LIMIT)
}

fn reason(headers: &[(&str, &str)], body: &str) -> Reason {
    match read_with(headers, Some(body.as_bytes())) {
        Read::Refused { reason, .. } => reason,
        other => panic!("{body} {other:?}"),
    }
}

fn asked(headers: &[(&str, &str)], body: &str) -> Asked {
    match read_with(headers, Some(body.as_bytes())) {
        Read::Asked { asked, .. } => asked,
        other => panic!("{body} {other:?}"),
    }
}

fn legacy(body: &str) -> Reason {
    reason(LEGACY, body)
}

/// A modern message with what it must have, and its headers.
fn modern<'a>(method: &'a str, name: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let fixed = [JSON, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    fixed.into_iter().chain(name.map(|name| ("mcp-name", name))).collect()
}

fn modern_body(method: &str, params: &str) -> String {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let comma = if params.is_empty() { "" } else { "," };
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{meta}{comma}{params}}}}}"#)
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":{"id":7}}}"#;

#[test]
fn a_tool_call_is_an_action_of_its_own_with_its_arguments() {
    let asked = asked(LEGACY, CALL);
    assert_eq!(asked.action.as_str(), "orders/refund");
    assert_eq!((asked.resource.kind, asked.resource.id.as_str()), (ResourceKind::Tool, "orders/refund"));
    assert_eq!(Value::Object(asked.input.unwrap()).to_text(), r#"{"id":7}"#);
    assert!(asked.typed_input);
}

#[test]
fn arguments_that_are_absent_are_none() {
    let body = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"refund"}}"#;
    assert_eq!(asked(LEGACY, body).input.map(|i| i.is_empty()), Some(true));
}

#[test]
fn every_other_method_is_an_action_on_the_server() {
    for (body, action) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, "ping"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}"#, "tools/list"),
        (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, "notifications"),
        (r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#, "notifications"),
        (r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#, "initialize"),
    ] {
        let asked = asked(LEGACY, body);
        assert_eq!((asked.action.as_str(), asked.resource.id.as_str()), (action, "orders"));
        assert_eq!((asked.resource.kind, asked.input), (ResourceKind::Server, None));
    }
    let discover = asked(&modern("server/discover", None), &modern_body("server/discover", ""));
    assert_eq!(discover.action.as_str(), "server/discover");
}

#[test]
fn only_the_answer_to_a_list_of_tools_is_filtered() {
    for (method, filtered) in [("tools/list", true), ("ping", false)] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}"}}"#);
        let Read::Asked { list, .. } = read_with(LEGACY, Some(body.as_bytes())) else { panic!() };
        assert_eq!(list.is_some(), filtered, "{method}");
    }
}

#[test]
fn the_head_alone_refuses_what_no_body_could_mend() {
    let base = |more: &[(&'static str, &'static str)]| [LEGACY, more].concat();
    for (headers, reason) in [
        (vec![], Reason::MediaTypeUnsupported),
        (vec![("content-type", "text/plain")], Reason::MediaTypeUnsupported),
        (vec![("content-type", "application/json; charset=utf-16")], Reason::MediaTypeUnsupported),
        (base(&[("content-encoding", "gzip")]), Reason::MediaTypeUnsupported),
        (base(&[JSON]), Reason::RequestMalformed),
        (base(&[("mcp-protocol-version", "2025-11-25")]), Reason::RequestMalformed),
        (base(&[("mcp-session-id", "a"), ("mcp-session-id", "b")]), Reason::RequestMalformed),
        (base(&[("mcp_session_id", "a")]), Reason::RequestMalformed),
        (base(&[("content_type", "application/json")]), Reason::RequestMalformed),
        (base(&[("origin", "https://evil.example")]), Reason::OriginNotAllowed),
        (base(&[("origin", "null")]), Reason::OriginNotAllowed),
        (base(&[("origin", "https://APP.example")]), Reason::OriginNotAllowed),
        (base(&[("content-length", "2001")]), Reason::BodyTooLarge),
        (base(&[("content-length", "+5")]), Reason::RequestMalformed),
        (base(&[("content-length", "5, 5")]), Reason::RequestMalformed),
        (base(&[("content-length", "99999999999999999999")]), Reason::BodyTooLarge),
    ] {
        let read = read_with(&headers, None);
        let Read::Refused { reason: found, .. } = read else { panic!("{headers:?} {read:?}") };
        assert_eq!(found, reason, "{headers:?}");
    }
    for headers in [
        base(&[("origin", "https://app.example")]),
        base(&[("content-encoding", "identity"), ("mcp-session-id", "a"), ("content-length", "2000")]),
        base(&[("mcp-param-user_id", "7")]),
    ] {
        assert!(matches!(read_with(&headers, None), Read::NeedsBody { limit: LIMIT }), "{headers:?}");
    }
}

#[test]
fn only_post_is_served() {
    let head = head("GET", "/mcp", LEGACY);
    let read = read(&endpoint(), false, &head, None, LIMIT);
    assert!(matches!(read, Read::Refused { reason: Reason::MethodNotServed, .. }));
}

#[test]
fn a_body_at_the_limit_is_read_and_one_byte_more_is_refused() {
    let body = format!("{CALL}{}", " ".repeat(LIMIT - CALL.len()));
    assert_eq!(asked(LEGACY, &body).action.as_str(), "orders/refund");
    assert_eq!(legacy(&format!("{body} ")), Reason::BodyTooLarge);
}

#[test]
fn what_is_not_one_strict_json_document_is_not_decided_about() {
    for body in [
        "", " ", "{", "{} {}", "{}\n{}", "{}\0", "\u{feff}{}", "nonsense", "{'a':1}",
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{},"paramſ":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call\u0000"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","Name":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":{"a":1,"a":2}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":{"a":1e20}}}"#,
        r#"{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}"#,
    ] {
        assert_eq!(legacy(body), Reason::BodyMalformed, "{body}");
    }
    let deep = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}{}}}"#, "[".repeat(80), "]".repeat(80));
    assert_eq!(legacy(&deep), Reason::BodyMalformed);
}

#[test]
fn a_batch_is_refused_whatever_it_holds() {
    for body in ["[]", " [1]", "[", "[[]]", "\n\t[{}]garbage"] {
        assert_eq!(legacy(body), Reason::BatchRefused, "{body}");
    }
    assert_eq!(legacy(&format!("[{CALL}]")), Reason::BatchRefused);
}

#[test]
fn what_is_not_a_request_or_notification_is_refused() {
    for body in [
        "1", "null", "\"x\"", "{}",
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}"#,
        // Answers that a client posts.
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        // A request without an id, and a notification with one.
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"refund"}}"#,
        r#"{"jsonrpc":"2.0","method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#,
    ] {
        assert_eq!(legacy(body), Reason::MessageMalformed, "{body}");
    }
    let id = "x".repeat(257);
    let body = format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"ping"}}"#);
    assert_eq!(legacy(&body), Reason::MessageMalformed);
}

#[test]
fn a_method_that_is_not_in_the_table_is_refused() {
    for method in [
        "resources/read", "tools/Call", "tools/call ", "TOOLS/CALL", "tools/call/", "notifications/tools/call",
        "notifications/../tools/call", "notifications/", "notifications/unknown", "rpc.discover", "",
        "server/discover", "tasks/get", "completion/complete", "logging/setLevel",
    ] {
        for id in [r#""id":1,"#, ""] {
            let body = format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}"}}"#);
            assert_eq!(legacy(&body), Reason::MethodUnknown, "{body}");
        }
    }
    for method in ["ping", "initialize"] {
        let found = reason(&modern(method, None), &modern_body(method, r#""x":1"#));
        let expected = if method == "ping" { Reason::MethodUnknown } else { Reason::ParametersInvalid };
        assert_eq!(found, expected, "{method}");
    }
}

#[test]
fn a_method_is_decided_as_it_decodes() {
    let body = r#"{"jsonrpc":"2.0","id":1,"\u006dethod":"tools\/call","params":{"name":"re\u0066und"}}"#;
    assert_eq!(asked(LEGACY, body).action.as_str(), "orders/refund");
}

#[test]
fn a_tool_is_known_byte_for_byte_or_not_at_all() {
    for name in ["delete", "Refund", "refund ", "refund\u{200b}", "orders/refund", "", "réfund", "refund\\n"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#);
        assert_eq!(legacy(&body), Reason::ToolUnknown, "{name:?}");
    }
}

#[test]
fn parameters_that_the_decision_would_not_see_are_refused() {
    for params in [
        r#""name":"refund","task":{}"#,
        r#""name":"refund","inputResponses":{}"#,
        r#""name":"refund","requestState":"x""#,
        r#""name":"refund","args":{}"#,
        r#""name":"refund","arguments":[]"#,
        r#""name":"refund","arguments":null"#,
        r#""name":"refund","_meta":[]"#,
        r#""name":7"#,
        r#""arguments":{}"#,
        "",
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}}}"#);
        assert_eq!(legacy(&body), Reason::ParametersInvalid, "{params}");
    }
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":1}}"#;
    assert_eq!(legacy(body), Reason::ParametersInvalid);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","_meta":{"progressToken":1}}}"#;
    assert_eq!(asked(LEGACY, body).action.as_str(), "orders/refund");
}

#[test]
fn a_version_that_is_not_accepted_is_refused() {
    for headers in [
        vec![JSON],
        vec![JSON, ("mcp-protocol-version", "2025-03-26")],
        vec![JSON, ("mcp-protocol-version", "2027-01-01")],
        vec![JSON, ("mcp-protocol-version", "")],
        vec![JSON, ("mcp-protocol-version", "2025-11-25, 2026-07-28")],
    ] {
        assert_eq!(reason(&headers, CALL), Reason::VersionUnsupported, "{headers:?}");
    }
}

#[test]
fn initialize_is_judged_by_the_version_it_asks_for() {
    let body = |version: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":{version}}}}}"#)
    };
    assert_eq!(asked(&[JSON], &body(r#""2025-06-18""#)).action.as_str(), "initialize");
    for (version, expected) in [
        (r#""2025-03-26""#, Reason::VersionUnsupported),
        (r#""2026-07-28""#, Reason::VersionUnsupported),
        ("7", Reason::ParametersInvalid),
    ] {
        assert_eq!(reason(&[JSON], &body(version)), expected, "{version}");
    }
    assert_eq!(legacy(&body(r#""2025-06-18""#)), Reason::HeaderMismatch);
}

#[test]
fn a_modern_request_says_the_same_in_head_and_body() {
    let body = modern_body("tools/call", r#""name":"refund""#);
    assert_eq!(asked(&modern("tools/call", Some("refund")), &body).action.as_str(), "orders/refund");
    let hello = modern_body("tools/call", r#""name":"Hello, 世界""#);
    let sent = modern("tools/call", Some("=?base64?SGVsbG8sIOS4lueVjA==?="));
    assert_eq!(asked(&sent, &hello).action.as_str(), "orders/Hello, 世界");

    for headers in [
        modern("tools/call", None),
        modern("tools/call", Some("Refund")),
        modern("tools/call", Some("=?base64?cmVmdW5k==?=")),
        modern("tools/call", Some("=?BASE64?cmVmdW5k?=")),
        modern("tools/list", Some("refund")),
        modern("Tools/call", Some("refund")),
        vec![JSON, ("mcp-protocol-version", "2026-07-28"), ("mcp-name", "refund")],
        vec![JSON, ("mcp-protocol-version", "2025-11-25")],
        vec![JSON],
    ] {
        assert_eq!(reason(&headers, &body), Reason::HeaderMismatch, "{headers:?}");
    }
    // A name in the head that the body has nowhere.
    let list = modern_body("tools/list", "");
    assert_eq!(reason(&modern("tools/list", Some("refund")), &list), Reason::HeaderMismatch);
    assert_eq!(reason(&modern("tools/call", Some("refund")), CALL), Reason::ParametersInvalid);
}

#[test]
fn a_modern_request_names_its_version_and_capabilities() {
    let version = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
    let capabilities = r#""io.modelcontextprotocol/clientCapabilities":{}"#;
    for meta in [
        String::new(),
        version.to_owned(),
        capabilities.to_owned(),
        format!(r#"{version},"io.modelcontextprotocol/clientCapabilities":[]"#),
        format!(r#"{capabilities},"io.modelcontextprotocol/protocolVersion":7"#),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{{meta}}}}}}}"#);
        assert_eq!(reason(&modern("tools/list", None), &body), Reason::ParametersInvalid, "{meta}");
    }
    let body = modern_body("tools/list", "").replace("2026-07-28", "2025-11-25");
    assert_eq!(reason(&modern("tools/list", None), &body), Reason::HeaderMismatch);
}

#[test]
fn a_legacy_request_need_not_have_routing_headers_but_right_ones() {
    let with = |more: &[(&'static str, &'static str)]| [LEGACY, more].concat();
    assert!(asked(&with(&[("mcp-method", "tools/call"), ("mcp-name", " refund")]), CALL).typed_input);
    for wrong in [("mcp-method", "tools/list"), ("mcp-name", "get_order"), ("mcp-name", "")] {
        assert_eq!(reason(&with(&[wrong]), CALL), Reason::HeaderMismatch, "{wrong:?}");
    }
}

#[test]
fn a_modern_notification_needs_no_routing_headers() {
    let body = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    let headers = [JSON, ("mcp-protocol-version", "2026-07-28")];
    assert_eq!(asked(&headers, body).action.as_str(), "notifications");
    assert_eq!(reason(&modern("tools/call", None), body), Reason::HeaderMismatch);
}

#[test]
fn a_refusal_echoes_an_id_that_was_read_strictly_and_no_other() {
    let shape_of = |body: &str| match read_with(LEGACY, Some(body.as_bytes())) {
        Read::Refused { shape: Shape::JsonRpc { id, modern: false }, .. } => id,
        other => panic!("{other:?}"),
    };
    let unknown = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#);
    assert_eq!(shape_of(&unknown("7")), Some(RpcId::Integer(7)));
    assert_eq!(shape_of(&unknown("\"a\"")), Some(RpcId::Text("a".to_owned())));
    assert_eq!(shape_of(r#"{"jsonrpc":"1","id":7}"#), Some(RpcId::Integer(7)));
    assert_eq!(shape_of(&unknown("null")), None);
    assert_eq!(shape_of(&format!("[{CALL}]")), None);
    assert_eq!(shape_of(&format!("{CALL}x")), None);
}

proptest! {
    #[test]
    fn whatever_the_body_it_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_with(LEGACY, Some(&body));
    }

    #[test]
    fn whatever_the_headers_they_are_read_or_refused(
        version in "[ -~]{0,12}", method in "[ -~]{0,12}", name in "(=\\?base64\\?)?[ -~]{0,12}(\\?=)?",
    ) {
        let headers = [JSON, ("mcp-protocol-version", &version), ("mcp-method", &method), ("mcp-name", &name)];
        let read = read_with(&headers, Some(CALL.as_bytes()));
        let waits = matches!(read, Read::NeedsBody { .. });
        prop_assert!(!waits);
    }

    /// J18: a parser that takes the last of two members must find the call that was decided on.
    #[test]
    fn what_is_decided_is_what_another_parser_reads(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..4u8, "[ -~]"), 1..4),
    ) {
        let mut body = CALL.as_bytes().to_vec();
        for (at, kind, with) in edits {
            let at = at.index(body.len());
            match kind {
                0 => { body.remove(at); }
                1 => body[at] = with.as_bytes()[0],
                2 => body.insert(at, with.as_bytes()[0]),
                _ => { let twice = body[at..].to_vec(); body.extend(twice); }
            }
        }
        if let Read::Asked { asked, .. } = read_with(LEGACY, Some(&body)) {
            let other: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let name = other["params"]["name"].as_str().map(|name| format!("orders/{name}"));
            let action = name.or(other["method"].as_str().map(str::to_owned)).unwrap();
            prop_assert_eq!(asked.action.as_str(), action);
            let input = asked.input.map(|i| Value::Object(i).to_text()).unwrap_or_default();
            let none = serde_json::json!({});
            let arguments = other["params"].get("arguments").unwrap_or(&none);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&input).unwrap(), arguments.clone());
        }
    }
}
