//! The harness itself under test, with small guests in WebAssembly text: one rule of the host per
//! test. The real plugin is not involved.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

#[path = "harness/bodies.rs"]
mod bodies;
#[path = "harness/callouts.rs"]
mod callouts;
#[path = "harness/failure.rs"]
mod failure;
#[path = "harness/guest.rs"]
mod guest;
#[path = "harness/headers.rs"]
mod headers;
#[path = "harness/lifecycle.rs"]
mod lifecycle;
#[path = "harness/local_replies.rs"]
mod local_replies;
#[path = "harness/responses.rs"]
mod responses;
#[path = "harness/sharing.rs"]
mod sharing;
