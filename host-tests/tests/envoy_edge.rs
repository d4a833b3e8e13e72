//! What only a real gateway shows: framing, protocols, connections, workers, starting.
//!
//! Each refusal is held against five things (`world::World::refused`): its exact status, an upstream
//! that saw not a byte, exactly one receipt with the right reason and no secret, a good request on
//! every worker afterwards, and memory that stays bounded. Policy and tokens are not tested here but
//! by the cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::string_slice,
    reason = "tests"
)]

#[path = "envoy_edge/approvals.rs"]
mod approvals;
#[path = "envoy_edge/bodies.rs"]
mod bodies;
#[path = "envoy_edge/certificates.rs"]
mod certificates;
#[path = "envoy_edge/front.rs"]
mod front;
#[path = "envoy_edge/headers.rs"]
mod headers;
#[path = "envoy_edge/http2.rs"]
mod http2;
#[path = "envoy_edge/keys.rs"]
mod keys;
#[path = "envoy_edge/lists.rs"]
mod lists;
#[path = "envoy_edge/paths.rs"]
mod paths;
#[path = "envoy_edge/proofs.rs"]
mod proofs;
#[path = "envoy_edge/renewal.rs"]
mod renewal;
#[path = "envoy_edge/secured.rs"]
mod secured;
#[path = "envoy_edge/starting.rs"]
mod starting;
#[path = "envoy_edge/streams.rs"]
mod streams;
#[path = "envoy_edge/tls.rs"]
mod tls;
#[path = "envoy_edge/upgrades.rs"]
mod upgrades;
#[path = "envoy_edge/world.rs"]
mod world;
