//! Versions of MCP, and the headers that repeat the body.

use super::*;

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
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":{version}}}}}"#
        )
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
    assert_eq!(
        asked(&modern("tools/call", Some("refund")), &body).action.as_str(),
        "orders/refund"
    );
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
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{{{meta}}}}}}}"#
        );
        assert_eq!(reason(&modern("tools/list", None), &body), Reason::ParametersInvalid, "{meta}");
    }
    let body = modern_body("tools/list", "").replace("2026-07-28", "2025-11-25");
    assert_eq!(reason(&modern("tools/list", None), &body), Reason::HeaderMismatch);
}

#[test]
fn a_legacy_request_need_not_have_routing_headers_but_right_ones() {
    let with = |more: &[(&'static str, &'static str)]| [LEGACY, more].concat();
    assert!(
        asked(&with(&[("mcp-method", "tools/call"), ("mcp-name", " refund")]), CALL)
            .typing
            .is_typed()
    );
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
