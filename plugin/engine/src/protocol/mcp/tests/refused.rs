//! What is not decided about, and why.

use super::*;

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
        base(&[
            ("content-encoding", "identity"),
            ("mcp-session-id", "a"),
            ("content-length", "2000"),
        ]),
        base(&[("mcp-param-user_id", "7")]),
    ] {
        assert!(
            matches!(read_with(&headers, None), Read::NeedsBody { limit: LIMIT }),
            "{headers:?}"
        );
    }
}

#[test]
fn what_is_neither_a_message_nor_a_stream_is_not_served() {
    let asked =
        |verb, headers| read(&endpoint(), verb, &head("x", "/mcp", headers), Some(b""), LIMIT);
    let modern: &[(&str, &str)] = &[("mcp-protocol-version", "2026-07-28")];
    for (verb, headers) in [(Verb::Other, LEGACY), (Verb::Get, modern), (Verb::Delete, modern)] {
        let read = asked(verb, headers);
        assert!(matches!(read, Read::Refused { reason: Reason::MethodNotServed, .. }), "{verb:?}");
    }
    for (verb, action, in_session) in
        [(Verb::Get, "mcp/stream", false), (Verb::Delete, "mcp/end", true)]
    {
        let Read::Asked { asked, exchange: Some(exchange), .. } = asked(verb, LEGACY) else {
            panic!()
        };
        assert_eq!((asked[0].action.as_str(), exchange.in_session), (action, in_session));
    }
    let body = read(&endpoint(), Verb::Get, &head("GET", "/mcp", LEGACY), Some(b"x"), LIMIT);
    assert!(matches!(body, Read::Refused { reason: Reason::RequestMalformed, .. }));
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
        "",
        " ",
        "{",
        "{} {}",
        "{}\n{}",
        "{}\0",
        "\u{feff}{}",
        "nonsense",
        "{'a':1}",
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
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}{}}}"#,
        "[".repeat(80),
        "]".repeat(80)
    );
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
        "1",
        "null",
        "\"x\"",
        "{}",
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
        // Answers to nothing, and both at once.
        r#"{"jsonrpc":"2.0","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":7}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
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
        "resources/Read",
        "tools/Call",
        "tools/call ",
        "TOOLS/CALL",
        "tools/call/",
        "notifications/tools/call",
        "notifications/../tools/call",
        "notifications/",
        "notifications/unknown",
        "rpc.discover",
        "",
        "server/discover",
        "tasks/update",
        "subscriptions/listen",
        "sampling/createMessage",
    ] {
        for id in [r#""id":1,"#, ""] {
            let body = format!(r#"{{"jsonrpc":"2.0",{id}"method":"{method}"}}"#);
            assert_eq!(legacy(&body), Reason::MethodUnknown, "{body}");
        }
    }
    for method in ["ping", "initialize"] {
        let found = reason(&modern(method, None), &modern_body(method, r#""x":1"#));
        let expected =
            if method == "ping" { Reason::MethodUnknown } else { Reason::ParametersInvalid };
        assert_eq!(found, expected, "{method}");
    }
}

#[test]
fn a_tool_is_known_byte_for_byte_or_not_at_all() {
    for name in [
        "delete",
        "Refund",
        "refund ",
        "refund\u{200b}",
        "orders/refund",
        "",
        "réfund",
        "refund\\n",
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#
        );
        assert_eq!(legacy(&body), Reason::ToolUnknown, "{name:?}");
    }
}

#[test]
fn parameters_that_the_decision_would_not_see_are_refused() {
    for params in [
        r#""name":"refund","task":7"#,
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
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{{params}}}}}"#);
        assert_eq!(legacy(&body), Reason::ParametersInvalid, "{params}");
    }
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":1}}"#;
    assert_eq!(legacy(body), Reason::ParametersInvalid);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","_meta":{"progressToken":1}}}"#;
    assert_eq!(asked(LEGACY, body).action.as_str(), "orders/refund");
}

#[test]
fn a_refusal_echoes_an_id_that_was_read_strictly_and_no_other() {
    let shape_of = |body: &str| match read_with(LEGACY, Some(body.as_bytes())) {
        Read::Refused { shape: Shape::JsonRpc { id, modern: false, .. }, .. } => id,
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
