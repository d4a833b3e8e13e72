//! An approval service: a gateway asks here for a human's consent to exactly one action, a human who has
//! signed in gives or refuses it on a page, and the gateway gets it as a signed `agent-approval+jwt`.
//!
//! Top-down: `gateway` answers gateways, `people` answers people, `login` says who a person is, `page` shows
//! them what would be done, `eligible` says whether they may decide, `store` remembers, `signing` signs.
//! Deliberately not here: anything of the plugin. No crate of Deputy is a dependency, so the two agree
//! because both keep to the contract in README.md.

#![allow(
    clippy::disallowed_methods,
    reason = "a service has a clock; every rule takes the time as an argument"
)]

pub mod binding;
pub mod config;
mod eligible;
mod gateway;
mod jose;
mod login;
mod page;
mod people;
mod service;
mod signing;
mod store;
mod strict_json;
mod text;
mod time;
mod webhook;

pub use service::{Clock, Service};
pub use time::unix_seconds;
