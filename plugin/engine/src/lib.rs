//! Deputy's engine: decides what an agent may do right now, and says why.
//!
//! Every rule lives here. Deliberately absent: I/O, clocks, randomness, threads, and any knowledge
//! of a host; they are arguments. A host turns the conversation of [`step`] into its own calls.
//!
//! Begin with [`engine::Engine`] and [`step`]; ARCHITECTURE.md has the map.

mod approval;
mod audit;
mod authority;
mod behavior;
mod bundle;
mod config;
mod credential;
pub mod decision;
mod directory;
pub mod engine;
mod events;
pub mod evidence;
mod fetch;
mod json;
mod listed;
pub mod model;
mod policy;
mod protocol;
mod recall;
mod registry;
mod renewal;
mod resource;
pub mod response;
pub mod step;
mod trust;

pub use audit::Receipt;
pub use config::{
    Problems, PublishedBundle, PublishedRevocations, check_bundle, check_revocations,
};
pub use credential::{KINDS as CREDENTIAL_KINDS, Kind as CredentialKind, Place as CredentialPlace};
pub use listed::{ListedTool, ListedTools, listed_tools};
pub use policy::Problem;
pub use protocol::trailer_may_pass;
pub use trust::{HostAlgorithm, HostCheck, HostFitness, HostVerifier};
