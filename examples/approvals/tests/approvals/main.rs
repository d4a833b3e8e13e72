//! The service from outside: real sockets, the demo issuer, a person with a browser.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may end, and have a clock"
)]

mod attacks;
mod crash;
mod floods;
mod shown;
mod states;
mod webhook;
mod world;
