//! Peers that nobody here wrote: token libraries and JSON parsers of two languages, a DPoP client, an
//! identity provider whose metadata and keys a real gateway fetches, and MCP and A2A clients and servers on both
//! sides of one.
//!
//! `DEPUTY_PEERS` names the folder they are installed in; `cargo xtask test` gets it ready.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "tests"
)]

#[path = "interop/a2a.rs"]
mod a2a;
#[path = "interop/bodies.rs"]
mod bodies;
#[path = "interop/dpop.rs"]
mod dpop;
#[path = "interop/idp.rs"]
mod idp;
#[path = "interop/mcp.rs"]
mod mcp;
#[path = "interop/parsers.rs"]
mod parsers;
#[path = "interop/provider.rs"]
mod provider;
#[path = "interop/server.rs"]
mod server;
#[path = "interop/tokens.rs"]
mod tokens;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use host_tests::envoy::{Issuer, Request};
use serde_json::{Value, json};

/// The folder of the peers.
fn peers() -> PathBuf {
    match std::env::var_os("DEPUTY_PEERS") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => panic!(
            "DEPUTY_PEERS does not say where the peers are; run `cargo xtask test`, which installs them"
        ),
    }
}

/// A script beside `package.json`.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// A script that signs with one of Python's libraries.
fn python(name: &str, library: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg("-B").arg(script(name)).arg(peers().join("python")).arg(library);
    command
}

/// The example's configuration.
fn example() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/envoy-mcp/deputy.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The same with the keys of nobody, for the listener that stays.
fn staying() -> Value {
    let mut stays = example();
    stays["issuers"][0]["keys"] = json!({"inline": Issuer::named("stays").jwks()});
    stays
}

/// What a script prints when it is told that.
fn made_by(command: &mut Command, told: &Value) -> Value {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    child.stdin.take().unwrap().write_all(told.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the example's autonomous agent may do.
fn list_orders(authorization: &str) -> Request {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let params = json!({"name": "list_orders", "arguments": {"customer": 7}, "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    Request::new("POST", "/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", "list_orders")
        .header("authorization", authorization)
        .body(body.to_string())
}
