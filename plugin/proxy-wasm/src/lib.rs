//! Deputy inside Envoy, or any other proxy-wasm host: carries the engine's conversation over ABI
//! 0.2.1.
//!
//! Every callback makes three moves, in this order: read from the host; step the engine and let go
//! of every borrow; act on the host. Acting comes last because a host may call back into the module
//! while it acts.
//!
//! * [`abi`]: the host's words and calls, bytes in and `Result` out
//! * `plugin`: which root context and which stream a callback is about
//! * `root`: one configuration: its engine and its counters
//! * `fetches`: calls for keys, shared by all who wait for the same ones
//! * `loading`: work on a bundle that has come, between requests
//! * `stream`: one request, from its headers to the decision
//! * `store`: what all workers share
//! * `response`: one response on its way back
//! * `signatures`, `verify_signature`: the host's own signature verification
//! * `waiting`: a table that needs no host
//!
//! Deliberately absent: every rule (the engine's), the `proxy-wasm` crate
//! (docs/decisions/0002-own-proxy-wasm-abi.md), `std::time`, and anything that can panic: a panic
//! traps the VM, and with it every request of that worker.
// The adapter exists only inside a module. Elsewhere its pure parts are compiled for their tests.
#![cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]

mod abi;
mod verify_signature;
mod waiting;

#[cfg(target_arch = "wasm32")]
mod fetches;
#[cfg(target_arch = "wasm32")]
mod loading;
#[cfg(target_arch = "wasm32")]
mod plugin;
#[cfg(target_arch = "wasm32")]
mod response;
#[cfg(target_arch = "wasm32")]
mod root;
#[cfg(target_arch = "wasm32")]
mod signatures;
#[cfg(target_arch = "wasm32")]
mod store;
#[cfg(target_arch = "wasm32")]
mod stream;
