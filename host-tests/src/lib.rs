//! Everything that runs the real plugin module: a proxy-wasm host on wasmtime that behaves like
//! Envoy's filter manager ([`vm`]), and the same host as a small reverse proxy ([`devhost`]).
//!
//! Not here: policy, tokens, receipts. This crate knows the plugin only through its ABI.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test crate, nothing of it is shipped: a broken assumption stops the test at the spot, and a host is where clocks are read"
)]

pub mod cases;
pub mod devhost;
pub mod envoy;
pub mod runner;
pub mod vm;
