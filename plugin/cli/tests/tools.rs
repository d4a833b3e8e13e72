//! `deputy tools`: the example's real MCP server is pulled into a catalogue, and drifts.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[allow(dead_code, reason = "shared with the other commands' tests")]
mod desk;

use std::net::SocketAddr;

use deputy_example_envoy_mcp::orders::{Answers, Witness, router};
use desk::{Desk, deputy, good};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The example's server.
struct Server {
    _runtime: Runtime,
    address: SocketAddr,
}

impl Server {
    fn start(desk: &Desk, answers: Answers) -> Self {
        let witness = Witness::to_file(&desk.path("witness.jsonl")).unwrap();
        Self::of(router(answers, witness))
    }

    fn of(router: axum::Router) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { _runtime: runtime, address }
    }

    fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }
}

fn run(command: &str, source: &str, catalogue: &str) -> (Option<i32>, String) {
    let arguments = ["tools", command, source, "--server", "orders", "--catalogue", catalogue];
    let output = deputy(&arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn read(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_live_server_is_pulled_pinned_and_builds_into_a_bundle() {
    let desk = Desk::new();
    let mut written = Vec::new();
    for answers in [Answers::Sse, Answers::Json] {
        let server = Server::start(&desk, answers);
        let catalogue = desk.text("tools.json");
        std::fs::write(
            &catalogue,
            r#"{"archive": [{"name": "search"}], "orders": [{"name": "refund", "groups": ["money"], "input": "{ id: Long, amount: Long, note?: String }"}]}"#,
        )
        .unwrap();
        let (status, said) = run("pull", &server.url(), &catalogue);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("6 tools of orders"), "{said}");
        let (status, said) = run("diff", &server.url(), &catalogue);
        assert_eq!(status, Some(0), "{said}");
        written.push(std::fs::read_to_string(&catalogue).unwrap());
        let all = read(&catalogue);
        assert_eq!(all["archive"], json!([{"name": "search"}]));
        let tools = all["orders"].as_array().unwrap();
        let pinned = |tool: &&Value| tool["digest"].as_str().unwrap().starts_with("sha-256:");
        assert_eq!(tools.iter().filter(pinned).count(), 6, "{tools:?}");
        // What somebody has said of a tool is theirs.
        let refund = tools.iter().find(|tool| tool["name"] == "refund").unwrap();
        assert_eq!(refund["groups"], json!(["money"]));
        assert!(refund["input"].is_string() && refund["input_schema"].is_null(), "{refund}");
        let read_order = tools.iter().find(|tool| tool["name"] == "get_order").unwrap();
        assert_eq!(read_order["input_schema"]["properties"]["id"]["type"], "integer");
        let folder = desk.path("folder");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(&catalogue, folder.join("tools.json")).unwrap();
        let policy = r#"@id("p") permit (principal is Agent, action == Action::"orders/get_order", resource)
            when { context.input.id > 7 };"#;
        std::fs::write(folder.join("p.cedar"), policy).unwrap();
        good(&["bundle", "build", folder.to_str().unwrap(), "--out", &desk.text("b.json")]);
    }
    assert_eq!(written[0], written[1], "the same tools make the same bytes");
}

#[test]
fn drift_is_shown_tool_by_tool_and_ends_with_one() {
    let desk = Desk::new();
    let server = Server::start(&desk, Answers::Json);
    let catalogue = desk.text("tools.json");
    run("pull", &server.url(), &catalogue);
    let mut all = read(&catalogue);
    let tools = all["orders"].as_array_mut().unwrap();
    tools.retain(|tool| tool["name"] != "cancel_order");
    tools.push(json!({"name": "gone", "digest": tools[0]["digest"]}));
    for tool in tools.iter_mut() {
        match tool["name"].as_str().unwrap() {
            "refund" => tool["digest"] = "sha-256:AAAA".into(),
            "get_order" => drop(tool.as_object_mut().unwrap().remove("digest")),
            _ => {}
        }
    }
    std::fs::write(&catalogue, all.to_string()).unwrap();
    let before = std::fs::read(&catalogue).unwrap();
    let (status, said) = run("diff", &server.url(), &catalogue);
    assert_eq!(status, Some(1), "{said}");
    for line in [
        "+ cancel_order: is listed, and not in the catalogue (sha-256:",
        "- gone: is in the catalogue, and not listed",
        "~ refund: is not what is pinned (sha-256:",
        "? get_order: is not pinned",
        "error: 3 tools differ from",
    ] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
    assert_eq!(std::fs::read(&catalogue).unwrap(), before, "diff writes nothing");
}

#[test]
fn a_file_is_as_good_as_a_server_and_what_is_neither_is_told() {
    let desk = Desk::new();
    let catalogue = desk.text("tools.json");
    let file = desk.text("list.json");
    std::fs::write(
        &file,
        r#"{"tools":[{"name":"a\u001b[2J","inputSchema":{"type":"object","properties":{"x":{"type":"number"}}}}]}"#,
    )
    .unwrap();
    let (status, said) = run("pull", &file, &catalogue);
    assert_eq!(status, Some(0), "{said}");
    assert!(
        said.contains("policy reads none of its arguments: inputSchema.properties.x.type"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}'), "a name of a server reaches no terminal as it is");
    assert_eq!(run("diff", &file, &catalogue).0, Some(0));
    for (list, told) in [
        (r#"{"tools":[{"name":"a"},{"name":"a"}]}"#, "lists a twice"),
        (r#"{"tools":[{"name":"a","name":"b"}]}"#, ""),
        (r#"{"tools":[],"nextCursor":"x"}"#, "one page of several"),
        (r#"{"error":{"code":-1,"message":"no"}}"#, "answers with an error"),
        (r#"{"tools":[{"name":"a","x":1e400}]}"#, ""),
        ("<html>", ""),
    ] {
        std::fs::write(&file, list).unwrap();
        let before = std::fs::read(&catalogue).unwrap();
        let (status, said) = run("pull", &file, &catalogue);
        assert!(status == Some(1) && said.contains(told), "{list}: {said}");
        assert_eq!(std::fs::read(&catalogue).unwrap(), before, "{list}");
    }
    let (status, said) = run("pull", "https://mcp.example/mcp", &catalogue);
    assert!(status == Some(1) && said.contains("https is not spoken here"), "{said}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(run("pull", &format!("http://{nobody}/mcp"), &catalogue).0, Some(1));
}

#[test]
fn a_server_with_a_handshake_and_pages_is_listed_and_no_redirect_is_followed() {
    use axum::http::{HeaderMap, StatusCode};
    use axum::response::IntoResponse as _;
    use axum::routing::post;
    let old = |headers: HeaderMap, body: String| async move {
        let message: Value = serde_json::from_str(&body).unwrap();
        let answer = |result: Value| {
            let message = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
            let head = [("content-type", "application/json"), ("mcp-session-id", "s1")];
            (head, message.to_string()).into_response()
        };
        if headers["mcp-protocol-version"] != "2025-11-25" {
            return StatusCode::BAD_REQUEST.into_response();
        }
        match (message["method"].as_str().unwrap(), message["params"]["cursor"].as_str()) {
            ("initialize", _) => answer(json!({"protocolVersion": "2025-11-25"})),
            _ if headers["mcp-session-id"] != "s1" => StatusCode::NOT_FOUND.into_response(),
            ("tools/list", None) => answer(json!({"tools": [{"name": "a"}], "nextCursor": "2"})),
            ("tools/list", _) => answer(json!({"tools": [{"name": "b"}]})),
            _ => StatusCode::ACCEPTED.into_response(),
        }
    };
    let away = || async { (StatusCode::FOUND, [("location", "/mcp")]) };
    let router = axum::Router::new().route("/mcp", post(old)).route("/away", post(away));
    let server = Server::of(router);
    let desk = Desk::new();
    let catalogue = desk.text("tools.json");
    let (status, said) = run("pull", &server.url(), &catalogue);
    assert_eq!(status, Some(0), "{said}");
    let names: Vec<_> = read(&catalogue)["orders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["a", "b"]);
    let away = format!("http://{}/away", server.address);
    let (status, said) = run("pull", &away, &catalogue);
    assert!(status == Some(1) && said.contains("HTTP status 302"), "{said}");
}
