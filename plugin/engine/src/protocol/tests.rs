//! Where a request belongs, and what an HTTP route makes of it. MCP has tests of its own.

use proptest::prelude::*;

use super::*;
use crate::evidence::Head;
use crate::model::{ActionName, Actor, PrincipalId};

/// A head with those headers.
pub(super) fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Head {
    let line = [(":method", method), (":path", path), (":authority", "gateway.example")];
    let pairs = line.iter().chain(headers);
    Head::from_pairs(pairs.map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect())
}

fn route(method: &str, template: &str) -> RouteParts {
    RouteParts {
        at: format!("http:{template}"),
        method: method.to_owned(),
        over: Over::Plain,
        template: template.to_owned(),
        action: ActionName(format!("{method} {template}")),
        resource: template.to_owned(),
    }
}

fn server(name: &str, path: &str) -> McpParts {
    McpParts {
        at: format!("mcp:{name}"),
        server: name.to_owned(),
        path: path.to_owned(),
        versions: vec![Version::V2025_11_25, Version::V2026_07_28],
        ..McpParts::default()
    }
}

/// Whoever asks; a route and an MCP server do not look.
pub(super) fn nobody() -> Actor {
    Actor { agent: PrincipalId::parse("https://i#nobody").unwrap(), delegation: None }
}

fn surface() -> Surface {
    let routes = [
        ("GET", "/v1/orders/{id}"),
        ("DELETE", "/v1/orders/{id}"),
        ("GET", "/v1/orders/"),
        ("POST", "/v1/orders"),
        ("GET", "/v1/{customer}/orders/{id}"),
        ("GET", "/admin"),
    ];
    let routes = routes.map(|(method, template)| route(method, template)).to_vec();
    Surface::new(vec![server("orders", "/mcp")], Vec::new(), routes).unwrap()
}

