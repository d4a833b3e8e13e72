//! `examples/envoy-http` as it is read: its Envoy configuration in a real Envoy, the demo's issuer, and every
//! `curl` of its README, which must be answered with the status that is written behind it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use deputy_example_envoy_mcp::agent::Login;
use deputy_example_envoy_mcp::issuer::Issuer;
use host_tests::envoy::{Admin, ISSUER, Journal, Process, Program, TWO_WORKERS, wait};
use serde_json::Value;
use tokio::runtime::Runtime;

#[test]
fn every_request_of_the_readme_is_answered_as_it_says() {
    let world = World::new();
    let token = world.token("refund-bot", "dana");
    let readme = std::fs::read_to_string(example().join("README.md")).unwrap();
    let mut reached = 0;
    let mut statuses = Vec::new();
    for line in readme.lines().filter(|line| line.starts_with("curl ")) {
        let (_, status) = line.rsplit_once("# ").expect("each says its status");
        let answer = world.run(line, &token);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{line}\n{answer}");
        reached += u64::from(status == "200");
        assert_eq!(world.reached(), reached, "what reached the API after {line}");
        match status {
            "200" => is_told_who_asks(&answer),
            _ => assert!(answer.contains("x-deputy-evaluation-id: "), "{answer}"),
        }
        statuses.push(status.to_owned());
    }
    assert_eq!(statuses, ["200", "200", "403", "403", "403", "400", "401"]);
    let reasons: Vec<_> = world.receipts().iter().map(|r| r["reason"].clone()).collect();
    let refused = ["agent_not_allowed", "agent_not_allowed", "unmapped", "path_ambiguous"];
    let expected = [Value::Null, Value::Null].into_iter().chain(refused.map(Value::from));
    assert_eq!(reasons, expected.chain(["no_credential".into()]).collect::<Vec<_>>());
}

/// The API sees the agent and the human, and no token.
fn is_told_who_asks(answer: &str) {
    for line in [
        "x-api-saw-agent: https://idp.acme.example#refund-bot\r\n",
        "x-api-saw-delegator: https://idp.acme.example#dana\r\n",
    ] {
        assert!(answer.contains(line), "{line:?} is not in {answer}");
    }
    assert!(!answer.contains("x-api-saw-token: Bearer"), "{answer}");
}

/// Issuer and Envoy.
struct World {
    runtime: Runtime,
    process: Process,
    admin: Admin,
    gateway: SocketAddr,
    issuer: SocketAddr,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let agents = folder.path().join("agents");
        let issued = Issuer::found(ISSUER.into(), AUDIENCE.into(), &agents).unwrap();
        let listener =
            runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let issuer = listener.local_addr().unwrap();
        let router = issued.router();
        runtime.spawn(async move { axum::serve(listener, router).await });
        let config = folder.path().join("envoy.yaml");
        std::fs::write(&config, rewritten(issuer.port())).unwrap();
        let mut process = Process::start_from(folder, &config, Some(&example()), &TWO_WORKERS);
        let admin = Admin::at(&process.admin());
        let gateway = wait::until(
            "the gateway",
            wait::START,
            || process.last_words(),
            || admin.listener("gateway").filter(|_| admin.is_ready()),
        );
        Self { runtime, process, admin, gateway, issuer }
    }

    fn token(&self, agent: &str, human: &str) -> String {
        let login = Login { address: format!("http://{}", self.issuer), issuer: ISSUER.into() };
        let key = self.process.folder().join("agents").join(format!("{agent}.jwk"));
        self.runtime.block_on(login.agent(&key, Some(human))).unwrap()
    }

    /// Runs a line of the README as its reader does, at this Envoy; what it printed.
    fn run(&self, line: &str, token: &str) -> String {
        let line = line.replace("127.0.0.1:10000", &self.gateway.to_string());
        let shell =
            Command::new("sh").args(["-c", &line]).env("ACCESS_TOKEN", token).output().unwrap();
        String::from_utf8_lossy(&shell.stdout).into_owned()
    }

    /// How many requests the API has seen.
    fn reached(&self) -> u64 {
        self.admin.stat("http.api.downstream_rq_total")
    }

    fn receipts(&self) -> Vec<Value> {
        let receipts = Journal::of(&self.process.log()).receipts("deputy");
        receipts.iter().map(|receipt| serde_json::from_str(receipt).unwrap()).collect()
    }
}

/// The example's Envoy configuration with ports that are free and the module's place: nothing else differs.
fn rewritten(issuer: u16) -> String {
    let api = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut text = std::fs::read_to_string(example().join("envoy.yaml")).unwrap();
    for (port, here, times) in [(9400, issuer, 1), (9402, api, 2), (10000, 0, 1), (9901, 0, 1)] {
        let written = format!("port_value: {port} ");
        assert_eq!(text.matches(&written).count(), times, "envoy.yaml has {written:?}");
        text = text.replace(&written, &format!("port_value: {here} "));
    }
    let module = Program::find().module.display().to_string();
    text.replace("../../target/deputy/deputy.wasm", &module)
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/envoy-http")
}

const AUDIENCE: &str = "https://gateway.acme.example";
