//! Peers that nobody here wrote: token libraries and JSON parsers of two languages, an identity
//! provider whose metadata and keys a real gateway fetches, and MCP clients and servers on both sides
//! of one.
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

#[path = "interop/bodies.rs"]
mod bodies;
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

use std::path::{Path, PathBuf};

use serde_json::Value;

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

/// The example's configuration.
fn example() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/envoy-mcp/deputy.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}
