//! What Deputy decides about is what servers in other languages read (threats J18).
//!
//! Nothing is claimed of a body that Deputy refuses.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deputy_engine::engine::Engine;
use deputy_engine::evidence::Head;
use deputy_engine::model::Timestamp;
use deputy_engine::step::{Arrival, Step};
use host_tests::envoy::Issuer;
use serde_json::{Value, json};

use crate::bodies::{Body, bodies};
use crate::{example, script};

const BODIES: u64 = 10_000;
/// Fewer would mean that the bodies are not close enough to good ones to say anything.
const ENOUGH: usize = 3_000;

#[test]
fn what_is_decided_about_is_what_python_and_node_read() {
    let issuer = Issuer::named("parsers");
    let mut engine = engine(&issuer);
    let token = issuer.token("refund-bot", "dana");
    let accepted: Vec<(Body, Value)> = bodies(BODIES)
        .filter_map(|body| {
            let receipt = decided(&mut engine, &token, &body);
            (receipt["verdict"] == "allow").then_some((body, receipt))
        })
        .collect();
    println!("{} of {BODIES} bodies are accepted", accepted.len());
    assert!((ENOUGH..9_000).contains(&accepted.len()), "{} bodies", accepted.len());
    let python = read(Command::new("python3").arg(script("read.py")), &accepted);
    let node = read(Command::new("node").arg(script("read.mjs")), &accepted);
    for (at, (body, receipt)) in accepted.iter().enumerate() {
        let text = String::from_utf8_lossy(&body.bytes);
        for read in [&python[at], &node[at]] {
            assert_eq!(receipt_of(read), shown(receipt), "{read} of {text}");
        }
        assert_eq!(python[at], node[at], "{text}");
    }
}

/// Everything is permitted, so that a body is refused only for what it is.
fn engine(issuer: &Issuer) -> Engine {
    let mut document = example();
    document["issuers"][0]["keys"] = json!({"inline": issuer.jwks()});
    document["mcp"][0]["tools"] = json!([
        {"name": "get_order"}, {"name": "Get_order"}, {"name": "get_order\u{200b}"}, {"name": "refund"},
    ]);
    document["mcp"][0]["resources"] = json!([{"prefix": "orders://"}]);
    document["mcp"][0]["prompts"] = json!([{"name": "summary"}, {"name": "Summary"}]);
    let all = r#"@id("all") permit (principal, action, resource);"#;
    document["policy"]["files"] = json!([{"name": "all.cedar", "text": all}]);
    Engine::new(document.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

fn decided(engine: &mut Engine, token: &str, body: &Body) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = Timestamp::from_unix_millis(u64::try_from(now).unwrap());
    let authorization = format!("Bearer {token}");
    let mut headers = vec![
        (":method", "POST"),
        (":path", "/mcp"),
        (":authority", "gateway.acme.example"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("authorization", authorization.as_str()),
    ];
    headers.extend(era(&body.message));
    let pairs = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let step = match engine.begin(Head::from_pairs(pairs), Arrival { now, entropy: [7; 10] }) {
        Step::Body(need) => need.provide(engine, body.bytes.clone(), now),
        step => step,
    };
    let Step::Decided(outcome) = step else { panic!("not decided: {step:?}") };
    serde_json::from_str(&outcome.receipt.to_json()).unwrap()
}

/// A modern message says in its head again what it is; for the others the body alone counts.
fn era(message: &Value) -> Vec<(&'static str, &str)> {
    let version = &message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
    let Some(version) = version.as_str() else {
        return vec![("mcp-protocol-version", "2025-11-25")];
    };
    let mut headers = vec![
        ("mcp-protocol-version", version),
        ("mcp-method", message["method"].as_str().unwrap()),
    ];
    headers.extend(message["params"]["name"].as_str().map(|name| ("mcp-name", name)));
    headers
}

/// What another language reads, a line for each body.
fn read(command: &mut Command, bodies: &[(Body, Value)]) -> Vec<Value> {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let lines: String =
        bodies.iter().map(|(body, _)| STANDARD.encode(&body.bytes) + "\n").collect();
    // It may answer before it has read everything.
    let mut to = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || to.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    let answers: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), bodies.len(), "{command:?}");
    answers
}

/// Method, name and arguments as a receipt names them.
fn receipt_of(read: &Value) -> [String; 3] {
    let text = |name: &str| read[name].as_str().unwrap_or_default().to_owned();
    let (method, name, arguments) = (text("method"), text("name"), text("arguments"));
    match method.as_str() {
        "tools/call" => [format!("orders/{name}"), format!("Tool::orders/{name}"), arguments],
        "prompts/get" => [method, format!("Prompt::orders/{name}"), arguments],
        "resources/read" => [method, "Resource::orders/orders://*".to_owned(), arguments],
        _ if method.starts_with("notifications/") => {
            ["notifications".to_owned(), "Server::orders".to_owned(), String::new()]
        }
        _ => [method, "Server::orders".to_owned(), String::new()],
    }
}

fn shown(receipt: &Value) -> [String; 3] {
    ["action", "resource", "arguments"]
        .map(|name| receipt[name].as_str().unwrap_or_default().to_owned())
}
