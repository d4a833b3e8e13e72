//! Messages to an MCP server: what they ask for. Those that are not decided about are in `refused`,
//! what depends on the version in `era`.

mod era;
mod refused;

use proptest::prelude::*;

use super::*;
use crate::json::Value;
use crate::model::ResourceKind;
use crate::protocol::tests::head;

const LIMIT: usize = 2000;
const JSON: (&str, &str) = ("content-type", "application/json");
const LEGACY: &[(&str, &str)] = &[JSON, ("mcp-protocol-version", "2025-11-25")];

fn endpoint() -> McpEndpoint {
    let typed = |typed_input| ToolEntry { typed_input, ..ToolEntry::default() };
    let tools = [("refund".to_owned(), typed(true)), ("Hello, 世界".to_owned(), typed(false))];
    let resources = Resources {
        exact: ["orders://1".to_owned(), "orders://items/{id}".to_owned()].into(),
        prefixes: ["orders://items/*".to_owned()].into(),
    };
    let prompts = ["summary".to_owned()].into();
    McpEndpoint::new(McpParts {
        at: "mcp[0]".to_owned(),
        server: "orders".to_owned(),
        path: "/mcp".to_owned(),
        versions: Version::DEFAULT.to_vec(),
        catalogue: Catalogue { tools: tools.into(), resources, prompts, ..Catalogue::default() },
        allowed_origins: vec!["https://app.example".to_owned()],
        response_limit: 10_000,
    })
}

fn read_with(headers: &[(&str, &str)], body: Option<&[u8]>) -> Read {
    read(&endpoint(), Verb::Post, &head("POST", "/mcp", headers), body, LIMIT)
}

fn reason(headers: &[(&str, &str)], body: &str) -> Reason {
    match read_with(headers, Some(body.as_bytes())) {
        Read::Refused { reason, .. } => reason,
        other => panic!("{body} {other:?}"),
    }
}

fn all_asked(headers: &[(&str, &str)], body: &str) -> Vec<Asked> {
    match read_with(headers, Some(body.as_bytes())) {
        Read::Asked { asked, .. } => asked,
        other => panic!("{body} {other:?}"),
    }
}

fn asked(headers: &[(&str, &str)], body: &str) -> Asked {
    let [asked] = all_asked(headers, body).try_into().unwrap();
    asked
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
    assert_eq!(
        (asked.resource.kind, asked.resource.id.as_str()),
        (ResourceKind::Tool, "orders/refund")
    );
    assert_eq!(Value::Object(asked.input.unwrap()).to_text(), r#"{"id":7}"#);
    assert!(asked.typing.is_typed());
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
        (
            r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
            "notifications",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#,
            "initialize",
        ),
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
        let read = read_with(LEGACY, Some(body.as_bytes()));
        let Read::Asked { exchange: Some(exchange), .. } = read else { panic!() };
        let list = filtered.then_some(ListOf::Tools);
        assert_eq!(exchange.answers.to, [(RpcId::Integer(1), list)], "{method}");
    }
}

#[test]
fn a_method_is_decided_as_it_decodes() {
    let body =
        r#"{"jsonrpc":"2.0","id":1,"\u006dethod":"tools\/call","params":{"name":"re\u0066und"}}"#;
    assert_eq!(asked(LEGACY, body).action.as_str(), "orders/refund");
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
            let [asked] = asked.try_into().unwrap();
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