/// What is asked, as text, or the reason.
fn asked(head: &Head) -> Result<String, Reason> {
    let surface = surface();
    let place = surface.locate(head.line().unwrap(), head).map_err(|(reason, _)| reason)?;
    match place.read(head, (None, 1000), (&Sealer::default(), &nobody())) {
        Read::Asked { asked, exchange: None, .. } => {
            let [asked] = asked.try_into().unwrap();
            let input = asked.input.map(|i| crate::json::Value::Object(i).to_text());
            Ok(format!("{} {}", asked.action.as_str(), input.unwrap_or_default()))
        }
        Read::NeedsBody { limit: 1000 } => Ok("mcp".to_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_route_is_decided_at_the_head_and_its_parameters_are_the_input() {
    for (method, path, expected) in [
        ("GET", "/v1/orders/7", r#"GET /v1/orders/{id} {"id":"7"}"#),
        ("GET", "/v1/orders/7?expand=all", r#"GET /v1/orders/{id} {"id":"7"}"#),
        ("DELETE", "/v1/orders/caf%C3%A9", r#"DELETE /v1/orders/{id} {"id":"café"}"#),
        ("GET", "/v1/orders/", "GET /v1/orders/ "),
        ("POST", "/v1/orders", "POST /v1/orders "),
        (
            "GET",
            "/v1/acme/orders/x%3Ay",
            r#"GET /v1/{customer}/orders/{id} {"customer":"acme","id":"x:y"}"#,
        ),
    ] {
        assert_eq!(asked(&head(method, path, &[])).as_deref(), Ok(expected), "{method} {path}");
    }
}

#[test]
fn an_input_is_typed_if_the_route_has_parameters() {
    let surface = surface();
    for (path, typed) in [("/v1/orders/7", true), ("/admin", false)] {
        let head = head("GET", path, &[]);
        let place = surface.locate(head.line().unwrap(), &head).unwrap();
        let read = place.read(&head, (None, 0), (&Sealer::default(), &nobody()));
        let Read::Asked { asked, shape: Shape::Problem, .. } = read else { panic!("{path}") };
        let [asked] = asked.try_into().unwrap();
        assert_eq!((asked.typing.is_typed(), asked.input.is_some()), (typed, typed));
        assert_eq!(asked.protocol, place.protocol());
    }
}

#[test]
fn what_fits_no_route_exactly_is_unmapped() {
    for (method, path) in [
        ("HEAD", "/admin"),
        ("get", "/admin"),
        ("POST", "/admin"),
        ("FOO", "/admin"),
        ("TRACE", "/admin"),
        ("CONNECT", "/admin"),
        ("OPTIONS", "/admin"),
        ("GET", "/ADMIN"),
        ("GET", "/admin/"),
        ("GET", "/admin."),
        ("GET", "/"),
        ("GET", "/v1/orders"),
        ("POST", "/v1/orders/"),
        ("GET", "/v1/orders/7/"),
        ("POST", "/mcp/"),
        ("POST", "/MCP"),
        ("GET", "/adm%69n%3A"),
        ("GET", "/?/../admin"),
    ] {
        let reason = asked(&head(method, path, &[])).unwrap_err();
        let ambiguous = path.contains("%69");
        let expected = if ambiguous { Reason::PathAmbiguous } else { Reason::Unmapped };
        assert_eq!(reason, expected, "{method} {path}");
    }
}

#[test]
fn a_route_serves_what_it_names_and_nothing_that_looks_like_it() {
    let over = |method, template, over| RouteParts { over, ..route(method, template) };
    let websocket = || Over::Upgrade("websocket".to_owned());
    let surface = Surface::new(
        vec![server("orders", "/mcp")],
        Vec::new(),
        vec![
            over("POST", "/a.B/Get", Over::Grpc),
            over("GET", "/live", websocket()),
            over("GET", "/live", Over::Plain),
        ],
    );
    let surface = surface.unwrap();
    let place = |method, path, headers: &[(&str, &str)]| {
        let head = head(method, path, headers);
        let place = surface.locate(head.line().unwrap(), &head);
        place.map(|_| ()).map_err(|(reason, shape)| (reason, shape == Shape::Grpc))
    };
    let grpc = [("content-type", "application/grpc+proto")];
    let upgrade = [("upgrade", "websocket"), ("connection", "upgrade")];
    for (method, path, headers) in [
        ("POST", "/a.B/Get", &grpc[..]),
        ("GET", "/live", &upgrade),
        ("CONNECT", "/live", &[(":protocol", "websocket")]),
        ("GET", "/live", &[]),
    ] {
        assert_eq!(place(method, path, headers), Ok(()), "{method} {path} {headers:?}");
    }
    for (method, path, headers, reason, is_grpc) in [
        ("POST", "/a.B/Get", &[("content-type", "application/json")][..], Reason::Unmapped, false),
        ("POST", "/a.B/Get", &[], Reason::Unmapped, false),
        ("POST", "/a.B/Delete", &grpc, Reason::Unmapped, true),
        ("GET", "/a.B/Get", &grpc, Reason::Unmapped, true),
        ("GET", "/live", &grpc, Reason::Unmapped, true),
        ("GET", "/live", &[("upgrade", "h2c")], Reason::Unmapped, false),
        ("CONNECT", "/live", &[(":protocol", "connect-udp")], Reason::Unmapped, false),
        ("CONNECT", "/live", &[], Reason::Unmapped, false),
        ("POST", "/live", &upgrade, Reason::RequestMalformed, false),
        ("GET", "/mcp", &upgrade, Reason::RequestMalformed, false),
        ("CONNECT", "/mcp", &[(":protocol", "websocket")], Reason::RequestMalformed, false),
    ] {
        let refused = Err((reason, is_grpc));
        assert_eq!(place(method, path, headers), refused, "{method} {path} {headers:?}");
    }
}

#[test]
fn a_head_that_asks_for_another_request_is_refused() {
    for (name, reason) in [
        ("x-http-method-override", Reason::OverrideHeader),
        ("X_Method_Override", Reason::OverrideHeader),
        ("x-original-url", Reason::OverrideHeader),
    ] {
        for (method, path) in [("GET", "/admin"), ("POST", "/mcp"), ("GET", "/nowhere")] {
            assert_eq!(asked(&head(method, path, &[(name, "x")])), Err(reason), "{name} {path}");
        }
    }
    let query = head("POST", "/v1/orders?_method=DELETE", &[]);
    assert_eq!(asked(&query), Err(Reason::OverrideHeader));
}

#[test]
fn a_routine_header_of_the_hop_before_changes_nothing() {
    for name in
        ["x-forwarded-host", "x-forwarded-proto", "x-forwarded-for", "x-envoy-original-path"]
    {
        let head = head("GET", "/admin", &[(name, "/v1/orders/7")]);
        assert_eq!(asked(&head).as_deref(), Ok("GET /admin "), "{name}");
    }
}

#[test]
fn an_mcp_path_is_exact_and_has_no_query() {
    assert_eq!(asked(&json_post("/mcp")).as_deref(), Ok("mcp"));
    for path in ["/mcp?", "/mcp?a=b", "/mcp?access_token=x", "//mcp", "/%6dcp", "/mcp#x", "/./mcp"]
    {
        assert_eq!(asked(&json_post(path)), Err(Reason::PathAmbiguous), "{path}");
    }
}

fn json_post(path: &str) -> Head {
    head("POST", path, &[("content-type", "application/json")])
}

#[test]
fn a_refusal_on_an_mcp_path_is_always_json_rpc() {
    let surface = surface();
    let version = ("mcp-protocol-version", "2026-07-28");
    for (path, headers, modern) in [
        ("/mcp?x", vec![version], true),
        ("/mcp?x", vec![], false),
        ("/mcp", vec![("x-original-url", "/"), version], true),
    ] {
        let head = head("POST", path, &headers);
        let (_, shape) = surface.locate(head.line().unwrap(), &head).unwrap_err();
        assert_eq!(shape, Shape::JsonRpc { id: None, modern, leads: Leads::Not }, "{path}");
    }
    let head = head("POST", "/nowhere", &[version]);
    assert_eq!(surface.locate(head.line().unwrap(), &head).unwrap_err().1, Shape::Problem);
}

#[test]
fn a_surface_reports_all_that_is_wrong_and_where() {
    let odd = McpParts { versions: vec![], path: "mcp".to_owned(), ..server("Odd One", "/x") };
    let origins = vec!["null".to_owned()];
    let twin = McpParts { allowed_origins: origins.clone(), ..server("orders", "/tools") };
    let mcp = vec![
        McpParts { allowed_origins: origins, ..server("orders", "/mcp") },
        twin,
        server("more", "/mcp"),
        odd,
    ];
    let http = vec![
        route("get", "/a"),
        route("TRACE", "/b"),
        route("GET", "/c//d"),
        route("GET", "/{any}"),
        route("GET", "/e"),
        route("POST", "/e"),
    ];
    let problems = Surface::new(mcp, Vec::new(), http).unwrap_err();
    let all: Vec<_> = problems.iter().map(|p| format!("{} {}", p.path, p.message)).collect();
    let expected = [
        "gateway.allowed_origins holds \"null\"",
        "mcp:Odd One.server must be made of",
        "mcp:Odd One.path is not a path",
        "mcp:Odd One.versions must name one",
        "http:/a.method must be written in capitals",
        "http:/b.method is one that is never served",
        "http:/c//d.path is one that no request can have",
        "mcp:orders.server is \"orders\", as is mcp:orders.server",
        "mcp:more.path is \"/mcp\", as is mcp:orders.path",
        "http:/e.path `GET /e` fits requests that http:/{any}.path fits too: `GET /{any}`",
        "http:/{any}.path `GET /{any}` fits \"/mcp\", which is mcp:orders.path",
        "http:/{any}.path `GET /{any}` fits \"/tools\", which is mcp:orders.path",
        "http:/{any}.path `GET /{any}` fits \"/mcp\", which is mcp:more.path",
    ];
    assert_eq!(all.len(), expected.len(), "{all:#?}");
    for (problem, expected) in all.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem:?} {expected:?}");
    }
}

#[test]
fn a_server_names_its_versions_latest_first() {
    assert_eq!(surface().versions_at("/mcp"), ["2026-07-28", "2025-11-25"]);
    assert!(surface().versions_at("/other").is_empty());
}

proptest! {
    #[test]
    fn whatever_the_path_a_request_is_placed_or_refused(path in "[ -~]{0,40}", method in "[A-Z]{1,7}") {
        let head = head(&method, &path, &[]);
        let _ = surface().locate(head.line().unwrap(), &head);
    }

    #[test]
    fn a_path_parameter_never_spans_segments(id in "[a-z0-9:%./]{1,12}") {
        let head = head("GET", &format!("/v1/orders/{id}"), &[]);
        if let Ok(Place::Http(asked)) = surface().locate(head.line().unwrap(), &head)
            && asked.action.as_str() == "GET /v1/orders/{id}" {
            prop_assert!(!id.contains('/'));
        }
    }
}
