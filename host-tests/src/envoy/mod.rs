//! The real Envoy, with the real module, as a place to test in.
//!
//! A [`Gateway`] is one Envoy process; a [`Listener`] in it is a plugin configuration of its own, with
//! a recording upstream and, if the configuration fetches keys, scripted key servers ([`Server`]).
//! Listeners come and go while Envoy runs, through its file-based discovery, because compiling the
//! module costs seconds and a listener costs milliseconds. A [`Client`] sends hostile bytes exactly
//! as they are. What the plugin did is read where an operator would read it: from Envoy's log and its
//! access log.
//!
//! Needs `DEPUTY_ENVOY` and `DEPUTY_WASM`. Not here: expectations.

mod admin;
mod client;
mod config;
mod gateway;
mod issuer;
mod journal;
mod listener;
mod ports;
mod process;
mod reply;
mod server;
pub mod wait;
pub mod wire;

pub use admin::Admin;
pub use client::{Client, Request, Response};
pub use config::{Front, Plan};
pub use gateway::Gateway;
pub use issuer::{ISSUER, Issuer};
pub use journal::{Access, Journal};
pub use listener::Listener;
pub use ports::unused as unused_port;
pub use process::{ONE_WORKER, Process, Program, TWO_WORKERS};
pub use reply::{Answer, Body, Reply};
pub use server::{Seen, Server};
