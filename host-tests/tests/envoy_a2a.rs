//! The configuration of `examples/envoy-a2a` in a real Envoy: what its README promises of messages, cards and
//! tasks, in both bindings.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use host_tests::envoy::{
    Admin, Answer, Client, Issuer, Journal, Process, Program, Request, Response, Seen, Server,
    TWO_WORKERS, wait,
};
use serde_json::{Value, json};

/// Issuer, agent and Envoy, with the example's own files.
struct Stage {
    gateway: SocketAddr,
    issuer: Issuer,
    agent: Server,
    journal: Journal,
    _keys: Server,
    _process: Process,
}

impl Stage {
    fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = Issuer::named("a2a");
        let keys = Server::start(Answer::json(&issuer.jwks()));
        let agent = Server::start(Answer::json(&json!({})));
        agent.answers_by(|seen| Answer::json(&answer(seen)).into());
        let config = folder.path().join("envoy.yaml");
        std::fs::write(&config, rewritten(&[(9400, keys.address()), (9402, agent.address())]))
            .unwrap();
        let mut process = Process::start_from(folder, &config, Some(&example()), &TWO_WORKERS);
        let admin = Admin::at(&process.admin());
        let gateway = wait::until(
            "the gateway",
            wait::START,
            || process.last_words(),
            || admin.listener("gateway").filter(|_| admin.is_ready()),
        );
        let journal = Journal::of(&process.log());
        Self { gateway, issuer, agent, journal, _keys: keys, _process: process }
    }

    fn ask(&self, request: Request, human: &str) -> Response {
        let token = self.issuer.token("refund-bot", human);
        let request =
            request.header("authorization", format!("Bearer {token}")).header("a2a-version", "1.0");
        let mut client = Client::connect(self.gateway).unwrap();
        client.send(&request);
        client.response(&request).unwrap()
    }

    fn message(&self, message: &Value, human: &str) -> Response {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}});
        let request =
            Request::new("POST", "/a2a/travel").header("content-type", "application/json");
        self.ask(request.body(body.to_string()), human)
    }

    /// The reason in the one receipt of a refusal.
    fn reason(&self, response: &Response) -> Value {
        let id = response.header("x-deputy-evaluation-id").unwrap();
        let receipts = self.journal.receipts("deputy");
        let receipts = receipts.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let [receipt] = receipts.filter(|r| r["id"] == *id).collect::<Vec<_>>().try_into().unwrap();
        receipt["reason"].clone()
    }
}

/// An agent that has one task, and a card with its own addresses.
fn answer(seen: &Seen) -> Value {
    let line = String::from_utf8_lossy(&seen.head.first).into_owned();
    let skills = ["search", "book", "cancel", "debug"];
    let skills = skills.map(|id| json!({"id": id, "name": id, "description": id, "tags": []}));
    if line.contains("agent-card.json") {
        return json!({
            "name": "Travel", "description": "Books trips", "version": "1.0.0", "capabilities": {},
            "supportedInterfaces": [
                {"url": "http://127.0.0.1:9402/a2a/travel", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
            ],
            "defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"], "skills": skills,
        });
    }
    let task =
        json!({"id": "t-1", "contextId": "c-1", "status": {"state": "TASK_STATE_COMPLETED"}});
    if line.starts_with("GET /a2a/travel/v1/tasks/t-1 ") {
        return task;
    }
    json!({"jsonrpc": "2.0", "id": 1, "result": {"task": task}})
}

fn search() -> Value {
    json!({
        "messageId": "m-1", "role": "ROLE_USER", "parts": [{"text": "trains to Graz"}],
        "metadata": {"skillId": "search"},
    })
}

fn book(price: u32) -> Value {
    json!({
        "messageId": "m-2", "role": "ROLE_USER", "parts": [{"data": {"city": "Graz", "price": price}}],
        "metadata": {"skillId": "book"},
    })
}

#[test]
fn the_example_does_what_its_readme_says() {
    let stage = Stage::set();
    // Allowed, and the task that comes back is this agent's for dana.
    let allowed = stage.message(&search(), "dana");
    assert_eq!(allowed.status, 200, "{}", allowed.text());
    let task = allowed.json()["result"]["task"]["id"].as_str().unwrap().to_owned();
    assert!(task.ends_with(".t-1"), "{task}");
    let get = |id: &str| Request::new("GET", format!("/a2a/travel/v1/tasks/{id}"));
    let read = stage.ask(get(&task), "dana");
    assert_eq!((read.status, &read.json()["id"]), (200, &json!(task)), "{}", read.text());
    let seen = stage.agent.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].header("x-deputy-agent").unwrap(), "https://idp.acme.example#refund-bot");
    assert_eq!(seen[0].header("authorization"), None);

    // Refused, and the agent has seen nothing of it.
    for (response, status, reason) in [
        (stage.ask(get(&task), "lee"), 404, "task_foreign"),
        (stage.ask(get("t-1"), "dana"), 404, "task_foreign"),
        (stage.message(&book(2000), "dana"), 403, "agent_not_allowed"),
        (stage.message(&book(200), "lee"), 403, "delegator_not_allowed"),
        (stage.message(&book(400), "dana"), 403, "approval_required"),
    ] {
        assert_eq!(response.status, status, "{}", response.text());
        assert_eq!(stage.reason(&response), reason);
    }
    let mut unnamed = search();
    unnamed["metadata"] = json!({});
    assert_eq!(stage.message(&unnamed, "dana").status, 403);
    assert_eq!(stage.agent.seen().len(), 2);
    assert_eq!(stage.message(&book(200), "dana").status, 200);

    // The card leads here, and shows what its reader could use.
    let card = stage.ask(Request::new("GET", "/.well-known/agent-card.json"), "dana");
    assert_eq!(card.status, 200, "{}", card.text());
    let ids: Vec<_> =
        card.json()["skills"].as_array().unwrap().iter().map(|s| s["id"].clone()).collect();
    assert_eq!(ids, ["search", "book"]);
    assert_eq!(card.json()["supportedInterfaces"][0]["url"], "http://127.0.0.1:10000/a2a/travel");
    assert!(!card.text().contains("9402"), "{}", card.text());
}

/// The example's Envoy configuration with ports that are free and the module's place: nothing else
/// differs.
fn rewritten(ports: &[(u16, SocketAddr)]) -> String {
    let mut text = std::fs::read_to_string(example().join("envoy.yaml")).unwrap();
    let mut replace = |written: String, with: String| {
        assert_eq!(text.matches(&written).count(), 1, "envoy.yaml has {written:?} once");
        text = text.replace(&written, &with);
    };
    for (port, here) in ports {
        replace(format!("port_value: {port} "), format!("port_value: {} ", here.port()));
    }
    // The system picks these two, and Envoy says which it got.
    for port in [10000, 9901] {
        replace(format!("port_value: {port} "), "port_value: 0 ".to_owned());
    }
    let module = Program::find().module.display().to_string();
    replace("../../target/deputy/deputy.wasm".to_owned(), module);
    text
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/envoy-a2a")
}
